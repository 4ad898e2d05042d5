# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan's lines of text as text strips, which an editor can rewrite, move and restyle.

Lines in scripts that Blender's text can't set come as pictures, which an editor can move; the tab draws them anew.

A plan without titles leaves those on the timeline alone: they are the editor's by then.
"""

from pathlib import Path
from typing import Any

import bpy

from ..core import strip_layout, title_style
from ..core.types import EditPlan, TitleLine
from . import compat, timeline
from .timeline import TITLE_KEY

CHANNEL = 3
SUNG_KEY = "beatboard_sung"
"""a strip's custom property: it shows sung words, not the title"""


def lay_out(scene: Any, plan: EditPlan, font: Path | None = None, pictures: Path | None = None) -> None:
    """Puts the plan's titles over the shots, in place of those before; sung words likewise, in place of sung words.

    Args:
        font: a TrueType or OpenType file for lines without a picture; Blender's own font by default.
        pictures: the folder with the lines' pictures, each named `<sha256>.png`.

    Raises:
        FileNotFoundError: a line's picture is not there.
    """
    if not plan.titles:
        return
    drawn = [picture_file(line, pictures) for line in plan.titles]
    sung = {line.is_sung for line in plan.titles}
    for strip in [strip for strip in strips(scene) if (SUNG_KEY in strip) in sung]:
        timeline.clear_fade(scene, strip, "blend_alpha")
        scene.sequence_editor.strips.remove(strip)
    face = bpy.data.fonts.load(str(font), check_existing=True) if font else None
    for number, (line, picture) in enumerate(zip(plan.titles, drawn, strict=True)):
        start = strip_layout.to_scene(line.start_frame, timeline.start_frame(scene))
        channel = timeline.free_channel(scene, timeline.above_shots(scene, CHANNEL), start, start + line.frame_count)
        strip = (
            _new_picture(scene, line, picture, channel)
            if picture
            else _new_text(scene, line, face, channel, plan.width_px)
        )
        strip[TITLE_KEY] = number
        if line.is_sung:
            strip[SUNG_KEY] = True
        _set_fades(strip, line)


def picture_file(line: TitleLine, folder: Path | None) -> Path | None:
    """Where a line's picture is; None if Blender sets its text.

    Raises:
        FileNotFoundError: it has one that is not there.
    """
    if line.picture is None:
        return None
    path = folder / f"{line.picture.sha256}.png" if folder else None
    if path is None or not path.is_file():
        raise FileNotFoundError(f"The picture of the title {line.text!r} is not there; place the title again.")
    return path


def strips(scene: Any) -> list[Any]:
    """Our titles' strips, first line first."""
    if scene.sequence_editor is None:
        return []
    return sorted(
        (strip for strip in scene.sequence_editor.strips if TITLE_KEY in strip), key=lambda strip: strip[TITLE_KEY]
    )


def fonts(scene: Any) -> list[Any]:
    """The fonts of our titles' strips that are files."""
    texts = [strip for strip in strips(scene) if strip.type == "TEXT"]
    used = {strip.font for strip in texts if strip.font and strip.font.filepath != "<builtin>"}
    return sorted(used, key=lambda font: font.name)


def pictures(scene: Any) -> dict[Any, Path]:
    """Our titles' strips that are pictures, each with its file."""
    drawn = [strip for strip in strips(scene) if strip.type == "IMAGE" and len(strip.elements)]
    return {strip: timeline.absolute(strip.directory) / strip.elements[0].filename for strip in drawn}


def _name(line: TitleLine) -> str:
    return f"{'Words' if line.is_sung else 'Title'} {line.text}"[:60]


def _new_picture(scene: Any, line: TitleLine, picture: Path, channel: int) -> Any:
    """The line as it was drawn, pixel by pixel."""
    assert line.picture is not None
    start = strip_layout.to_scene(line.start_frame, timeline.start_frame(scene))
    strip = scene.sequence_editor.strips.new_image(_name(line), str(picture), channel, start, fit_method="ORIGINAL")
    compat.set_right(strip, start + line.frame_count)
    strip.blend_type, strip.alpha_mode = "ALPHA_OVER", "STRAIGHT"
    strip.transform.offset_x, strip.transform.offset_y = line.picture.center_px
    return strip


def _new_text(scene: Any, line: TitleLine, face: Any, channel: int, plan_width_px: int) -> Any:
    start = strip_layout.to_scene(line.start_frame, timeline.start_frame(scene))
    strip = scene.sequence_editor.strips.new_effect(_name(line), "TEXT", channel, start, length=line.frame_count)
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
        strip.box_margin = title_style.BOX_MARGIN * line.size_px / plan_width_px
    else:
        _set_shadow(strip, line.rgb)
    return strip


def _set_shadow(strip: Any, rgb: tuple[int, int, int]) -> None:
    shade = title_style.shadow_shade(rgb)
    strip.use_shadow = True
    strip.shadow_color = (shade, shade, shade, title_style.SHADOW_ALPHA)
    strip.shadow_blur, strip.shadow_offset = title_style.SHADOW_BLUR, title_style.SHADOW_OFFSET


def _set_fades(strip: Any, line: TitleLine) -> None:
    left, right = compat.left(strip), compat.right(strip)
    keys = {left: 0.0, left + line.fade_in_frames: 1.0} if line.fade_in_frames else {}
    keys |= {right - line.fade_out_frames: 1.0, right: 0.0} if line.fade_out_frames else {}
    timeline.fade(strip, "blend_alpha", keys)
