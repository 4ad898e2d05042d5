# SPDX-License-Identifier: GPL-3.0-or-later
"""A cover file in, its look out."""

from pathlib import Path

from blender_addon.core.types import CoverLook
from bridge.common.files import sha256_of
from bridge.cover.fitting import grade_from_cover
from bridge.cover.image import load
from bridge.cover.palette import palette
from bridge.cover.prompt_words import palette_words
from bridge.cover.texture import measure_texture


def look(path: str | Path) -> CoverLook:
    """Palette, words for prompts, a grade for footage not known yet, and the texture.

    Raises:
        BadInput: as `load`.
    """
    cover = load(path)
    colors = palette(cover)
    return CoverLook(
        cover_sha256=sha256_of(Path(path)),
        palette=colors,
        words=palette_words(cover, colors),
        grade=grade_from_cover(cover),
        texture=measure_texture(cover),
    )
