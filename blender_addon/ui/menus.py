# SPDX-License-Identifier: GPL-3.0-or-later
"""What Beatboard adds to the sequencer's Strip and Marker menus, and the menu of engines."""

from typing import Any

import bpy

from . import connection


class BEATBOARD_MT_engine(bpy.types.Menu):
    """The engines of the bridge"""

    bl_idname, bl_label = "BEATBOARD_MT_engine", "Engine"

    def draw(self, context: Any) -> None:
        layout = self.layout
        if not connection.bridge.engines:
            layout.operator("beatboard.connect", text="Connect to See All Engines", icon="LINKED")
        for engine in connection.bridge.engines:
            icon = "CHECKMARK" if engine.available else "CANCEL"
            layout.operator("beatboard.set_engine", text=engine.name, icon=icon).engine = engine.name


def _strip_menu(self: Any, context: Any) -> None:
    layout = self.layout
    layout.separator()
    layout.operator("beatboard.snap", icon="SNAP_ON")
    layout.operator("beatboard.split")
    layout.operator("beatboard.merge")
    layout.operator("beatboard.generate", icon="RENDER_ANIMATION").which = "SELECTED"


def _marker_menu(self: Any, context: Any) -> None:
    layout = self.layout
    layout.separator()
    layout.operator("beatboard.downbeat_here", icon="MARKER")
    layout.operator_menu_enum("beatboard.regrid", "reading")


def register() -> None:
    bpy.utils.register_class(BEATBOARD_MT_engine)
    bpy.types.SEQUENCER_MT_strip.append(_strip_menu)
    bpy.types.SEQUENCER_MT_marker.append(_marker_menu)


def unregister() -> None:
    bpy.types.SEQUENCER_MT_marker.remove(_marker_menu)
    bpy.types.SEQUENCER_MT_strip.remove(_strip_menu)
    bpy.utils.unregister_class(BEATBOARD_MT_engine)
