# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of painters and animators: how each is declared, and how what was asked for is read. Pure.

Declarations travel to the add-on with the list of engines, so that both sides read and refuse alike.
"""

import difflib
import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

GOOD = "good"
QUALITIES = ("draft", GOOD, "best")
"""an option may declare what it is at the first and at the last; the middle is its default"""


class OptionKind(StrEnum):
    """What an option's text is read as."""

    YES_NO = "yes-no"
    WHOLE = "whole"
    NUMBER = "number"
    CHOICE = "choice"
    INTERVAL = "interval"
    """two numbers, as in "0.28-5.42" """
    TEXT = "text"


Value = bool | int | float | str | tuple[float, float]


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a painter or animator."""

    name: str
    kind: OptionKind
    help: str
    """one line, for people"""
    default: str = ""
    """empty: decided when the clip is made, as `automatic` says"""
    automatic: str = ""
    """for people: what stands in where there is no default"""
    low: float = 0.0
    """of a whole number or a number: the least, allowed"""
    high: float = 0.0
    """the most, allowed"""
    choices: tuple[str, ...] = ()
    """of a choice: all there are; of a text: those that are known"""
    draft: str = ""
    """what it is at the quality "draft"; empty: the default"""
    best: str = ""
    """what it is at the quality "best" """

    @property
    def takes(self) -> str:
        """What it takes, for people, as in "a whole number from 1 to 100"."""
        match self.kind:
            case OptionKind.YES_NO:
                return "yes or no"
            case OptionKind.WHOLE:
                return f"a whole number from {self.low:.0f} to {self.high:.0f}"
            case OptionKind.NUMBER:
                return f"a number from {self.low:g} to {self.high:g}"
            case OptionKind.CHOICE:
                return "one of " + ", ".join(self.choices)
            case OptionKind.INTERVAL:
                return "two numbers, the lower first, such as 0.28-5.42"
        return "text"

    def at(self, quality: str) -> str:
        """What it is at a quality where nobody asks for it by name; empty where that is decided later."""
        return {"draft": self.draft, "best": self.best}.get(quality) or self.default

    def read(self, text: str) -> Value:
        """The value that a text stands for.

        Raises:
            ValueError: it is of another kind or out of range; the sentence says what is right.
        """
        found = self._read(text.strip())
        if found is None:
            raise ValueError(f"The option {self.name} takes {self.takes}, not {text!r}.")
        return found

    def _read(self, text: str) -> Value | None:
        match self.kind:
            case OptionKind.YES_NO:
                return {"yes": True, "no": False}.get(text)
            case OptionKind.CHOICE:
                return text if text in self.choices else None
            case OptionKind.INTERVAL:
                low, _, high = text.partition("-")
                numbers = _number(low), _number(high)
                return numbers if 0 <= numbers[0] < numbers[1] else None
            case OptionKind.TEXT:
                return text
        number = _number(text)
        if not self.low <= number <= self.high:  # which no "nan" is either
            return None
        if self.kind is OptionKind.NUMBER:
            return number
        return int(number) if number == int(number) else None


def check(declared: Iterable[Option], given: Iterable[tuple[str, str]], engine: str) -> None:
    """Makes sure that an engine has all of these options, and that their values are right.

    Args:
        given: names and values.
        engine: its name, for the sentence.

    Raises:
        ValueError: one is unknown, of another kind or out of range.
    """
    by_name = {option.name: option for option in declared}
    for name, text in given:
        if name not in by_name:
            nearest = difflib.get_close_matches(name, by_name, n=1, cutoff=0.5)
            hint = f"Did you mean {nearest[0]!r}?" if nearest else f"`beatboard engines {engine}` lists those it has."
            raise ValueError(f"The engine {engine} has no option {name!r}. {hint}")
        by_name[name].read(text)


def pairs(texts: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """NAME=VALUE texts as names and values, sorted by name; the last of a name wins.

    Raises:
        ValueError: of the first that is no such pair.
    """
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not (name.strip() and equals):
            raise ValueError(text)
        found[name.strip()] = value.strip()
    return tuple(sorted(found.items()))


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
