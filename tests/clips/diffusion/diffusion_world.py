"""What the diffusion engines' tests share: small requests, and a `Work` that remembers."""

import contextlib
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from blender_addon.core.types import ClipRequest, Framing, ShotKind
from bridge.common.errors import Cancelled


class FakeWork:
    """A `Work` that remembers what was reported, and cancels after so many reports."""

    memory_level = 0
    siblings: tuple[ClipRequest, ...] = ()
    painters = 1

    def __init__(self, folder: Path, files: dict[str, Path], cancel_after: int | None = None) -> None:
        self.folder = folder
        self.files = files
        self.cancel_after = cancel_after
        self.reports: list[tuple[float, str]] = []
        self.handed_over: list[float] = []

    def device(self):
        return contextlib.nullcontext()

    def hand_over(self, rest_gib: float) -> None:
        self.handed_over.append(rest_gib)

    def file(self, sha256: str) -> Path:
        return self.files[sha256]

    @property
    def stages(self) -> list[str]:
        return [stage for _, stage in self.reports]

    def report(self, progress, stage, preview=None):
        self.reports.append((progress, stage))
        if self.cancel_after is not None and len(self.reports) > self.cancel_after:
            raise Cancelled("stopped by the test")


def picture(width_px: int = 96, height_px: int = 96, seed: int = 0) -> np.ndarray:
    """Soft coloured noise with a light figure in the middle."""
    random = np.random.default_rng(seed)
    small = random.integers(30, 200, (6, 6, 3), dtype=np.uint8)
    large = cv2.resize(small, (width_px, height_px), interpolation=cv2.INTER_CUBIC)
    cv2.circle(large, (width_px // 2, height_px // 2), min(width_px, height_px) // 4, (250, 220, 200), -1)
    return large


def save_picture(path: Path, **shape: int) -> Path:
    cv2.imwrite(str(path), picture(**shape)[..., ::-1])
    return path


def request_for(
    engine: str = "test+test",
    *,
    seed=1,
    motion=100,
    frame_count=24,
    hold_frames=0,
    kind: Any = ShotKind.MOTION,
    **options,
):
    """A small clip request; the engine's options are given by name."""
    painter, _, animator = engine.partition("+")
    return ClipRequest(
        painter=painter,
        animator=animator,
        shot_id="s01",
        kind=kind,
        framing=Framing.WIDE,
        prompt="a lighthouse at night",
        negative_prompt="text",
        seed=seed,
        motion=motion,
        frame_count=frame_count,
        hold_frames=hold_frames,
        fps=Fraction(24),
        width_px=320,
        height_px=180,
        cover_sha256="c" * 64,
        options=tuple(sorted((name, str(value)) for name, value in options.items())),
    )
