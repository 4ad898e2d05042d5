# SPDX-License-Identifier: GPL-3.0-or-later
"""The bridge's log: a JSON object per line, in files that rotate."""

import io
import json
import logging
import logging.handlers
from datetime import UTC, datetime
from pathlib import Path

from bridge.common import files

LIMIT_BYTES = 2_000_000
KEPT_FILES = 5


class JsonLines(logging.Formatter):
    """Time (UTC), level, where from, message, and the traceback if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "from": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


class PrivateFiles(logging.handlers.RotatingFileHandler):
    """Files that rotate, and that only this user may read."""

    def _open(self) -> io.TextIOWrapper:
        return io.TextIOWrapper(files.open_private(Path(self.baseFilename)), encoding="utf-8")


def to_file(path: Path) -> logging.Handler:
    """Sends everything from INFO on to this file from now on; gives the handler, to be removed in the end."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = PrivateFiles(path, maxBytes=LIMIT_BYTES, backupCount=KEPT_FILES, encoding="utf-8", delay=True)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    return handler
