# SPDX-License-Identifier: GPL-3.0-or-later
"""A cover's look in words for prompts: "deep teal", "warm amber light", "low key"."""

from collections.abc import Sequence

import cv2
import numpy as np

from blender_addon.core.types import PaletteColor
from bridge.common.frames import Frame
from bridge.cover.names import names_by_nearness
from bridge.cover.oklab import Floats, from_srgb, to_srgb

_GREYS = ("black", "near-black", "white", "off-white", "grey", "charcoal", "silver")
_WARM, _COOL = (20.0, 105.0), (180.0, 285.0)
"""degrees of hue in Oklab: orange to yellow, cyan to blue"""


def palette_words(cover: Frame, colors: Sequence[PaletteColor]) -> tuple[str, ...]:
    """Three to eight words: the main colours, the light, the key, the contrast, the colourfulness."""
    side = (96, 96)
    lab = from_srgb(np.asarray(cv2.resize(cover, side, interpolation=cv2.INTER_AREA), np.uint8)).reshape(-1, 3)
    words = [*_color_words(colors), _light(lab), _key(lab), _contrast(lab), _colorfulness(lab)]
    return tuple(dict.fromkeys(word for word in words if word))


def _color_words(colors: Sequence[PaletteColor]) -> list[str]:
    """The heaviest colours with a hue and the most vivid one; greys alone if there is nothing else."""
    lab = from_srgb(np.array([color.rgb for color in colors], np.uint8))
    chroma = np.hypot(lab[:, 1], lab[:, 2])
    hued = [i for i in range(len(colors)) if chroma[i] > 0.03 and not colors[i].name.endswith(_GREYS)]
    if not hued:
        return [color.name for color in colors[:2]]
    accent = max(hued, key=lambda i: chroma[i])
    return [colors[i].name for i in dict.fromkeys([*hued[:3], accent])]


def _light(lab: Floats) -> str:
    """The tint of the brightest tenth."""
    bright = lab[lab[:, 0] >= np.percentile(lab[:, 0], 90)].mean(axis=0)
    chroma = float(np.hypot(bright[1], bright[2]))
    if chroma < 0.025 or bright[0] < 0.35:
        return ""
    hue = float(np.degrees(np.arctan2(bright[2], bright[1])) % 360)
    mood = "warm " if _WARM[0] <= hue <= _WARM[1] else "cool " if _COOL[0] <= hue <= _COOL[1] else ""
    r, g, b = (int(v) for v in np.round(np.clip(to_srgb(bright), 0, 1) * 255))
    name = names_by_nearness((r, g, b))[0]
    return f"{name} light" if name.startswith(mood) else f"{mood}{name} light"


def _key(lab: Floats) -> str:
    middle = float(np.median(lab[:, 0]))
    return "low key" if middle < 0.36 else "high key" if middle > 0.82 else ""


def _contrast(lab: Floats) -> str:
    dark, bright = np.percentile(lab[:, 0], (4, 96))
    return "high contrast" if bright - dark > 0.62 else "soft contrast" if bright - dark < 0.3 else ""


def _colorfulness(lab: Floats) -> str:
    chroma = np.percentile(np.hypot(lab[:, 1], lab[:, 2]), (75, 97))
    if chroma[1] < 0.015:
        return "monochrome"
    return "muted colours" if chroma[1] < 0.07 else "vivid colours" if chroma[0] > 0.14 else ""
