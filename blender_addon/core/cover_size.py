# SPDX-License-Identifier: GPL-3.0-or-later
"""How large a cover has to be to fill a frame, and what it means if it isn't. Pure, standard library only."""

import math
from collections.abc import Iterable

ENLARGED = 3.0
"""a pixel of the cover is shown at most this large"""


def size_note(cover_px: tuple[int, int], frames_px: Iterable[tuple[int, int]]) -> str:
    """What a cover of few pixels means for the video; empty if it has enough, or if its size isn't known.

    Args:
        cover_px: width, height; zeros if unknown.
        frames_px: of the videos, likewise.
    """
    width_px, height_px = cover_px
    if not width_px or not height_px:
        return ""
    wanted = max(max(width / width_px, height / height_px) / ENLARGED for width, height in frames_px)
    if wanted <= 1:
        return ""
    needed_px = math.ceil(wanted * min(width_px, height_px) / 10) * 10
    return (
        f"The cover has {width_px} x {height_px} pixels. Enlarged more than {ENLARGED:g} times it would be mush, so it"
        f" is shown as cards, without close shots; {needed_px} pixels on its shorter side would fill the frame."
    )
