# SPDX-License-Identifier: GPL-3.0-or-later
"""A cover file in, its look out."""

from contextlib import suppress
from pathlib import Path

from blender_addon.core import codec
from blender_addon.core.code_version import code_version
from blender_addon.core.types import CoverLook
from bridge.common import frames, paths
from bridge.common.errors import BadInput
from bridge.common.files import sha256_of, write_text
from bridge.cover.fitting import grade_from_cover
from bridge.cover.image import load
from bridge.cover.palette import palette
from bridge.cover.prompt_words import palette_words
from bridge.cover.texture import measure_texture

SOURCES = (Path(__file__).parent, Path(frames.__file__))
"""the code that shapes a look"""


def look(path: str | Path) -> CoverLook:
    """Palette, words for prompts, a grade for footage not known yet, and the texture. Kept by the cover's sha256.

    Raises:
        BadInput: as `load`.
    """
    cover, sha256 = load(path), sha256_of(Path(path))
    kept = paths.cache_folder() / "looks" / f"{sha256}-{code_version(*SOURCES)}.json"
    with suppress(OSError, UnicodeDecodeError, codec.DecodeError):  # missing or damaged: made again
        return codec.loads(CoverLook, kept.read_text(encoding="utf-8"))
    colors = palette(cover)
    found = CoverLook(
        cover_sha256=sha256,
        palette=colors,
        words=palette_words(cover, colors),
        grade=grade_from_cover(cover),
        texture=measure_texture(cover),
        size_px=(cover.shape[1], cover.shape[0]),
    )
    with suppress(OSError, BadInput):  # a cache that can't be written is no reason to fail
        kept.parent.mkdir(parents=True, exist_ok=True)
        write_text(kept, codec.dumps(found))
    return found
