# SPDX-License-Identifier: GPL-3.0-or-later
"""A cover file in, its look out."""

import hashlib
from pathlib import Path

from blender_addon.protocol import CoverLook
from bridge.cover.fitting import grade_from_cover
from bridge.cover.image import load
from bridge.cover.palette import palette
from bridge.cover.words import palette_words


def look(path: str | Path) -> CoverLook:
    """Palette, words for prompts, and a grade for footage not known yet.

    Raises:
        BadInput: as `load`.
    """
    cover = load(path)
    colors = palette(cover)
    with Path(path).open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return CoverLook(
        cover_sha256=sha256, palette=colors, words=palette_words(cover, colors), grade=grade_from_cover(cover)
    )
