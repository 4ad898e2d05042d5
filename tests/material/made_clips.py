"""Clips made for the tests of the material: what moves how much, and when they are worth looking at, is known."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from blender_addon.core.types import (
    Beat,
    EditPlan,
    EnergyCurve,
    Excerpt,
    Framing,
    Shot,
    ShotKind,
    SongAnalysis,
)

SIZE = (320, 180)
FPS = Fraction(24)
BEAT_S = 0.5


def texture(seed: int, hue: int = 0) -> np.ndarray:
    """Something to see: blotches with fine detail, wider than the picture; the hue shifts its colours."""
    rng = np.random.default_rng(seed)
    coarse = cv2.resize(rng.random((24, 60)), (900, 400), interpolation=cv2.INTER_CUBIC)
    value = np.clip(
        110 + 130 * (coarse - 0.5) + 28 * cv2.GaussianBlur(rng.normal(0, 1, (400, 900)), (0, 0), 1.2), 0, 255
    )
    hsv = np.dstack([np.full_like(value, hue), np.full_like(value, 110), value]).astype(np.uint8)
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)


def picture(ground: np.ndarray, x: float) -> np.ndarray:
    """A part of the texture, moved by x pixels to the left."""
    shift = np.array([[1, 0, -x], [0, 1, -60]], np.float32)
    return cv2.warpAffine(ground, shift, SIZE, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)


def spoiled(rgb: np.ndarray, how: str) -> np.ndarray:
    """The picture as nobody wants it."""
    if how == "blurred":
        return cv2.GaussianBlur(rgb, (0, 0), 6)
    if how == "dark":
        return (rgb // 12).astype(np.uint8)
    return np.clip(rgb.astype(np.int16) * 2 + 150, 0, 255).astype(np.uint8)


def write(
    path: Path, pictures: Sequence[np.ndarray], fps: Fraction = FPS, codec: str = "libx264", **options: str
) -> Path:
    height, width = pictures[0].shape[:2]
    with av.open(str(path), "w") as out:
        stream: Any = out.add_stream(codec, rate=fps, options={"crf": "14", "preset": "ultrafast", **options})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for rgb in pictures:
            out.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")))
        out.mux(stream.encode(None))
    return path


def moving(seconds: float, speed_px_s: Callable[[float], float], seed: int = 1, hue: int = 0) -> list[np.ndarray]:
    """Pictures that move at a speed that is a function of the time."""
    ground, x, found = texture(seed, hue), 0.0, []
    for i in range(round(seconds * FPS)):
        found.append(picture(ground, x))
        x += speed_px_s(i / float(FPS)) / float(FPS)
    return found


def song(bars: int = 16) -> SongAnalysis:
    """120 bpm in 4/4."""
    beats = tuple(Beat(i * BEAT_S, i // 4 + 1, i % 4 + 1, 1.0) for i in range(4 * bars))
    return SongAnalysis("a" * 64, bars * 2.0, 120.0, 4, beats, (), EnergyCurve(0.5, (0.5,)), None, (), 0.9, "made-1")


def plan(motions: Sequence[int], bars: int = 1) -> EditPlan:
    """A shot of so many bars for each motion, and one more that turns into the cover."""
    length = round(bars * 4 * BEAT_S * FPS)
    shots = tuple(
        Shot(f"s{i + 1:02d}", i * length, length, 1, ShotKind.MOTION, Framing.WIDE, 0, "", "", i, motion)
        for i, motion in enumerate([*motions, 100])
    )
    last = Shot("end", len(motions) * length, length, 3, ShotKind.COVER_END, Framing.WIDE, 24, "", "", 0, 100)
    excerpt = Excerpt(0.0, float(len(shots) * length / FPS), fades_out=False)
    return EditPlan("a" * 64, "b" * 64, excerpt, FPS, *SIZE, (*shots[:-1], last))
