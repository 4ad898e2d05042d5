# SPDX-License-Identifier: GPL-3.0-or-later
"""How long work tells how far it is: a bar per stage on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    pass


class OnProgress(Protocol):
    """How a long function tells how far it is."""

    def __call__(self, progress: float, stage: str, /) -> None:
        """`progress` is 0-1 of this function's work; `stage` says what is being done, for people."""
        ...


class Display(Protocol):
    """Shows the stages of a command, one after the other."""

    seconds: dict[str, float]
    """how long each finished stage took, by its title"""

    def stage(self, title: str) -> AbstractContextManager[OnProgress]:
        """Opens a stage; its `OnProgress` is what the `with` statement gives."""
        ...

    def say(self, line: str) -> None:
        """Shows a line that stays, between two stages."""
        ...


class PlainDisplay:
    """Lines on standard error, at most one every five seconds within a stage: for logs and pipes.

    Args:
        often: four a second, for a program that shows them.
    """

    PAUSE_S, SHORT_PAUSE_S = 5.0, 0.25

    def __init__(self, *, often: bool = False) -> None:
        self.seconds: dict[str, float] = {}
        self._pause_s = self.SHORT_PAUSE_S if often else self.PAUSE_S

    @contextmanager
    def stage(self, title: str) -> Iterator[OnProgress]:
        started = last = time.monotonic()
        print(f"{title} ...", file=sys.stderr, flush=True)

        def on_progress(progress: float, stage: str) -> None:
            nonlocal last
            if time.monotonic() - last >= self._pause_s:
                last = time.monotonic()
                print(f"  {progress:4.0%} {stage}", file=sys.stderr, flush=True)

        yield on_progress
        self.seconds[title] = time.monotonic() - started
        print(f"{title}: done in {self.seconds[title]:.1f} s", file=sys.stderr, flush=True)

    def say(self, line: str) -> None:
        print(line, file=sys.stderr, flush=True)


class BarDisplay:
    """A progress bar per stage, by rich."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, title: str) -> Iterator[OnProgress]:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        started = time.monotonic()
        columns = (
            TextColumn("{task.description:<10}"),
            BarColumn(bar_width=32),
            TextColumn("{task.percentage:>3.0f}%"),
            TimeElapsedColumn(),
            TextColumn("[dim]{task.fields[doing]}"),
        )
        with Progress(*columns, console=Console(stderr=True)) as bars:
            task = bars.add_task(title, total=1.0, doing="")
            yield lambda progress, stage: bars.update(task, completed=progress, doing=stage)
            bars.update(task, completed=1.0, doing="")
        self.seconds[title] = time.monotonic() - started

    def say(self, line: str) -> None:
        print(line, file=sys.stderr, flush=True)


def display(*, often: bool = False) -> Display:
    """The display that fits standard error; `often` as in `PlainDisplay`."""
    return BarDisplay() if sys.stderr.isatty() else PlainDisplay(often=often)
