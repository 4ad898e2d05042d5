# SPDX-License-Identifier: GPL-3.0-or-later
"""The files that a storyboard names beside itself, seen from elsewhere. Pure: standard library only.

The bridge gets a storyboard's text, not its folder, and reads no file by a place that came from elsewhere: what a
storyboard names goes as an upload, by whose name the place is replaced.
"""

import json
import re
import tomllib
from collections.abc import Callable
from pathlib import Path

_NAMED = re.compile(r'^(\s*(?:character|font|image|clip)\s*=\s*)("[^"\n]*"|\'[^\'\n]*\')', re.MULTILINE)


_MATERIAL = re.compile(r'^[ \t]*material[ \t]*=[ \t]*("[^"\n]*"|\'[^\'\n]*\')', re.MULTILINE)
"""the folder of the shots' own files"""


def written_out(text: str, folder: Path, name_of: Callable[[Path], str] = Path.as_posix) -> str:
    """The storyboard with other names for the files beside it; what isn't there stays as it is.

    Args:
        name_of: a file's new name; its whole path by default.
    """

    material = _MATERIAL.search(text)
    shoot = folder / material[1][1:-1] if material else folder

    def renamed(match: re.Match[str]) -> str:
        path = (shoot if match[1].lstrip().startswith(("image", "clip")) else folder) / match[2][1:-1]
        return match[1] + json.dumps(name_of(path)) if path.is_file() else match[0]

    return _MATERIAL.sub("", _NAMED.sub(renamed, text))


def character(text: str, folder: Path) -> Path | None:
    """The main character's picture, if the storyboard names one that is there; of mistakes the bridge tells."""
    try:
        name = tomllib.loads(text).get("character")
    except tomllib.TOMLDecodeError:
        return None
    path = folder / name if isinstance(name, str) else None
    return path if path and path.is_file() else None


def own_shots(text: str) -> dict[str, str]:
    """The files of the user's own that a storyboard's shots show, by the shots' ids; of mistakes the bridge tells."""
    try:
        shots = tomllib.loads(text).get("shots", [])
    except tomllib.TOMLDecodeError:
        return {}
    tables = [shot if isinstance(shot, dict) else {} for shot in shots] if isinstance(shots, list) else []
    named = {f"s{number:02d}": shot.get("clip") or shot.get("image") for number, shot in enumerate(tables, start=1)}
    return {shot_id: name for shot_id, name in named.items() if isinstance(name, str)}
