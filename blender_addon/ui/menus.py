# SPDX-License-Identifier: GPL-3.0-or-later
"""What Beatboard adds to the sequencer's Strip and Marker menus, and the menu of engines."""

from typing import Any

import bpy

from ..session import state


class BEATBOARD_MT_engine(bpy.types.Menu):
    """The engines of the bridge"""

    bl_idname, bl_label = "BEATBOARD_MT_engine", "Engine"

    def draw(self, context: Any) -> None:
        layout = self.layout
        engines = state.session().connection.engines
        if not engines:
            layout.operator("beatboard.connect", text="Connect to See All Engines", icon="LINKED")
        for engine in engines:
            icon = "CHECKMARK" if engine.available else "CANCEL"
            layout.operator("beatboard.set_engine", text=engine.name, icon=icon).engine = engine.name


class BEATBOARD_MT_strip(bpy.types.Menu):
    """Beatboard's part of the Strip menu; Blender's search finds what is in menus"""

    bl_idname, bl_label = "BEATBOARD_MT_strip", "Beatboard"

    def draw(self, context: Any) -> None:
        layout = self.layout
        layout.operator("beatboard.snap", icon="SNAP_ON")
        layout.operator("beatboard.split")
        layout.operator("beatboard.merge")
        layout.operator("beatboard.lock", icon="LOCKED")
        layout.separator()
        layout.operator("beatboard.choose_song", icon="SOUND")
        layout.operator("beatboard.choose_cover", icon="IMAGE_DATA")
        layout.operator("beatboard.analyze", icon="OUTLINER_DATA_SPEAKER")
        layout.operator("beatboard.plan", icon="SEQ_STRIP_META")
        layout.separator()
        layout.operator("beatboard.generate", icon="RENDER_ANIMATION").which = "NEEDED"
        layout.operator("beatboard.generate", text="Generate Selected Clips").which = "SELECTED"
        layout.operator("beatboard.cancel_jobs", icon="CANCEL")
        layout.operator("beatboard.step_take", text="Next Take", icon="TRIA_RIGHT").by = 1
        layout.operator("beatboard.step_take", text="Previous Take", icon="TRIA_LEFT").by = -1
        layout.operator("beatboard.reuse_settings")
        layout.operator("beatboard.delete_take", icon="TRASH")
        layout.separator()
        layout.operator("beatboard.render", icon="RENDER_ANIMATION")
        layout.operator("beatboard.check", icon="VIEWZOOM")
        layout.operator("beatboard.collect", icon="PACKAGE")


def _strip_menu(self: Any, context: Any) -> None:
    self.layout.separator()
    self.layout.menu("BEATBOARD_MT_strip")


def _marker_menu(self: Any, context: Any) -> None:
    layout = self.layout
    layout.separator()
    layout.operator("beatboard.downbeat_here", icon="MARKER")
    layout.operator_menu_enum("beatboard.regrid", "reading")


def register() -> None:
    for cls in (BEATBOARD_MT_engine, BEATBOARD_MT_strip):
        bpy.utils.register_class(cls)
    bpy.types.SEQUENCER_MT_strip.append(_strip_menu)
    bpy.types.SEQUENCER_MT_marker.append(_marker_menu)


def unregister() -> None:
    bpy.types.SEQUENCER_MT_marker.remove(_marker_menu)
    bpy.types.SEQUENCER_MT_strip.remove(_strip_menu)
    for cls in (BEATBOARD_MT_strip, BEATBOARD_MT_engine):
        bpy.utils.unregister_class(cls)
