# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a folder, each measured once. What was measured is kept: the next run, or one after a stop, goes on.

Nothing of the user's is changed, and nothing that they say of places or people is kept: a measure is numbers.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from blender_addon.core import codec
from blender_addon.core.code_version import code_version
from bridge import cover
from bridge.check import container, cuts
from bridge.common import frames, optical_flow, paths, shown_frames
from bridge.common.errors import BadInput
from bridge.common.files import write_text
from bridge.common.progress import OnProgress
from bridge.material import watching
from bridge.material.watching import Measured
from bridge.plan.storyboard import PICTURES

CLIPS = (".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".mts", ".m2ts", ".mpg", ".mpeg", ".3gp", ".mxf", ".wmv")
SOURCES = (
    *(Path(str(one.__file__)) for one in (watching, cuts, container, frames, optical_flow, shown_frames)),
    Path(str(cover.__file__)).parent,
)
"""the code that shapes a measure"""
_ENDS_BYTES = 1 << 20


@dataclass(frozen=True)
class Item:
    """A file that can be used."""

    path: Path
    name: str
    """for people: its place within the folder"""
    digest: str
    """of its content, more or less"""
    measured: Measured


@dataclass(frozen=True)
class Watched:
    """What a folder holds."""

    items: tuple[Item, ...]
    left_out: tuple[str, ...]
    """a sentence for each file that can't be used"""


def watch_folder(folder: Path, on_progress: OnProgress) -> Watched:
    """Every picture and clip in a folder and those within it, measured, in order of their names.

    Raises:
        BadInput: there is no such folder, or nothing in it can be used.
    """
    if not folder.is_dir():
        raise BadInput(f"There is no folder {folder}; name the one with your pictures and clips.")
    found = sorted(_files(folder), key=lambda path: path.relative_to(folder).as_posix().casefold())
    items, left_out, seen = [], [], set[str]()
    sizes = [_size(path) for path in found]
    whole, before = max(1, sum(sizes)), 0
    for path, size in zip(found, sizes, strict=True):
        name = path.relative_to(folder).as_posix()

        def tell(done: float, before: int = before, size: int = size, name: str = name) -> None:
            on_progress((before + done * size) / whole, f"watching {name}")

        tell(0.0)
        before += size
        try:
            digest = _digest(path)
            if digest in seen:
                continue  # a copy: no moment is shown twice
            seen.add(digest)
            items.append(Item(path, name, digest, _measured(path, digest, tell)))
        except BadInput as error:
            left_out.append(f"{name} is left out: {str(error).rstrip('.')}.")
        except OSError as error:
            left_out.append(f"{name} is left out: {error.strerror or error}.")
    if not items:
        why = f" {left_out[0]}" if left_out else ""
        raise BadInput(f"There is no picture or clip in {folder} that can be used.{why}")
    return Watched(tuple(items), tuple(left_out))


def _files(folder: Path) -> Iterable[Path]:
    known = {*CLIPS, *PICTURES}
    for path in folder.rglob("*"):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.suffix.lower() in known and not hidden and path.is_file():
            yield path


def _size(path: Path) -> int:
    """What a file weighs in the progress: a picture is looked at as fast as it is loaded."""
    return path.stat().st_size if path.suffix.lower() in CLIPS else 1


def _digest(path: Path) -> str:
    """Names a file's content by its size and its ends: a shoot is too large to be read twice."""
    size = path.stat().st_size
    found = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        found.update(file.read(_ENDS_BYTES))
        file.seek(max(0, size - _ENDS_BYTES))
        found.update(file.read())
    return found.hexdigest()


def _measured(path: Path, digest: str, tell: watching.Tell) -> Measured:
    entry = paths.cache_folder() / "material" / f"{digest}-{code_version(*SOURCES)}.json"
    try:
        return codec.loads(Measured, entry.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, codec.DecodeError):
        pass  # never measured, or by other code, or damaged
    is_clip = path.suffix.lower() in CLIPS
    measured = watching.measure_clip(path, tell) if is_clip else watching.measure_picture(path)
    entry.parent.mkdir(parents=True, exist_ok=True)
    write_text(entry, codec.dumps(measured))
    return measured
