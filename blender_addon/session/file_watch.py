# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks, in a thread, whether the files of the edit are still there and still what they were."""

import threading
from pathlib import Path
from typing import Any

import bpy

from ..scene import timeline
from . import files, state, tasks

missing: set[str] = set()
"""paths, as the scene names them, of files that are not there"""
stamps: dict[str, str] = {}
"""the present stamps of song and cover, by their paths"""
_looking = threading.Lock()


def look(scene: Any) -> None:
    """Starts looking; what is found comes with a later tick."""
    settings = state.settings_of(scene)
    shown = {take.path for take in settings.takes} | {settings.wav}
    shown |= {strip.filepath for strip in timeline.shot_strips(scene) if strip.type == "MOVIE"}
    wanted = {text: Path(bpy.path.abspath(text)) for text in shown if text}
    sources = [path for path in (state.path_of(settings.song), state.path_of(settings.cover)) if path]
    if tasks.synchronous:
        _look(wanted, sources)
        tasks.hand_over()
    elif _looking.acquire(blocking=False):
        threading.Thread(target=_look_and_release, args=(wanted, sources), daemon=True).start()


def _look_and_release(wanted: dict[str, Path], sources: list[Path]) -> None:
    try:
        _look(wanted, sources)
    finally:
        _looking.release()


def _look(wanted: dict[str, Path], sources: list[Path]) -> None:
    gone = {text for text, path in wanted.items() if not path.is_file()}
    found = {str(path): files.stamp(path) for path in sources}

    def note() -> None:
        missing.clear()
        missing.update(gone)
        stamps.update(found)

    tasks.later(note)
