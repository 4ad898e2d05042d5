# SPDX-License-Identifier: GPL-3.0-or-later
"""The song's words in time. Standard library only; both sides speak it."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SungWord:
    """One word of a line, in seconds of the song."""

    text: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class SungLine:
    """What is sung at once, in seconds of the song."""

    text: str
    start_s: float
    end_s: float
    words: tuple[SungWord, ...] = ()
    """where the file says when each is sung"""


def words_of(lines: Sequence[SungLine]) -> tuple[SungWord, ...]:
    """Every word whose time is known."""
    return tuple(word for line in lines for word in line.words)
