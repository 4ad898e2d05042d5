# SPDX-License-Identifier: GPL-3.0-or-later
"""How the render's cost grows: length, shots, size and frame rate are changed one at a time, from the first of each.

    python scripts/bench/scale.py [--quick] [--lengths 30,120,600] [--shots 10,50,200] [--sides 1080,2160]
                                  [--rates 24,60]

The clips are as large as the video. The processor's time is counted, which others on the machine disturb least, by
frame and million of its pixels, against that of the first row; and so is the peak memory of all processes. Both must
stay flat (at most 1.2), but for the memory of a larger size, which is for as many pixels. Bars make a chart of it.
"""

import argparse
import math
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from scripts.bench.render import make_material, measured, ours
from scripts.measuring import figure, parser

BAR = 20
"""characters of a bar for the first row"""


@dataclass(frozen=True)
class Job:
    """A video to be rendered."""

    length_s: float
    shots: int
    side_px: int
    """the shorter one"""
    fps: int

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, 16:9."""
        return 2 * round(self.side_px * 8 / 9), self.side_px

    @property
    def frames(self) -> int:
        """Of each shot."""
        return max(2, round(self.length_s * self.fps / self.shots))

    @property
    def megapixels(self) -> float:
        """Of all its frames."""
        return math.prod(self.size) * self.frames * self.shots / 1e6


@dataclass(frozen=True)
class Measured:
    """What it took."""

    job: Job
    axis: str
    cpu_s: float
    peak_bytes: int

    @property
    def per_megapixel_s(self) -> float:
        """The processor's time for a million pixels of one frame."""
        return self.cpu_s / self.job.megapixels


def main() -> None:
    """Measures the first row, then each other, and prints the chart and the figures."""
    options = parse()
    first, *others = (render_once(job, axis) for axis, job in jobs(options))
    for row in (first, *others):
        print(line(row, first))
    for axis in dict.fromkeys(row.axis for row in others):
        rows = [row for row in others if row.axis == axis]
        figure(f"scale_{axis}_time", max(row.per_megapixel_s for row in rows) / first.per_megapixel_s, "ratio")
        figure(f"scale_{axis}_memory", max(memory(row, first) for row in rows), "ratio")


def parse() -> argparse.Namespace:
    """The options; `--quick` is a few small frames."""
    command = parser(__doc__)
    command.add_argument("--lengths", default="30,120,600", help="in seconds")
    command.add_argument("--shots", default="10,50,200")
    command.add_argument("--sides", default="1080,2160", help="the shorter ones, in pixels")
    command.add_argument("--rates", default="24,60", help="in frames a second")
    options = command.parse_args()
    if options.quick:
        options.lengths, options.shots, options.sides, options.rates = "0.5,1", "2,4", "90,180", "24,48"
    for name in ("lengths", "shots", "sides", "rates"):
        setattr(
            options,
            name,
            [int(part) if name != "lengths" else float(part) for part in getattr(options, name).split(",")],
        )
    return options


def jobs(options: argparse.Namespace) -> Iterator[tuple[str, Job]]:
    """The first of each, then what differs from that in one."""
    first = Job(options.lengths[0], options.shots[0], options.sides[0], options.rates[0])
    yield "first", first
    yield from (("length", replace(first, length_s=value)) for value in options.lengths[1:])
    yield from (("shots", replace(first, shots=value)) for value in options.shots[1:])
    yield from (("size", replace(first, side_px=value)) for value in options.sides[1:])
    yield from (("rate", replace(first, fps=value)) for value in options.rates[1:])


def render_once(job: Job, axis: str) -> Measured:
    """Renders it from clips that are there, in a folder of its own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        asked = argparse.Namespace(size=job.size, output=job.size, frames=job.frames, workers=None)
        material = make_material(folder, asked, shots=job.shots, fps=Fraction(job.fps))
        cost = measured(lambda: ours(material, folder / "video.mp4", folder / "work"))
    return Measured(job, axis, cost.cpu_s, cost.peak_bytes)


def memory(row: Measured, first: Measured) -> float:
    """The peak against the first row's; for a larger size, for as many pixels."""
    return row.peak_bytes / first.peak_bytes / max(1.0, math.prod(row.job.size) / math.prod(first.job.size))


def line(row: Measured, first: Measured) -> str:
    """A row of the chart."""
    job, ratio = row.job, row.per_megapixel_s / first.per_megapixel_s
    what = f"{job.length_s:5g} s {job.shots:4} shots {job.side_px:5}p {job.fps:3} fps"
    per_second = f"{row.cpu_s / (job.frames * job.shots / job.fps):6.2f} s of CPU a second"
    return f"{what}  {per_second}  {row.peak_bytes / 1e9:5.2f} GB  {ratio:4.2f} {'#' * round(BAR * ratio)}"


if __name__ == "__main__":
    main()
