"""What the tests of the animatic share: a small cover made on the spot, requests and a place to work."""

import contextlib
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from blender_addon.core.types import ClipRequest, Framing, ShotKind
from bridge.common.frames import Frame

COVER_SHA256 = "c" * 64


def cover(side_px: int = 360) -> Frame:
    """A red figure before hills and a textured sky: something near, something far."""
    rng = np.random.default_rng(5)
    unit = side_px / 360
    down = np.linspace(0, 1, side_px)[:, None, None]
    picture = np.array([40, 60, 120]) * (1 - down) + np.array([230, 170, 120]) * down
    texture = cv2.GaussianBlur(rng.standard_normal((side_px, side_px)), (0, 0), 3 * unit)
    picture = np.repeat(picture, side_px, axis=1) + 220 * texture[..., None]
    picture[int(250 * unit) :] *= 0.5
    picture = np.clip(picture, 0, 255).astype(np.uint8)
    body = (int(150 * unit), int(170 * unit)), (int(215 * unit), int(340 * unit))
    cv2.rectangle(picture, *body, (205, 30, 40), -1)
    cv2.circle(picture, (int(182 * unit), int(140 * unit)), int(32 * unit), (215, 60, 50), -1)
    return np.clip(picture + rng.normal(0, 4, picture.shape), 0, 255).astype(np.uint8)


class Desk:
    """Work whose only file is the cover."""

    def __init__(self, folder: Path, picture: Frame | None = None) -> None:
        self.folder = folder
        self.stages: list[str] = []
        self._cover = folder / "cover.png"
        cv2.imwrite(str(self._cover), (cover() if picture is None else picture)[..., ::-1])

    memory_level = 0
    siblings = ()
    painters = 1

    def device(self):
        return contextlib.nullcontext()

    def hand_over(self, rest_gib: float) -> None:
        pass

    def file(self, sha256: str) -> Path:
        assert sha256 == COVER_SHA256
        return self._cover

    def report(self, progress: float, stage: str, preview: Frame | None = None) -> None:
        assert 0 <= progress <= 1
        self.stages.append(stage)


def request(**changes) -> ClipRequest:
    values = {
        "painter": "cover",
        "animator": "camera",
        "shot_id": "s01",
        "kind": ShotKind.MOTION,
        "framing": Framing.MEDIUM,
        "prompt": "",
        "negative_prompt": "",
        "seed": 1,
        "motion": 120,
        "frame_count": 24,
        "hold_frames": 0,
        "fps": Fraction(24),
        "width_px": 160,
        "height_px": 90,
        "cover_sha256": COVER_SHA256,
        "accents": (0, 12),
        "energy": (0.4, 0.6),
    }
    return ClipRequest(**(values | changes))
