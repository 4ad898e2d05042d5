# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of the cover's textures an edit gets, from words: "none", "auto", or "grain, vignette=0.3"."""

from dataclasses import fields, replace

from .types import Texture

USUAL = Texture(grain=0.02, halation=0.35, vignette=0.3, fade=0.06)
"""for a texture that is asked for by name and isn't found on the cover"""
MOST = Texture(grain=0.1, halation=1.0, vignette=0.9, fade=0.3)
NAMES = tuple(field.name for field in fields(Texture))


def choose(text: str, lacking: Texture) -> Texture:
    """The texture that `text` asks for.

    Args:
        text: "none"; "auto", which is `lacking`; or names with commas, each with an amount if `lacking` (or the
            usual one) won't do: "grain, vignette=0.3".
        lacking: what the cover has and the footage has not.

    Raises:
        ValueError: an unknown name or an amount out of range; the sentence says what would be right.
    """
    words = [word.strip() for word in text.split(",") if word.strip()]
    if words == ["auto"]:
        return lacking
    chosen = Texture()
    for word in [] if words == ["none"] else words:
        name, _, amount = (part.strip() for part in word.partition("="))
        if name not in NAMES:
            raise ValueError(f"there is no texture {name!r}; there are {', '.join(NAMES)}, auto and none")
        value = _amount(name, amount) if amount else getattr(lacking, name) or getattr(USUAL, name)
        chosen = replace(chosen, **{name: value})
    return chosen


def _amount(name: str, text: str) -> float:
    most = getattr(MOST, name)
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0.0 <= value <= most:
        raise ValueError(f"{name} takes a number from 0 to {most:g}, not {text!r}")
    return value
