# SPDX-License-Identifier: GPL-3.0-or-later
"""The files that a storyboard names beside itself, seen from elsewhere. Pure: standard library only.

The bridge gets a storyboard's text, not its folder, so places that are relative to it are written out before it goes.
"""

import json
import re
import tomllib
from pathlib import Path

_NAMED = re.compile(r'^(\s*(?:character|font)\s*=\s*)("[^"\n]*"|\'[^\'\n]*\')', re.MULTILINE)


def written_out(text: str, folder: Path) -> str:
    """The storyboard with whole paths in place of those of files beside it; what isn't there stays as it is."""

    def whole(match: re.Match[str]) -> str:
        path = folder / match[2][1:-1]
        return match[1] + json.dumps(path.as_posix()) if path.is_file() else match[0]

    return _NAMED.sub(whole, text)


def character(text: str, folder: Path) -> Path | None:
    """The main character's picture, if the storyboard names one that is there; of mistakes the bridge tells."""
    try:
        name = tomllib.loads(text).get("character")
    except tomllib.TOMLDecodeError:
        return None
    path = folder / name if isinstance(name, str) else None
    return path if path and path.is_file() else None
