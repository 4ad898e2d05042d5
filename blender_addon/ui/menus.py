# SPDX-License-Identifier: GPL-3.0-or-later
"""What Beatboard adds to Blender's menus: of strips, of markers, of any property; and the painters' and animators'."""

from collections.abc import Sequence
from typing import Any

import bpy

from ..core.messages import EnginePart
from ..scene import song_channels
from ..session import state


class BEATBOARD_MT_painter(bpy.types.Menu):
    """What can make the stills"""

    bl_idname, bl_label = "BEATBOARD_MT_painter", "Painter"

    def draw(self, context: Any) -> None:
        _choices(self.layout, "painter", state.session().connection.engines.painters)


class BEATBOARD_MT_animator(bpy.types.Menu):
    """What can make the stills move"""

    bl_idname, bl_label = "BEATBOARD_MT_animator", "Animator"

    def draw(self, context: Any) -> None:
        _choices(self.layout, "animator", state.session().connection.engines.animators)


def _choices(layout: Any, part: str, there: Sequence[EnginePart]) -> None:
    if not there:
        layout.operator("beatboard.connect", text="Connect to See All", icon="LINKED")
    for one in there:
        icon = "CHECKMARK" if one.available else "CANCEL"
        choose = layout.operator("beatboard.set_engine", text=one.name, icon=icon)
        choose.part, choose.value = part, one.name


class BEATBOARD_MT_strip(bpy.types.Menu):
    """Beatboard's part of the Strip menu; Blender's search finds what is in menus"""

    bl_idname, bl_label = "BEATBOARD_MT_strip", "Beatboard"

    def draw(self, context: Any) -> None:
        layout = self.layout
        layout.operator("beatboard.snap", icon="SNAP_ON")
        layout.operator("beatboard.conform")
        layout.operator("beatboard.use_as_shot")
        layout.operator("beatboard.split")
        layout.operator("beatboard.merge")
        layout.operator("beatboard.lock", icon="LOCKED")
        layout.separator()
        layout.operator("beatboard.choose_song", icon="SOUND")
        layout.operator("beatboard.choose_cover", icon="IMAGE_DATA")
        layout.operator("beatboard.analyze", icon="OUTLINER_DATA_SPEAKER")
        layout.operator("beatboard.song_channels", icon="FCURVE")
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
    layout.operator("beatboard.bend_grid")
    layout.operator("beatboard.change_here")
    layout.operator_menu_enum("beatboard.regrid", "reading")


def _button_menu(self: Any, context: Any) -> None:
    scene = state.scene_of(context)
    if scene is not None and song_channels.is_baked(scene) and getattr(context, "property", None):
        layout = self.layout
        layout.separator()
        layout.operator_context = "INVOKE_DEFAULT"
        layout.operator("beatboard.drive_with_song", icon="DRIVER")


def register() -> None:
    for cls in (BEATBOARD_MT_painter, BEATBOARD_MT_animator, BEATBOARD_MT_strip):
        bpy.utils.register_class(cls)
    bpy.types.SEQUENCER_MT_strip.append(_strip_menu)
    bpy.types.SEQUENCER_MT_marker.append(_marker_menu)
    bpy.types.UI_MT_button_context_menu.append(_button_menu)


def unregister() -> None:
    bpy.types.UI_MT_button_context_menu.remove(_button_menu)
    bpy.types.SEQUENCER_MT_marker.remove(_marker_menu)
    bpy.types.SEQUENCER_MT_strip.remove(_strip_menu)
    for cls in (BEATBOARD_MT_strip, BEATBOARD_MT_animator, BEATBOARD_MT_painter):
        bpy.utils.unregister_class(cls)
