# SPDX-License-Identifier: GPL-3.0-or-later
"""Where Beatboard keeps its files on this machine. `BEATBOARD_HOME` overrides everything."""

import os
import re
from collections.abc import Collection
from pathlib import Path

import platformdirs

DEFAULT_STORE_LIMIT_BYTES = 50 * 2**30
ENGINE_SECRETS = ("RUNWAYML_API_SECRET", "HF_TOKEN", "HF_TOKEN_PATH", "HUGGING_FACE_HUB_TOKEN")
"""what engines need: Runway's key, and Hugging Face's for weights that ask for it"""
_SECRET = re.compile(r"TOKEN|SECRET|PASSW|CREDENTIAL|_KEY$|APIKEY", re.IGNORECASE)


def data_folder() -> Path:
    """What must stay: the store, the queue, the logs. Made if it isn't there."""
    home = os.environ.get("BEATBOARD_HOME")
    return _made(Path(home) if home else Path(platformdirs.user_data_dir("beatboard", appauthor=False)))


def cache_folder() -> Path:
    """What can be made again, such as analyses. Made if it isn't there."""
    home = os.environ.get("BEATBOARD_HOME")
    return _made(Path(home) / "cache" if home else Path(platformdirs.user_cache_dir("beatboard", appauthor=False)))


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


def _made(folder: Path) -> Path:
    folder = folder.expanduser().absolute()
    folder.mkdir(parents=True, exist_ok=True)
    return folder
