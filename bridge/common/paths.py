# SPDX-License-Identifier: GPL-3.0-or-later
"""Where Beatboard keeps its files on this machine. `BEATBOARD_HOME` overrides everything.

A user without a home that can be written to, as in many containers, gets a folder among the temporary ones.
"""

import functools
import os
import re
import sys
import tempfile
from collections.abc import Collection
from pathlib import Path

import platformdirs

from bridge.common.errors import BadInput

DEFAULT_STORE_LIMIT_BYTES = 50 * 2**30
ENGINE_SECRETS = ("RUNWAYML_API_SECRET", "FAL_KEY", "HF_TOKEN", "HF_TOKEN_PATH", "HUGGING_FACE_HUB_TOKEN")
"""what engines need: Runway's and fal's keys, and Hugging Face's for weights that ask for it"""
_SECRET = re.compile(r"TOKEN|SECRET|PASSW|CREDENTIAL|_KEY$|APIKEY", re.IGNORECASE)


def data_folder() -> Path:
    """What must stay: the store, the queue, the logs. Made if it isn't there."""
    home = os.environ.get("BEATBOARD_HOME")
    return (
        _made(Path(home)) if home else _usable(Path(platformdirs.user_data_dir("beatboard", appauthor=False)), "data")
    )


def cache_folder() -> Path:
    """What can be made again, such as analyses. Made if it isn't there."""
    home = os.environ.get("BEATBOARD_HOME")
    if home:
        return _made(Path(home) / "cache")
    return _usable(Path(platformdirs.user_cache_dir("beatboard", appauthor=False)), "cache")


def prepare_compiler_cache() -> None:
    """Lets numba keep what it compiles among our files where the package itself can't be written to."""
    if not os.access(Path(__file__).parents[1] / "song", os.W_OK):
        os.environ.setdefault("NUMBA_CACHE_DIR", str(cache_folder() / "numba"))


def store_folder() -> Path:
    """Where `bridge.common.store.Store` keeps clips and uploads."""
    return data_folder() / "store"


def child_environment(secrets: Collection[str] = (), **more: str) -> dict[str, str]:
    """This process's environment with some more, for a child that finds this very code.

    Args:
        secrets: the names of those keys and tokens that the child needs; it gets no others.
    """
    root = str(Path(__file__).parents[2])
    path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    ours = {name: value for name, value in os.environ.items() if name in secrets or not _SECRET.search(name)}
    return {**ours, "PYTHONPATH": path, **more}


@functools.cache
def _usable(folder: Path, kind: str) -> Path:
    """The folder or, where it can't be written to, one among the temporary ones, which is told once."""
    try:
        return _made(folder)
    except BadInput:
        instead = _made(Path(tempfile.gettempdir(), f"beatboard-{_user()}", kind))
        if hasattr(os, "getuid") and instead.parent.stat().st_uid != os.getuid():
            raise BadInput(f"{instead.parent} belongs to somebody else; name a folder with BEATBOARD_HOME.") from None
        print(
            f"beatboard: {folder} can't be written to, so {instead} is used, which may be emptied at any time."
            " BEATBOARD_HOME names a folder of your own.",
            file=sys.stderr,
        )
        return instead


def _user() -> str:
    return str(os.getuid()) if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")


def _made(folder: Path) -> Path:
    folder = folder.expanduser().absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise BadInput(f"{folder} can't be made ({error.strerror}); name another with BEATBOARD_HOME.") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise BadInput(f"{folder} belongs to somebody else or is read-only; name another with BEATBOARD_HOME.")
    return folder
