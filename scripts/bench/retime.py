# SPDX-License-Identifier: GPL-3.0-or-later
"""Retiming along the motion, against crossfades and frame blending, on motion that is known exactly.

    python scripts/bench/retime.py [--quick]

A scene of layers that pan, turn and pass before each other is rendered at 96 frames per second; every fourth frame
(and every eighth) is given, and the ones between must be found. Figures: `retime_gain_crossfade_db` and
`retime_gain_blending_db` (mean PSNR above each of the two simple ways, over the frames that had to be found; frame
blending shows each frame the mean of the two nearest ones, as a strip slowed down with it does), `retime_least_gain_db`
(the worst scene against the better of both), `retime_cost` (time per frame made, over the time of one DIS flow of the
same pictures; alternating, so that a busy machine slows both).
"""

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from bridge.common import interpolation
from bridge.common.frames import Frame
from scripts.measuring import figure, parser

SIZE = (960, 540)


def texture(seed: int) -> Frame:
    """Noise at every scale, 1.5 times the frame's size."""
    random = np.random.default_rng(seed)
    width, height = int(SIZE[0] * 1.5), int(SIZE[1] * 1.5)
    total = np.zeros((height, width, 3), np.float32)
    for sigma in (2, 4, 8, 16, 32):
        noise = cv2.GaussianBlur(random.standard_normal(total.shape).astype(np.float32), (0, 0), sigma)
        total += noise / noise.std()
    return ((total - total.min()) / np.ptp(total) * 255).astype(np.uint8)


def placed(picture: Frame, dx: float, dy: float, angle: float = 0.0, zoom: float = 1.0) -> Frame:
    """The picture's middle, moved."""
    height, width = picture.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), angle, zoom)
    matrix[:, 2] += (dx - (width - SIZE[0]) / 2, dy - (height - SIZE[1]) / 2)
    return cast(Frame, cv2.warpAffine(picture, matrix, SIZE, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT))


def pan(time_s: float) -> Frame:
    """A camera that pans."""
    return placed(BACK, -160 * time_s, 30 * time_s)


def push(time_s: float) -> Frame:
    """One that comes closer and tilts."""
    return placed(BACK, 0, 0, 12 * time_s, 1 + 0.35 * time_s)


def passing(time_s: float) -> Frame:
    """A disc that passes before a background that goes the other way: it hides and uncovers."""
    frame = placed(BACK, -60 * time_s, 0)
    front = placed(FRONT, 140 * time_s, 20 * time_s)
    mask = np.zeros((SIZE[1], SIZE[0]), np.float32)
    shift = 16  # OpenCV draws to a fraction of a pixel by fixed-point places
    center = (round((330 + 140 * time_s) * 2**shift), round((260 + 20 * time_s) * 2**shift))
    cv2.circle(mask, center, 110 << shift, (1.0,), -1, cv2.LINE_AA, shift)
    mask = cv2.GaussianBlur(mask, (0, 0), 0.7)[..., None]
    return (frame * (1 - mask) + front * mask).astype(np.uint8)


BACK, FRONT = texture(1), texture(2)
SCENES: dict[str, Callable[[float], Frame]] = {"pan": pan, "push": push, "passing": passing}


def psnr(a: Frame, b: Frame) -> float:
    """Peak signal to noise, in dB."""
    return float(10 * np.log10(255**2 / max(1e-9, float(np.mean((a.astype(float) - b) ** 2)))))


def gains(scene: Callable[[float], Frame], factor: int, pairs: int) -> tuple[list[float], list[float]]:
    """By how many dB the frames found beat a crossfade's and frame blending's."""
    over_fade, over_blend = [], []
    for k in range(pairs):
        moments = [(k * factor + i) / 96 for i in range(factor + 1)]
        truth = [scene(moment) for moment in moments]
        inner = [i / factor for i in range(1, factor)]
        found = interpolation.between(truth[0], truth[-1], inner)
        blended = cv2.addWeighted(truth[0], 0.5, truth[-1], 0.5, 0)
        for at, made, true in zip(inner, found, truth[1:-1], strict=True):
            faded = cv2.addWeighted(truth[0], 1 - at, truth[-1], at, 0)
            over_fade.append(psnr(made, true) - psnr(cast(Frame, faded), true))
            over_blend.append(psnr(made, true) - psnr(cast(Frame, blended), true))
    return over_fade, over_blend


def cost(rounds: int) -> float:
    """Time for one frame made, over that of one DIS flow on the pictures at the flow's own size."""
    before, after = pan(0.0), pan(4 / 96)
    grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in (before, after)]
    dis: Any = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    ratios = []
    for _ in range(rounds):
        flow_s = seconds(lambda: dis.calc(grey[0], grey[1], None))
        made_s = seconds(lambda: interpolation.between(before, after, [0.25, 0.5, 0.75])) / 3
        ratios.append(made_s / flow_s)
    return statistics.median(ratios)


def seconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def main() -> None:
    """Prints the figures."""
    quick = parser(__doc__).parse_args().quick
    fades, blends, least = [], [], []
    for name, scene in SCENES.items():
        for factor in (4, 8):
            fade, blend = gains(scene, factor, 1 if quick else 5)
            fades += fade
            blends += blend
            least.append(min(statistics.mean(fade), statistics.mean(blend)))
            print(f"{name}, 1 of {factor} frames given: {statistics.mean(fade):+.1f} dB over a crossfade")
    figure("retime_gain_crossfade_db", statistics.mean(fades), "dB")
    figure("retime_gain_blending_db", statistics.mean(blends), "dB")
    figure("retime_least_gain_db", min(least), "dB")
    figure("retime_cost", cost(3 if quick else 15), "ratio")


if __name__ == "__main__":
    main()
