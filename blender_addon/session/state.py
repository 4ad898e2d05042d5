# SPDX-License-Identifier: GPL-3.0-or-later
"""What lives as long as Blender runs, and how to get at it and at the scene's settings."""

from pathlib import Path
from typing import Any

import bpy


def settings_of(scene: Any) -> Any:
    """The scene's settings."""
    return scene.beatboard


def session() -> Any:
    """The session's."""
    return bpy.context.window_manager.beatboard


def scene_of(context: Any) -> Any:
    """The scene that the sequencer shows."""
    return getattr(context, "sequencer_scene", None) or context.scene


def find_scene(session_uid: int) -> Any | None:
    """A scene by the number that it keeps over renaming and undo, if it is still there."""
    return next((scene for scene in bpy.data.scenes if scene.session_uid == session_uid), None)


def path_of(text: str) -> Path | None:
    """A path property's path; None if it is empty."""
    return Path(bpy.path.abspath(text)) if text.strip() else None
