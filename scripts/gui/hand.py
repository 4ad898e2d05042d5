# SPDX-License-Identifier: GPL-3.0-or-later
"""Eyes and hands before a screen: reads its words (tesseract), moves the mouse, presses keys (xdotool), drops files."""

import csv
import difflib
import io
import itertools
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

ENLARGED = (2.5, 2.0, 3.0)
"""words on a screen are too small for tesseract; tried one after the other"""
STROKE_PX = 9
"""letters have thinner strokes, what lies behind them is larger"""
STILL_PX = 4
"""a text that is seen twice within so many pixels rests"""
ALIKE = 0.85
"""a text is read right if this share of its letters is"""


@dataclass(frozen=True)
class Box:
    """A part of the screen, in pixels; the whole of it by default."""

    left: int = 0
    top: int = 0
    right: int = 1920
    bottom: int = 1080


@dataclass(frozen=True)
class Word:
    """A word on the screen."""

    text: str
    box: Box


class NotSeen(Exception):
    """What should be on the screen isn't."""


class Screen:
    """One X display, before which someone sits.

    Args:
        pictures: the folder that screenshots go to.
        alive: whether the program on the screen still runs.
    """

    def __init__(self, pictures: Path, alive: Callable[[], bool]) -> None:
        self._pictures = pictures
        self._alive = alive
        self._enlarged = itertools.cycle(ENLARGED)

    def see(self) -> np.ndarray[Any, Any]:
        """The screen's picture, BGR."""
        shot = subprocess.run(["import", "-window", "root", "png:-"], capture_output=True, check=True).stdout
        picture = cv2.imdecode(np.frombuffer(shot, np.uint8), cv2.IMREAD_COLOR)
        assert picture is not None
        return picture

    def keep(self, name: str) -> None:
        """Keeps a screenshot."""
        cv2.imwrite(str(self._pictures / f"{name}.png"), self.see())

    def read(self, box: Box = Box(), *, upright: bool = True) -> list[list[Word]]:
        """The words on a part of the screen, by lines; with `upright=False`, of text that runs downwards."""
        part = self.see()[box.top : box.bottom, box.left : box.right]
        part = part if upright else cv2.rotate(part, cv2.ROTATE_90_COUNTERCLOCKWISE)
        lines: dict[tuple[str, ...], list[Word]] = {}
        enlarged = next(self._enlarged)
        for row in _tesseract(_letters(part, enlarged)):
            left, top, width, height = (int(int(row[key]) / enlarged) for key in ("left", "top", "width", "height"))
            if not upright:  # turned back
                left, top, width, height = part.shape[0] - top - height, left, height, width
            place = Box(box.left + left, box.top + top, box.left + left + width, box.top + top + height)
            lines.setdefault(tuple(row[key] for key in ("block_num", "par_num", "line_num")), []).append(
                Word(row["text"], place)
            )
        return list(lines.values())

    def find(self, text: str, box: Box = Box(), *, upright: bool = True) -> Box | None:
        """Where a text stands; if it does in several places, in the topmost."""
        found = []
        for line in self.read(box, upright=upright):
            for start, end in itertools.combinations(range(len(line) + 1), 2):
                if _alike("".join(word.text for word in line[start:end]), text.replace(" ", "")):
                    found.append(_around([word.box for word in line[start:end]]))
        return min(found, key=lambda one: one.top, default=None)

    def wait_for(self, text: str, box: Box = Box(), *, limit_s: float = 30.0, upright: bool = True) -> Box:
        """Waits until a text is seen.

        Raises:
            NotSeen: it isn't in time, or the program has ended.
        """
        end_s = time.monotonic() + limit_s
        while (found := self.find(text, box, upright=upright)) is None:
            if time.monotonic() > end_s or not self._alive():
                raise NotSeen(f"{text!r} was not seen within {limit_s:.0f} s, or the program has ended.")
            time.sleep(1.0)
        return found

    def wait_until_gone(self, text: str, *, limit_s: float = 60.0) -> None:
        """Waits until a text is seen no more.

        Raises:
            NotSeen: it still is, after all that time.
        """
        end_s = time.monotonic() + limit_s
        while self.find(text):
            if time.monotonic() > end_s:
                raise NotSeen(f"{text!r} was still seen after {limit_s:.0f} s.")
            time.sleep(1.0)

    def click(self, text: str, box: Box = Box(), *, right: int | None = None, upright: bool = True) -> None:
        """Waits for a text that rests and clicks it; or, with `right`, what is in its line at this x."""
        found, before = self.wait_for(text, box, upright=upright), None
        while before is None or abs(found.top - before.top) > STILL_PX:  # a panel may grow after an edit
            found, before = self.wait_for(text, box, upright=upright), found
        self.click_at((found.left + found.right) // 2 if right is None else right, (found.top + found.bottom) // 2)

    def click_at(self, x: int, y: int, button: int = 1) -> None:
        """Clicks a place."""
        self.point(x, y)
        _xdotool("click", str(button))
        time.sleep(1.2)

    def point(self, x: int, y: int) -> None:
        """Moves the mouse, as a hand does: on the way it is elsewhere."""
        _xdotool("mousemove", str(x - 3), str(y - 2), "sleep", "0.2", "mousemove", str(x), str(y))
        time.sleep(0.5)

    def key(self, *names: str) -> None:
        """Presses keys, such as "ctrl+a", one after the other."""
        for name in names:
            _xdotool("key", name)
            time.sleep(0.6)

    def type(self, text: str) -> None:
        """Types over what a field holds, and confirms it."""
        self.key("ctrl+a")
        _xdotool("type", "--delay", "40", text)
        time.sleep(0.5)
        self.key("Return")
        time.sleep(1.0)

    def drop(self, path: Path, x: int, y: int) -> None:
        """Drops a file onto what is there, as from a file manager."""
        script = Path(__file__).with_name("drop.py")
        subprocess.run(["/usr/bin/python3", str(script), str(path), str(x), str(y)], check=True)

    def scroll(self, x: int, y: int, steps: int) -> None:
        """Turns the mouse's wheel there, down if the steps are more than 0."""
        self.point(x, y)
        _xdotool("click", "--repeat", str(abs(steps)), "--delay", "40", "5" if steps > 0 else "4")
        time.sleep(1.5)


def _xdotool(*words: str) -> None:
    subprocess.run(["xdotool", *words], check=True)


def _letters(picture: np.ndarray[Any, Any], enlarged: float) -> np.ndarray[Any, Any]:
    """Light letters on whatever is behind them, as dark letters on white."""
    gray = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    large = cv2.resize(gray, None, fx=enlarged, fy=enlarged, interpolation=cv2.INTER_CUBIC)
    side = int(STROKE_PX * enlarged)
    light = cv2.morphologyEx(large, cv2.MORPH_TOPHAT, np.ones((side, side), np.uint8))
    return 255 - cv2.normalize(np.minimum(light, 120), np.empty_like(light), 0, 255, cv2.NORM_MINMAX)


def _tesseract(picture: np.ndarray[Any, Any]) -> list[dict[str, str]]:
    """The rows of what tesseract reads, a word each."""
    _, png = cv2.imencode(".png", picture)
    command = ["tesseract", "-", "-", "--psm", "11", "-c", "tessedit_create_tsv=1", "quiet"]
    said = subprocess.run(command, input=png.tobytes(), capture_output=True, check=True).stdout.decode()
    rows = csv.DictReader(io.StringIO(said), delimiter="\t", quoting=csv.QUOTE_NONE)
    return [row for row in rows if row["text"].strip() and float(row["conf"]) > 0]


def _alike(seen: str, wanted: str) -> bool:
    if len(wanted) < 4:
        return seen == wanted
    return difflib.SequenceMatcher(None, seen.lower(), wanted.lower()).ratio() >= ALIKE


def _around(boxes: Sequence[Box]) -> Box:
    """The smallest box that holds these."""
    return Box(
        min(box.left for box in boxes),
        min(box.top for box in boxes),
        max(box.right for box in boxes),
        max(box.bottom for box in boxes),
    )
