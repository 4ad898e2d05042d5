# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines of a title that Blender's text can't set, drawn as pictures: letters that join, stack or run from the right.

Blender puts one letter's picture beside the other's, from left to right, and knows the first face of a font file only.
"""

import hashlib
import io
import math
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter, features

from blender_addon.core import title_style
from blender_addon.core.types import EditPlan, TitleLine, TitlePicture
from bridge.common import files
from bridge.common.errors import BadInput
from bridge.render.fonts import Font

_FROM_THE_RIGHT = {"R", "AL", "AN", "RLE", "RLO", "RLI", "LRE", "LRO", "LRI", "FSI", "PDF", "PDI"}
"""Unicode's bidirectional classes of letters from right to left, and of what steers them"""
_MARKS = {"Mn", "Mc", "Me"}
"""signs that go on or around the letter before them; scripts that stack or reorder letters do so by these"""
_JOINERS = {"\u200c", "\u200d"}
_JOINED = ("MONGOLIAN LETTER", "PHAGS-PA LETTER", "HANGUL CHOSEONG", "HANGUL JUNGSEONG", "HANGUL JONGSEONG")
"""letters from left to right that join without any mark"""
_SHADOW_ANGLE = math.radians(65)
"""Blender's: to the right and down"""
_SHADOW_SIGMA = 0.25
"""of the shadow's blur: what Blender's comes to"""


def needs_shaping(text: str) -> bool:
    """Whether letters of a text change their form or place by their neighbours, so that a row of them is wrong."""
    text = unicodedata.normalize("NFC", text)
    return any(
        unicodedata.bidirectional(sign) in _FROM_THE_RIGHT
        or unicodedata.category(sign) in _MARKS
        or sign in _JOINERS
        or unicodedata.name(sign, "").startswith(_JOINED)
        for sign in text
    )


def runs_from_right(text: str) -> bool:
    """Whether a text's first letter that has a direction runs from right to left."""
    classes = (unicodedata.bidirectional(sign) for sign in text)
    return next((each in ("R", "AL") for each in classes if each in ("L", "R", "AL")), False)


def with_pictures(
    lines: Sequence[TitleLine], plan: EditPlan, font: Font, folder: Path, *, always: bool = False
) -> tuple[TitleLine, ...]:
    """The lines, each that Blender's text can't set with its picture, which is written into a folder.

    Args:
        plan: whose frame they lie on.
        folder: gets `<sha256>.png` of each picture; made if there is one.
        always: draw every line, as where Blender has another font for them.

    Raises:
        BadInput: this computer can't shape a text.
    """
    return tuple(
        _with_picture(line, plan, font, folder) if always or font.is_collection or needs_shaping(line.text) else line
        for line in lines
    )


def _with_picture(line: TitleLine, plan: EditPlan, font: Font, folder: Path) -> TitleLine:
    if needs_shaping(line.text) and not features.check("raqm"):
        raise BadInput(
            f"The letters of {line.text!r} must be joined or ordered, which takes the library FriBiDi; "
            "install it (libfribidi0 on Debian and Ubuntu, fribidi in Homebrew), or write another title."
        )
    picture, left_px, top_px = draw(line, plan.width_px, plan.height_px, font)
    held = io.BytesIO()
    picture.save(held, "PNG")
    sha256 = hashlib.sha256(held.getvalue()).hexdigest()
    folder.mkdir(parents=True, exist_ok=True)
    with files.written_beside(folder / f"{sha256}.png") as beside:
        beside.write_bytes(held.getvalue())
    right_px = left_px + picture.width / 2 - plan.width_px / 2
    up_px = plan.height_px / 2 - top_px - picture.height / 2
    return replace(line, picture=TitlePicture(sha256, (right_px, up_px)))


def draw(line: TitleLine, width_px: int, height_px: int, font: Font) -> tuple[Image.Image, int, int]:
    """A line with its label or shadow on transparent ground, and where its left and top edges lie on the frame."""
    em_px, face = line.size_px, font.face(line.size_px)
    ascent_px, descent_px = face.getmetrics()
    x, baseline = line.left * width_px, height_px * (1 - line.bottom) - descent_px
    ink = face.getbbox(line.text, anchor="ls")
    box = (min(0, ink[0]), min(-ascent_px, ink[1]), max(face.getlength(line.text), ink[2]), max(descent_px, ink[3]))
    room = em_px * max(title_style.BOX_MARGIN, title_style.SHADOW_BLUR) + 2
    left_px, top_px = math.floor(x + box[0] - room), math.floor(baseline + box[1] - room)
    size = (math.ceil(x + box[2] + room) - left_px, math.ceil(baseline + box[3] + room) - top_px)
    origin = (x - left_px, baseline - top_px)
    letters = Image.new("L", size)
    ImageDraw.Draw(letters).text(origin, line.text, fill=255, font=face, anchor="ls")
    under = Image.new("RGBA", size)
    if line.backing_rgb:
        margin = em_px * title_style.BOX_MARGIN
        corners = [origin[i % 2] + box[i] + (margin if i > 1 else -margin) for i in range(4)]
        ImageDraw.Draw(under).rectangle(corners, fill=(*line.backing_rgb, 255))
    else:
        under = _shadow(letters, line)
    return Image.alpha_composite(under, _filled(line.rgb, letters)), left_px, top_px


def _shadow(letters: Image.Image, line: TitleLine) -> Image.Image:
    away = title_style.SHADOW_OFFSET * line.size_px
    by = (-away * math.cos(_SHADOW_ANGLE), -away * math.sin(_SHADOW_ANGLE))
    moved = letters.transform(
        letters.size, Image.Transform.AFFINE, (1, 0, by[0], 0, 1, by[1]), Image.Resampling.BILINEAR
    )
    soft = moved.filter(ImageFilter.GaussianBlur(title_style.SHADOW_BLUR * _SHADOW_SIGMA * line.size_px))
    shade = round(255 * title_style.shadow_shade(line.rgb))
    return _filled((shade, shade, shade), soft.point(lambda value: value * title_style.SHADOW_ALPHA))


def _filled(rgb: tuple[int, int, int], alpha: Image.Image) -> Image.Image:
    filled = Image.new("RGBA", alpha.size, rgb)
    filled.putalpha(alpha)
    return filled
