# SPDX-License-Identifier: GPL-3.0-or-later
"""The takes of each shot side by side on one page, playing in sync with the song."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bridge import files
from bridge.check.page import environment, relative_link


@dataclass(frozen=True)
class Take:
    """One clip that was made for a shot."""

    video: Path
    name: str
    """for people, as in "take 2" """
    note: str = ""
    """for people: the engine, the seed, whatever tells it from the others"""


@dataclass(frozen=True)
class ShotTakes:
    """A shot and all that was made for it."""

    id: str
    start_s: float
    """in the song"""
    duration_s: float
    takes: Sequence[Take]
    prompt: str = ""


def takes_page(shots: Sequence[ShotTakes], song: Path, path: Path) -> None:
    """Writes the page. Clips and song are linked by their places relative to it.

    Raises:
        BadInput: the page cannot be written.
    """
    page = environment().get_template("takes.html").render(
        shots=shots,
        count=sum(len(shot.takes) for shot in shots),
        song=relative_link(song, path),
        name=song.name,
        link=lambda video: relative_link(video, path),
    )  # fmt: skip
    files.write_text(path, page)
