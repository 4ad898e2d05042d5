# SPDX-License-Identifier: GPL-3.0-or-later
"""What the benchmarks and stress tests share: their options, their figures, a shot to make, and a worker's stand-in."""

import argparse
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from blender_addon.core.types import ClipRequest, Framing, ShotKind
from bridge.common.frames import Frame

ROOT = Path(__file__).resolve().parents[1]

REQUEST = ClipRequest(
    painter="cover",
    animator="camera",
    shot_id="s01",
    kind=ShotKind.MOTION,
    framing=Framing.WIDE,
    prompt="a lighthouse at night, deep teal",
    negative_prompt="text",
    seed=1,
    motion=100,
    frame_count=48,
    hold_frames=0,
    fps=Fraction(24),
    width_px=1920,
    height_px=1080,
    cover_sha256="0" * 64,
)


def clip_request(shot_id: str, **changes: Any) -> ClipRequest:
    """A shot like any other, but for these fields."""
    return replace(REQUEST, shot_id=shot_id, **changes)


def parser(description: str | None, *, wants_gpu: bool = False) -> argparse.ArgumentParser:
    """Options to add to. All have `--quick`, the smallest form; what wants a GPU has `--tiny` too."""
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--quick", action="store_true", help="the smallest form, within a minute: does it run?")
    if wants_gpu:
        made.add_argument("--tiny", action="store_true", help="tiny networks, on the CPU if there is no GPU")
    return made


def figure(name: str, value: float, unit: str) -> None:
    """One line that a program can read."""
    print(f"figure {name} {value if isinstance(value, int) else f'{value:.4g}'} {unit}", flush=True)


@dataclass
class Alone:
    """A `bridge.clips.base.Work` without a worker: nobody to take turns with, nobody to tell."""

    folder: Path
    file_of: Callable[[str], Path]
    """by its SHA-256"""
    memory_level: int = 0
    siblings: Sequence[ClipRequest] = ()
    painters: int = 1

    def device(self) -> contextlib.AbstractContextManager[None]:
        """See `Work`."""
        return contextlib.nullcontext()

    def hand_over(self, rest_gib: float) -> None:
        """See `Work`."""

    def file(self, sha256: str) -> Path:
        """See `Work`."""
        return self.file_of(sha256)

    def report(self, progress: float, stage: str, preview: Frame | None = None) -> None:
        """See `Work`."""
