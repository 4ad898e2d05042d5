# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks, in a thread, whether the files of the edit are still there and still what they were."""

import threading
from pathlib import Path
from typing import Any

import bpy

from ..scene import timeline
from . import files, state, tasks
from .state import Files, Tasks


def look(scene: Any) -> None:
    """Starts looking; what is found comes with a later tick."""
    settings = state.settings_of(scene)
    shown = {take.path for take in settings.takes} | {settings.wav}
    shown |= {strip.filepath for strip in timeline.shot_strips(scene) if strip.type == "MOVIE"}
    wanted = {text: Path(bpy.path.abspath(text)) for text in shown if text}
    sources = [path for path in (state.path_of(settings.song), state.path_of(settings.cover)) if path]
    session = state.session()
    work = (session.tasks, session.files, wanted, sources)
    if session.synchronous:
        _look(*work)
        tasks.hand_over()
    elif session.files.looking.acquire(blocking=False):
        threading.Thread(target=_look_and_release, args=work, daemon=True).start()


def _look_and_release(into: Tasks, found: Files, wanted: dict[str, Path], sources: list[Path]) -> None:
    try:
        _look(into, found, wanted, sources)
    finally:
        found.looking.release()


def _look(into: Tasks, found: Files, wanted: dict[str, Path], sources: list[Path]) -> None:
    gone = {text for text, path in wanted.items() if not path.is_file()}
    stamps = {str(path): files.stamp(path) for path in sources}

    def note() -> None:
        found.missing = gone
        found.stamps.update(stamps)

    into.later(note)
