# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that several painters and animators share, and the values that a request gives to declared ones.

A painter's or an animator's own options are declared beside it; `bridge.clips.registry` puts them together.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import cast

from blender_addon.core.options import GOOD, QUALITIES, Option, OptionKind, Value
from blender_addon.core.types import ClipRequest
from bridge.common.errors import BadInput

MOST_HANDLES = 48
MOST_CHUNKS = 12
"""more would drift too far from the keyframe"""


def yes_no(name: str, help: str, default: str) -> Option:
    """An option that is yes or no."""
    return Option(name, OptionKind.YES_NO, help, default)


def whole(
    name: str,
    help: str,
    low: int,
    high: int,
    default: int | None = None,
    *,
    automatic: str = "",
    draft: str = "",
    best: str = "",
) -> Option:
    """An option that is a whole number; without a default, `automatic` says what stands in."""
    shown = "" if default is None else str(default)
    return Option(name, OptionKind.WHOLE, help, shown, automatic, low, high, draft=draft, best=best)


def number(
    name: str,
    help: str,
    low: float,
    high: float,
    default: float | None = None,
    *,
    automatic: str = "",
    draft: str = "",
) -> Option:
    """An option that is a number."""
    shown = "" if default is None else f"{default:g}"
    return Option(name, OptionKind.NUMBER, help, shown, automatic, low, high, draft=draft)


def choice(name: str, help: str, choices: Iterable[str], default: str) -> Option:
    """An option that is one of a few words."""
    return Option(name, OptionKind.CHOICE, help, default, choices=tuple(choices))


def text(name: str, help: str, default: str = "", choices: Iterable[str] = (), automatic: str = "none") -> Option:
    """An option that is any text, such as a model's id."""
    return Option(name, OptionKind.TEXT, help, default, automatic, choices=tuple(choices))


QUALITY = choice("quality", "how much time it may take; see the table of qualities", QUALITIES, GOOD)
UPSCALE = text("upscale", "enlarge the frames to twice their size by Swin2SR: yes, or another one's id", "no")
EVERY_CLIP = (QUALITY, UPSCALE)

KEYFRAMES = (
    yes_no("likeness", "compare the keyframes with each other; needs CLIP's weights", "yes"),
    text("likeness_model", "the CLIP that compares them, by id or folder", "openai/clip-vit-large-patch14"),
    whole("reroll", "how many keyframes that are unlike the others may be painted again", 0, 64, 4, best="8"),
)
"""of painters that paint a video's keyframes together"""

INTO_NEXT = text("into_next", "shots that end on the next one's keyframe: s02,s05, or yes for all", "no")
"""of animators that take a last frame; `blender_addon.core.clip_requests` reads it"""

MEMORY = whole(
    "memory", "0 (fastest) to 4 (least memory), see the section on cards", 0, 4, automatic="the fastest that fits"
)
LORA = text("lora", "LoRA files with their weights, as in me.safetensors:0.8,film.safetensors")
SCALE = number("scale", "makes the model's own picture smaller or larger", 0.05, 2.0, 1.0)
CHUNKS = whole(
    "chunks", "a long shot is made in so many clips, one after the other", 1, MOST_CHUNKS, automatic="as few as needed"
)
GUIDANCE_INTERVAL = Option(
    "guidance_interval",
    OptionKind.INTERVAL,
    "guide only between these two noise levels",
    automatic="at every step",
    draft="0.28-5.42",
)
DEPTH = text(
    "depth", "where the layers' depth comes from: classical, anything, or a Depth Anything model's id", "classical",
    ("classical", "anything"),
)  # fmt: skip


def handles(frames: int) -> Option:
    """How many frames a clip has at either side on top of what the shot shows; see `bridge.clips.handles`."""
    return whole("handles", "frames at either side on top of what the shot shows", 0, MOST_HANDLES, frames)


def watermark(usual: str) -> Option:
    """What to do about marks in the corners; see `bridge.clips.watermark`."""
    return choice("watermark", "what to do about a mark in a corner", ("keep", "inpaint", "crop"), usual)


@dataclass(frozen=True)
class Values:
    """The values of declared options, by name. Asking for one that was not declared is a `KeyError`."""

    texts: Mapping[str, str]
    """each as text; empty for what is decided when the clip is made"""
    _values: Mapping[str, Value | None]

    def has(self, name: str) -> bool:
        """Whether there is a value; there is none if nobody asked and there is no default."""
        return self._values[name] is not None

    def yes(self, name: str) -> bool:
        """Of an option that is yes or no."""
        return cast(bool, self._values[name])

    def whole(self, name: str, automatic: int | None = None) -> int:
        """Of a whole number; `automatic` if there is none."""
        return cast(int, automatic if self._values[name] is None else self._values[name])

    def number(self, name: str, automatic: float | None = None) -> float:
        """Of a number; `automatic` if there is none."""
        return cast(float, automatic if self._values[name] is None else self._values[name])

    def text(self, name: str) -> str:
        """Of a choice or a text; empty if there is none."""
        return cast(str, self._values[name] or "")

    def interval(self, name: str) -> tuple[float, float] | None:
        """Of two numbers; None if there are none."""
        return cast("tuple[float, float] | None", self._values[name])


def of(request: ClipRequest, declared: Iterable[Option]) -> Values:
    """What a request says of these options: asked for by name, else by its quality, else by default.

    Raises:
        BadInput: a value is of another kind, or out of range.
    """
    given = dict(request.options)
    quality = given.get(QUALITY.name, GOOD)
    texts: dict[str, str] = {}
    values: dict[str, Value | None] = {}
    for option in declared:
        texts[option.name] = given.get(option.name, option.at(quality))
        try:
            is_left_open = option.name not in given and not texts[option.name]
            values[option.name] = None if is_left_open else option.read(texts[option.name])
        except ValueError as error:
            raise BadInput(str(error)) from None
    return Values(texts, values)
