# SPDX-License-Identifier: GPL-3.0-or-later
"""The .blend and the files that it uses: kept beside it, found again wherever it is saved, packed into a folder."""

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import bpy

from ..scene import timeline, titles
from ..session import files, state, tasks
from ..session.tasks import Problem, Task
from . import takes

SOURCES = ("song", "cover", "storyboard", "character", "wav", "font")
"""the scene's settings that name a file"""


# Save As


def will_be_saved(target: str) -> None:
    """Before a save into another folder: our paths go on naming the same files, as Blender sees to with strips."""
    if target and bpy.data.filepath:
        state.session().files.relative_to = Path(target).parent
        _rebase(Path(bpy.data.filepath).parent, Path(target).parent)


def was_saved() -> None:
    """After a save, or one that failed: where the open file stayed the one that it was, our paths go back."""
    written, state.session().files.relative_to = state.session().files.relative_to, None
    if written and bpy.data.filepath:
        _rebase(written, Path(bpy.data.filepath).parent)


def was_appended(scene: Any, blend: Path) -> None:
    """After a scene came from another .blend: its paths go on naming the files that they named there."""
    _rebase(blend.parent, Path(bpy.data.filepath).parent if bpy.data.filepath else None, [scene])


def _rebase(old: Path, new: Path | None, scenes: Iterable[Any] | None = None) -> None:
    """Paths relative to one folder become relative to another, or whole ones where there is none yet."""
    if old == new:
        return
    for holder, name in _ours(bpy.data.scenes if scenes is None else scenes):
        text = getattr(holder, name)
        if text.startswith("//"):
            path = os.path.normpath(old / text[2:])
            setattr(holder, name, _relative(path, new) if new else path)


def _ours(scenes: Iterable[Any]) -> Iterator[tuple[Any, str]]:
    """Every path of ours that Blender doesn't know of, as an object and its attribute."""
    for scene in scenes:
        settings = state.settings_of(scene)
        yield from ((settings, name) for name in SOURCES)
        yield from ((take, "path") for take in settings.takes)


def _relative(path: str | Path, folder: Path) -> str:
    """As Blender writes it; the whole path where there is no way from one to the other."""
    try:
        return bpy.path.relpath(str(path), start=str(folder))
    except ValueError:  # another drive
        return str(path)


# Beside the file


def move_beside(tried: frozenset[str] = frozenset()) -> None:
    """Copies takes, song and fonts beside the .blend, then lets the scenes use the copies; nothing if all are there."""
    if not bpy.data.filepath or tasks.running("files"):
        return
    folder = files.project_folder()
    wanted: dict[str, Path] = {}
    for scene in bpy.data.scenes:
        settings = state.settings_of(scene)
        wanted |= {take.path: folder / "clips" for take in settings.takes}
        wanted |= {settings.wav: folder} if settings.wav else {}
        wanted |= {font.filepath: folder / "fonts" for font in titles.fonts(scene)}
        wanted |= {str(path): folder / "titles" for path in titles.pictures(scene).values()}
    sources = {text: (timeline.absolute(text), target) for text, target in wanted.items() if text not in tried}
    sources = {text: pair for text, pair in sources.items() if not pair[0].is_relative_to(folder)}
    if not sources:
        return

    def work(task: Task) -> dict[str, Path]:
        return {text: files.copy_beside(*pair) for text, pair in sources.items() if pair[0].is_file()}

    def done(moved: dict[str, Path]) -> None:
        for scene in bpy.data.scenes:
            takes.refer(scene, moved)
        move_beside(tried | sources.keys())  # what landed meanwhile

    tasks.start("files", "Keeping the clips beside the file", work, done)


# Collect Project


@dataclass(frozen=True)
class _Use:
    """A file that the open .blend uses, and what holds its path."""

    path: Path
    holder: Any
    name: str
    """of the holder's attribute"""
    folder: str
    """where the file goes within the collected ones"""
    is_folder: bool = False
    """the attribute names the file's folder alone"""


def collect(place: Path) -> Path:
    """Packs a copy of the .blend with every file that it uses into a new folder; gives the folder.

    Raises:
        Problem: the file was never saved, or the folder has something in it; without a window, whatever went wrong.
    """
    if not bpy.data.filepath:
        raise Problem("Save the .blend first.")
    name = Path(bpy.data.filepath).stem
    folder = place / name
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Problem(f"{folder} is there already: choose another place.")
    places = _places(_uses(), folder / f"{name}.beatboard")

    def work(task: Task) -> list[Path]:
        try:
            return _copy(places, task)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)  # it was ours alone
            raise

    def done(missing: list[Path]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        with _named(places):
            blend = folder / f"{name}.blend"
            bpy.ops.wm.save_as_mainfile(filepath=str(blend), copy=True, relative_remap=True, check_existing=False)
        if missing:
            names = ", ".join(path.name for path in missing[:3]) + (" and others" if len(missing) > 3 else "")
            tasks.note("collect", f"The project is in {folder}, without what is missing here: {names}.")

    tasks.start("collect", "Collecting the project", work, done)
    return folder


def _uses() -> Iterator[_Use]:
    """Every file of the open .blend, Blender's own data's and ours; packed and linked ones apart."""
    for holder, name in _ours(bpy.data.scenes):
        yield from _use(holder, name, "clips" if name == "path" else "media")
    for strip in (strip for scene in bpy.data.scenes for strip in timeline.all_strips(scene)):
        if strip.type == "MOVIE":
            yield from _use(strip, "filepath", "clips" if "id" in strip else "media")
        elif strip.type == "IMAGE":
            folder = timeline.absolute(strip.directory)
            for element in strip.elements:
                yield _Use(folder / element.filename, strip, "directory", f"media/{strip.name}", is_folder=True)
    for holder in (*bpy.data.sounds, *bpy.data.fonts, *bpy.data.images, *bpy.data.movieclips):
        if not getattr(holder, "packed_file", None) and holder.library is None:
            yield from _use(holder, "filepath", "media")


def _use(holder: Any, name: str, folder: str) -> Iterator[_Use]:
    text = getattr(holder, name)
    if text and text != "<builtin>":
        yield _Use(timeline.absolute(text), holder, name, folder)


def _places(uses: Iterable[_Use], root: Path) -> dict[Path, Path]:
    """Where each file goes; of those that have one name, the later ones go into folders of their own."""
    places: dict[Path, Path] = {}
    for use in uses:
        names = (f"{use.folder}-{number}" if number else use.folder for number in count())
        free = (target for name in names if (target := root / name / use.path.name) not in places.values())
        places.setdefault(use.path, next(free))
    return places


def _copy(places: Mapping[Path, Path], task: Task) -> list[Path]:
    """Copies the files; gives those that are not there. In a thread."""
    missing = []
    for number, (source, target) in enumerate(places.items()):
        task.tell(number / len(places), f"copying {source.name}")
        if source.is_file():
            files.copy_beside(source, target.parent)
        else:
            missing.append(source)
    return missing


@contextmanager
def _named(places: Mapping[Path, Path]) -> Iterator[None]:
    """Meanwhile the open .blend uses the copies: relative to itself, so that a saved copy has them relative to it."""
    here = Path(bpy.data.filepath).parent
    found = [(use, places[use.path]) for use in _uses() if use.path in places and places[use.path].is_file()]
    before = [(use, getattr(use.holder, use.name)) for use, _ in found]
    try:
        for use, target in found:
            text = _relative(target.parent, here) + "/" if use.is_folder else _relative(target, here)
            setattr(use.holder, use.name, text)
        yield
    finally:
        for use, text in before:
            setattr(use.holder, use.name, text)
