# SPDX-License-Identifier: GPL-3.0-or-later
"""Seconds and frames, exactly. Pure: standard library only.

Frame rates are `Fraction`s, so that 30000/1001 stays what it is. A frame index counts from 0 at the
excerpt's first frame; Blender's own frame numbers are made from it in `strip_layout`.
"""

import math
from fractions import Fraction

FRAME_RATES = (
    Fraction(24),
    Fraction(25),
    Fraction(30000, 1001),
    Fraction(30),
    Fraction(50),
    Fraction(60),
)


def parse_fps(text: str) -> Fraction:
    """Reads a frame rate such as "24", "30000/1001" or the customary "29.97".

    Raises:
        ValueError: it is not one of `FRAME_RATES`; the message names them.
    """
    try:
        asked = Fraction(text)
    except (ValueError, ZeroDivisionError):
        asked = Fraction(0)
    for rate in FRAME_RATES:
        if abs(asked - rate) < Fraction(1, 100):
            return rate
    known = ", ".join(str(rate) for rate in FRAME_RATES)
    raise ValueError(f"frame rate {text!r} is not one of {known}")


def frame_at(time_s: float, fps: Fraction) -> int:
    """The frame nearest to a time; a tie goes to the later frame. `time_s` may be negative."""
    return math.floor(Fraction(time_s) * fps + Fraction(1, 2))


def time_of(frame: int, fps: Fraction) -> float:
    """The time in seconds at which a frame starts."""
    return float(frame / fps)
