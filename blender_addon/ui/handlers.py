# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens when the editor saves, opens, undoes, plays."""

from typing import Any

import bpy
from bpy.app.handlers import persistent

from ..actions import clicks, generate, look, project, shots, song, takes
from ..scene import timeline
from ..session import state


@persistent
def _opened(*_: Any) -> None:
    """Another file: what was known of the last one goes; this one's jobs are asked for."""
    clicks.stop()
    state.session().clear()
    scene = state.scene_of(bpy.context)
    if scene is not None:
        shots.refresh(scene, force=True)
    song.recall()
    if not state.session().synchronous:
        generate.catch_up()


@persistent
def _undone(*_: Any) -> None:
    takes.reconcile()
    look.reconcile()
    scene = state.scene_of(bpy.context)
    if scene is not None:
        shots.refresh(scene, force=True)


@persistent
def _saving(path: str, *_: Any) -> None:
    project.will_be_saved(path)


@persistent
def _saved(path: str, *_: Any) -> None:
    project.was_saved()
    if path == bpy.data.filepath:  # and not a copy
        project.move_beside()


@persistent
def _not_saved(*_: Any) -> None:
    project.was_saved()


@persistent
def _imported(context: Any, *_: Any) -> None:
    """Appended scenes; those that are linked belong to their own file."""
    for item in context.import_items:
        if item.id_type == "SCENE" and item.id is not None and item.id.library is None and item.source_library:
            project.was_appended(item.id, timeline.absolute(item.source_library.filepath))


@persistent
def _playing(*_: Any) -> None:
    scene = state.scene_of(bpy.context)
    if scene is not None:
        clicks.start(scene)


@persistent
def _played(*_: Any) -> None:
    clicks.stop()


@persistent
def _frame_changed(*_: Any) -> None:
    if state.session().clicks is not None:
        clicks.keep_up(state.scene_of(bpy.context))


_HANDLERS = (
    ("load_post", _opened),
    ("undo_post", _undone),
    ("redo_post", _undone),
    ("save_pre", _saving),
    ("save_post", _saved),
    ("save_post_fail", _not_saved),
    ("blend_import_post", _imported),
    ("animation_playback_pre", _playing),
    ("animation_playback_post", _played),
    ("frame_change_post", _frame_changed),
)


def register() -> None:
    for name, handler in _HANDLERS:
        getattr(bpy.app.handlers, name).append(handler)


def unregister() -> None:
    for name, handler in _HANDLERS:
        getattr(bpy.app.handlers, name).remove(handler)
