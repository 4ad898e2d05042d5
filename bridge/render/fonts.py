# SPDX-License-Identifier: GPL-3.0-or-later
"""Fonts for titles: files of one face and collections, those of this computer and those that were asked for."""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import ImageFont

from blender_addon.core.types import PaletteColor
from bridge.common.errors import BadInput
from bridge.cover.oklab import from_srgb
from bridge.plan.storyboard import FONTS

if TYPE_CHECKING:
    from matplotlib.ft2font import FT2Font

_FAMILIES = {
    True: ("URW Gothic", "Nimbus Sans", "Helvetica Neue", "Avenir", "Segoe UI", "Liberation Sans", "DejaVu Sans"),
    False: ("C059", "P052", "Georgia", "Palatino Linotype", "Liberation Serif", "DejaVu Serif"),
}
"""sans for colourful or bright covers, serif for muted ones; the last of each comes with matplotlib"""
_LAST_RESORT = "Last Resort"
"""families that have a box for every letter"""
_VARIANTS = (range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0))
"""signs that choose another form of the letter before them: a font may do without"""


@dataclass(frozen=True)
class Font:
    """One face of a font file."""

    path: Path
    index: int = 0
    """of the face, in a collection"""

    @property
    def is_collection(self) -> bool:
        """Whether the file holds several faces, of which Blender knows the first only."""
        with self.path.open("rb") as file:
            return file.read(4) == b"ttcf"

    def face(self, size_px: float) -> ImageFont.FreeTypeFont:
        """To measure and to draw with.

        Raises:
            BadInput: the file can't be read as a font.
        """
        try:
            return ImageFont.truetype(str(self.path), size_px, index=self.index)
        except OSError:
            raise BadInput(f"{self.path} can't be read as a font with outlines; name a {_words(FONTS)} file.") from None


def choose_font(texts: Sequence[str], asked: Path | None, palette: Sequence[PaletteColor]) -> Font | None:
    """The font for some texts: the one that was asked for, else one that suits the cover; None if there is no text.

    Raises:
        BadInput: the font that was asked for can't be used, or none here has all the letters.
    """
    text = "".join(texts)
    if asked:
        font = checked_font(asked, text)
        return font if text else None
    return font_for(text, palette) if text else None


def for_words(
    texts: Sequence[str], titles: Font | None, asked: Path | None, palette: Sequence[PaletteColor]
) -> dict[str, Font]:
    """The font of each line of a song's words: the titles' if it has the letters, else as few others as will do.

    Raises:
        BadInput: as `choose_font`, for the line that has no font.
    """
    chosen = [titles] if titles else []
    found: dict[str, Font] = {}
    for text in texts:
        has_all = (font for font in chosen if all(sign in _signs(font) for sign in _letters(text)))
        if (font := next(has_all, None)) is None:
            font = font_for(text, palette) if chosen or not asked else checked_font(asked, text)
            chosen.append(font)
        found[text] = font
    return found


def font_for(text: str, palette: Sequence[PaletteColor]) -> Font:
    """A font of this system that has all of the text's letters and suits the cover.

    Raises:
        BadInput: none has them.
    """
    colorful = _is_colorful(palette)
    families = _FAMILIES[colorful] + _FAMILIES[not colorful]
    lacking = list(_letters(text))
    for find in (_listed, _unlisted):
        for font in find(families):
            known = _signs(font)
            if all(sign in known for sign in _letters(text)):
                return font
            lacking = [sign for sign in lacking if sign not in known]
    if lacking:
        raise BadInput(
            f"No font on this computer has the sign {_named(lacking[0])} of {text!r} in one colour; "
            "leave it out, or name a font file that has it."
        )
    raise BadInput(f"No font on this computer has all letters of {text!r}; name a font file that has them.")


def checked_font(path: Path, text: str) -> Font:
    """The first face of a file that has all letters of a text.

    Raises:
        BadInput: it can't be read, or lacks some of the text's letters.
    """
    Font(path).face(20)
    faces = [Font(path, index) for index in range(max(1, _face_count(path)))]
    for font in faces:
        if all(sign in _signs(font) for sign in _letters(text)):
            return font
    first = _signs(faces[0])
    lacking = next(sign for sign in _letters(text) if sign not in first)
    raise BadInput(
        f"The font {path.name} lacks letters of {text!r}, such as {_named(lacking)}; choose another font, or name none."
    )


def _listed(families: Sequence[str]) -> Iterator[Font]:
    """Upright faces of matplotlib's list, which is as old as its first run here: the best families first."""
    from matplotlib import font_manager

    fonts = [entry for entry in font_manager.fontManager.ttflist if not entry.name.startswith(_LAST_RESORT)]
    upright = [entry for entry in fonts if entry.style == "normal" and entry.weight in (400, "normal", "regular")]
    upright.sort(key=lambda entry: _rank(entry.name, families))
    return (Font(Path(entry.fname), entry.index) for entry in upright if entry.fname.lower().endswith(FONTS))


def _unlisted(families: Sequence[str]) -> Iterator[Font]:
    """Upright faces of fonts that were installed since."""
    from matplotlib import font_manager

    listed = {entry.fname for entry in font_manager.fontManager.ttflist}
    paths = sorted(path for path in font_manager.findSystemFonts() if path not in listed)
    found: list[tuple[int, Font]] = []
    for path in map(Path, paths):
        for font in (Font(path, index) for index in range(_face_count(path))):
            face = _opened(font)
            if face and not face.style_flags and not face.family_name.startswith(_LAST_RESORT):
                found.append((_rank(face.family_name, families), font))
    return (font for _, font in sorted(found, key=lambda pair: pair[0]))


def _rank(family: str, families: Sequence[str]) -> int:
    """The others' place is after ours, with those of one width for all letters at the very end."""
    return families.index(family) if family in families else len(families) + ("mono" in family.lower())


def _face_count(path: Path) -> int:
    face = _opened(Font(path))
    return face.num_faces if face else 0


def _opened(font: Font) -> "FT2Font | None":
    """None for what is no font, or was removed since fonts were looked for."""
    from matplotlib.ft2font import FT2Font

    try:
        return FT2Font(str(font.path), face_index=font.index)
    except (RuntimeError, OSError):
        return None


@lru_cache(8)
def _signs(font: Font) -> set[str]:
    """What a face can draw in one colour. Of colour fonts that isn't their emoji, which may have no outline."""
    from matplotlib.ft2font import FaceFlags

    face = _opened(font)
    if face is None or FaceFlags.SCALABLE not in face.face_flags:
        return set()
    signs = {chr(code) for code in face.get_charmap()}
    is_coloured = FaceFlags.COLOR in face.face_flags
    return {sign for sign in signs if not unicodedata.category(sign).startswith("S")} if is_coloured else signs


def _letters(text: str) -> Iterator[str]:
    """What a font must have for a text: all but spaces, and signs that only steer how others look."""
    for sign in text:
        steers = unicodedata.category(sign) == "Cf" or any(ord(sign) in signs for signs in _VARIANTS)
        if not sign.isspace() and not steers:
            yield sign


def _named(sign: str) -> str:
    return f"{sign} ({unicodedata.name(sign, f'U+{ord(sign):04X}').lower()})"


def _words(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}"


def _is_colorful(palette: Sequence[PaletteColor]) -> bool:
    if not palette:
        return True
    lab = from_srgb(np.array([color.rgb for color in palette], np.uint8))
    weight = np.array([color.weight for color in palette])
    chroma, light = np.hypot(lab[:, 1], lab[:, 2]), lab[:, 0]
    return float((chroma * weight).sum() / weight.sum()) > 0.09 or float((light * weight).sum() / weight.sum()) > 0.72
