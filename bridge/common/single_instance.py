# SPDX-License-Identifier: GPL-3.0-or-later
"""One bridge per home folder: its lock, and the file that tells the user's other programs how to reach it."""

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from bridge.common import files
from bridge.common.errors import BadInput

CONNECTION_FILE = "bridge.json"


@dataclass(frozen=True, slots=True)
class Connection:
    """How to reach a running bridge."""

    url: str
    token: str
    pid: int
    fingerprint: str = ""
    """SHA-256 of its certificate in hex, if it speaks TLS"""
    nonce: str = ""
    """a secret of this launch, by which it shows who it is: see `blender_addon.core.proof`"""


@contextlib.contextmanager
def sole_instance(home: Path) -> Iterator[None]:
    """Holds the home folder's lock. The system lets go of it when the process ends, however it ends.

    Raises:
        BadInput: another bridge holds it.
    """
    with (home / "bridge.lock").open("a+") as file:
        if not files.try_lock(file):
            other = read_connection(home)
            where = f" (process {other.pid}, {other.url})" if other else ""
            raise BadInput(f"Another bridge{where} uses {home}. Use that one, stop it first, or set BEATBOARD_HOME.")
        yield


@contextlib.contextmanager
def published(home: Path, connection: Connection) -> Iterator[None]:
    """Writes the connection file, readable by this user only, and removes it in the end."""
    path = home / CONNECTION_FILE
    beside = home / f"{CONNECTION_FILE}~"
    beside.unlink(missing_ok=True)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(asdict(connection), file)
    beside.replace(path)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def read_connection(home: Path) -> Connection | None:
    """How to reach the bridge that last published itself; it may be dead by now."""
    try:
        return Connection(**json.loads((home / CONNECTION_FILE).read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return None
