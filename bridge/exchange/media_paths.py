# SPDX-License-Identifier: GPL-3.0-or-later
"""Files as a timeline names them: relative to its folder where they lie in it, so that both can be moved together."""

import os
import re
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit


def url_of(path: str, folder: Path, *, quoted: bool) -> str:
    """How a timeline in `folder` names a file."""
    place = Path(path)
    if place.is_relative_to(folder):
        relative = place.relative_to(folder).as_posix()
        return quote(relative) if quoted else relative
    return place.as_uri() if place.is_absolute() else path


def path_of(url: str, folder: Path) -> str:
    """The file that a timeline in `folder` means: where it says, or beside the timeline under the same name.

    A path of another system stays as it is written, for people to read.
    """
    if not url:
        return ""
    found = Path(os.path.normpath(folder / _plain(url)))
    beside = folder / re.split(r"[/\\]", _plain(url))[-1]
    return str(beside if not found.is_file() and beside.is_file() else found)


def _plain(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme.lower() != "file":
        return unquote(url) if "%" in url else url
    path = unquote(parts.path)
    return path[1:] if re.match(r"/[A-Za-z]:", path) else path
