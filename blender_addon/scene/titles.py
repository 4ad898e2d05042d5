# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan's lines of text as text strips, which an editor can rewrite, move and restyle.

A plan without titles leaves those on the timeline alone: they are the editor's by then.
"""

from pathlib import Path
from typing import Any

import bpy

from ..core import strip_layout
from ..core.types import EditPlan, TitleLine
from . import compat, timeline
from .timeline import TITLE_KEY

CHANNEL = 3
BOX_MARGIN = 0.22
"""around text on a label, in ems"""
SHADOW_ALPHA = 0.4
SHADOW_BLUR = 0.25
SHADOW_OFFSET = 0.02


def lay_out(scene: Any, plan: EditPlan, font: Path | None = None) -> None:
    """Puts the plan's titles over the shots, in place of those before.

    Args:
        font: a TrueType or OpenType file; Blender's own font by default.
    """
    if not plan.titles:
        return
    for strip in strips(scene):
        timeline.clear_fade(scene, strip, "blend_alpha")
        scene.sequence_editor.strips.remove(strip)
    face = bpy.data.fonts.load(str(font), check_existing=True) if font else None
    for number, line in enumerate(plan.titles):
        _set_line(scene, number, line, face, plan.width_px)


def strips(scene: Any) -> list[Any]:
    """Our titles' strips, first line first."""
    if scene.sequence_editor is None:
        return []
    return sorted(
        (strip for strip in scene.sequence_editor.strips if TITLE_KEY in strip), key=lambda strip: strip[TITLE_KEY]
    )


def fonts(scene: Any) -> list[Any]:
    """The fonts of our titles' strips that are files."""
    used = {strip.font for strip in strips(scene) if strip.font and strip.font.filepath != "<builtin>"}
    return sorted(used, key=lambda font: font.name)


def _set_line(scene: Any, number: int, line: TitleLine, face: Any, plan_width_px: int) -> None:
    start = strip_layout.to_scene(line.start_frame, timeline.start_frame(scene))
    end = start + line.frame_count
    channel = timeline.free_channel(scene, timeline.above_shots(scene, CHANNEL) + number, start, end)
    name = f"Title {line.text}"[:60]
    strip = scene.sequence_editor.strips.new_effect(name, "TEXT", channel, start, length=line.frame_count)
    strip[TITLE_KEY] = number
    strip.text, strip.font_size = line.text, line.size_px
    if face:
        strip.font = face
    strip.color = (*(value / 255 for value in line.rgb), 1.0)
    strip.anchor_x = strip.alignment_x = "LEFT"
    strip.anchor_y = "BOTTOM"
    strip.location = (line.left, line.bottom)
    strip.wrap_width = 0.0
    if line.backing_rgb:
        strip.use_box = True
        strip.box_color = (*(value / 255 for value in line.backing_rgb), 1.0)
        strip.box_margin = BOX_MARGIN * line.size_px / plan_width_px
    else:
        _set_shadow(strip, line.rgb)
    _set_fades(strip, line)


def _set_shadow(strip: Any, rgb: tuple[int, int, int]) -> None:
    """Dark under light letters, light under dark ones: soft, for where the picture comes near to their colour."""
    shade = 0.0 if sum(rgb) > 384 else 1.0
    strip.use_shadow = True
    strip.shadow_color = (shade, shade, shade, SHADOW_ALPHA)
    strip.shadow_blur, strip.shadow_offset = SHADOW_BLUR, SHADOW_OFFSET


def _set_fades(strip: Any, line: TitleLine) -> None:
    left, right = compat.left(strip), compat.right(strip)
    keys = {left: 0.0, left + line.fade_in_frames: 1.0} if line.fade_in_frames else {}
    keys |= {right - line.fade_out_frames: 1.0, right: 0.0} if line.fade_out_frames else {}
    timeline.fade(strip, "blend_alpha", keys)
