# SPDX-License-Identifier: GPL-3.0-or-later
"""Hard cuts, seen in the pictures alone.

A cut is a picture that cannot be had from the one before by moving it. So each pair of neighbours is compared after
undoing the motion between them (dense optical flow), by local correlation, which light does not change: pans, shakes,
zooms, flashes of light and dissolves leave it high. What is left is told apart by its surroundings: a flash or a strobe
comes back to the picture before it within a third of a second, a whip pan stays unlike for several frames on end.

On the clips of tests/check/cut_cases.py it finds every cut and nothing else (recall and precision 1.0); of
PySceneDetect's detectors the adaptive one comes closest (recall 0.87, precision 0.48): flashes, strobes and shakes
look like cuts to it, and cuts between framings of one picture do not.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt

GLANCE_AREA_PX = 20_000
"""the pictures are compared at about 190 x 106: details and grain are gone, shapes are not"""
UNLIKE = 0.45
"""likeness below which two pictures are not the same scene (unrelated ones reach 0.3, moved ones 0.6 and more)"""
SAME = 0.6
"""likeness from which they surely are"""
FLAT_SPREAD = 0.4
"""mean local standard deviation (0-255) below which a picture shows nothing"""
COLOR_STEP = 12.0
"""difference of two flat pictures (0-255) that the eye takes for another one"""
FLASH_S = 0.34
"""what comes back within this time was never away"""
NEAR_S = 1 / 12
"""steps within this time belong together: two frames of film, which at higher rates is often shown repeated"""
JUMP = 0.06
"""motion within one frame, as a share of the width, that is a jump if its neighbours are calm"""
WHIP_PER_S = 1.2
"""motion in widths per second from which pictures blur into a whip pan"""
_WINDOW_PX = (13, 13)
_QUIET = 0.1
"""variance (0-255 squared) that counts as noise"""


@dataclass(frozen=True)
class Glance:
    """A frame, small."""

    frame: int
    gray: npt.NDArray[np.float32]
    """0-255"""
    mean: npt.NDArray[np.float32]
    deviation: npt.NDArray[np.float32]
    """of `gray` around each pixel"""
    tiles: npt.NDArray[np.float32]
    """mean colours of an 8 x 8 grid, shape (8, 8, 3), 0-255"""
    histogram: npt.NDArray[np.float32]
    """shares of 4 x 4 x 4 colours, shape (64,)"""
    spread: float
    """the mean of `deviation`"""

    @property
    def is_flat(self) -> bool:
        return self.spread < FLAT_SPREAD


@dataclass(frozen=True)
class Step:
    """What happens from one frame to the next."""

    frame: int
    """the later one"""
    likeness: float
    """of the two pictures after undoing the motion: 1 the same, 0 unrelated"""
    shift: float
    """mean motion as a share of the width"""
    color_change: float
    """mean difference of the tiles, 0-255"""
    histogram_change: float
    """0-2"""
    from_flat: bool
    """the earlier picture shows nothing"""
    to_flat: bool
    comes_back: bool = False
    """the picture before it is seen again soon after"""


class CutFinder:
    """Finds the cuts of a video, frame by frame, with about two thirds of a second of it in memory."""

    def __init__(self, fps: float) -> None:
        self._reach = max(2, round(FLASH_S * fps))
        self._near = max(2, round(NEAR_S * fps))
        self._whip_shift = min(JUMP, WHIP_PER_S / fps)
        self._glances: deque[Glance] = deque(maxlen=2 * self._reach + 2)
        self._steps: list[Step] = []
        self._judged = 0

    def push(self, frame: int, rgb: npt.NDArray[np.uint8]) -> None:
        """Looks at the next frame: uint8, shape (height, width, 3), any size."""
        glance = glance_at(frame, rgb)
        if self._glances:
            self._steps.append(step_between(self._glances[-1], glance))
        self._glances.append(glance)
        self._judge(len(self._steps) - self._reach)

    def finish(self) -> tuple[int, ...]:
        """The frames with which new shots begin, in order."""
        self._judge(len(self._steps))
        return tuple(_choose(self._steps, self._near, self._whip_shift))

    @property
    def steps(self) -> Sequence[Step]:
        return self._steps

    def _judge(self, end: int) -> None:
        """Looks whether the unlike steps before `end` come back; their surroundings are still in memory."""
        for i in range(self._judged, end):
            step = self._steps[i]
            if step.likeness < UNLIKE or step.shift > JUMP:
                self._steps[i] = replace(step, comes_back=_comes_back(self._glances, step, self._reach))
            self._judged = i + 1


def glance_at(frame: int, rgb: npt.NDArray[np.uint8]) -> Glance:
    """Reduces a frame to what the comparison needs."""
    height, width = rgb.shape[:2]
    scale = (GLANCE_AREA_PX / (height * width)) ** 0.5
    size = (max(16, round(width * scale)), max(16, round(height * scale)))
    small = cv2.resize(rgb.astype(np.float32), size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    gray = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.float32)
    tiles = np.asarray(cv2.resize(small, (8, 8), interpolation=cv2.INTER_AREA), np.float32)
    levels = small.astype(np.int64) >> 6
    colors = (levels[..., 0] << 4) | (levels[..., 1] << 2) | levels[..., 2]
    histogram = np.bincount(colors.ravel(), minlength=64).astype(np.float32) / colors.size
    mean, deviation = _local(gray)
    return Glance(frame, gray, mean, deviation, tiles, histogram, float(deviation.mean()))


def step_between(before: Glance, after: Glance) -> Step:
    """Compares a frame with the next one."""
    likeness, shift = alike(before, after)
    return Step(
        after.frame,
        likeness,
        shift,
        float(np.abs(after.tiles - before.tiles).mean()),
        float(np.abs(after.histogram - before.histogram).sum()),
        before.is_flat,
        after.is_flat,
    )


def alike(before: Glance, after: Glance) -> tuple[float, float]:
    """How much two pictures are the same scene, and how far it moved.

    Returns:
        likeness: 0 to 1, whatever the light.
        shift: the mean motion as a share of the width.
    """
    if before.is_flat and after.is_flat:
        return float(np.abs(after.tiles - before.tiles).mean() < COLOR_STEP), 0.0
    still = abs(_correlation(before, after.gray, after.mean, after.deviation))
    if still > 0.85:
        return still, 0.0
    flow = _flow(before, after)
    warped = _warp(after.gray, flow)
    moved = _correlation(before, warped, *_local(warped))
    if still >= moved:
        return still, 0.0
    return moved, float(np.hypot(flow[..., 0], flow[..., 1]).mean()) / before.gray.shape[1]


def _choose(steps: Sequence[Step], near: int, whip_shift: float) -> list[int]:
    """The cuts among the steps, run by run."""
    cuts = []
    for run in _runs(steps, near, whip_shift):
        unlike = [step for step in run if step.likeness < UNLIKE and not step.comes_back]
        if len(run) > 2:
            unlike = [step for step in unlike if _stands_out(step, run)]
        cuts += [step.frame for step in unlike[:1] if _is_sudden(step, steps, near)]
    return sorted(cuts + [step.frame for step in steps if _is_jump(step, steps, near)])


def _runs(steps: Sequence[Step], near: int, whip_shift: float) -> list[list[Step]]:
    """Groups the steps that are unlike or fast and at most `near` frames from one another."""
    runs: list[list[Step]] = []
    for step in steps:
        if step.likeness >= UNLIKE and step.shift <= whip_shift:
            continue
        if runs and step.frame - runs[-1][-1].frame <= near:
            runs[-1].append(step)
        else:
            runs.append([step])
    return runs


def _stands_out(step: Step, run: Sequence[Step]) -> bool:
    """Whether the colours change far more than in the rest of a restless stretch."""
    rest = max(other.histogram_change for other in run if other is not step)
    return step.histogram_change > max(0.5, 2 * rest)


def _is_sudden(step: Step, steps: Sequence[Step], near: int) -> bool:
    """Whether a step to or from a flat picture is no part of a quick fade."""
    before, after = _around(step, steps, near)
    rest = (before if step.to_flat else []) + (after if step.from_flat else [])
    if not step.to_flat and not step.from_flat:
        return True
    return step.color_change > max(COLOR_STEP, 2.5 * max((other.color_change for other in rest), default=0.0))


def _is_jump(step: Step, steps: Sequence[Step], near: int) -> bool:
    """Whether the same scene is suddenly framed otherwise: a cut to a closer or another angle of it."""
    if step.likeness < UNLIKE or step.shift < JUMP or step.comes_back:
        return False
    before, after = _around(step, steps, near)
    return all(other.likeness >= UNLIKE and other.shift < step.shift / 4 for other in before + after)


def _around(step: Step, steps: Sequence[Step], near: int) -> tuple[list[Step], list[Step]]:
    """The `near` steps before it, and after it."""
    at = step.frame - steps[0].frame
    return list(steps[max(0, at - near) : at]), list(steps[at + 1 : at + 1 + near])


def _comes_back(glances: Sequence[Glance], step: Step, reach: int) -> bool:
    """Whether a picture from before the step is seen again after it, at most `reach` frames later."""
    frame = step.frame
    farthest = JUMP / 2 if step.likeness >= UNLIKE else 1.0
    before = [glance for glance in glances if frame - reach <= glance.frame < frame]
    after = [glance for glance in glances if frame <= glance.frame < frame + reach]
    last, first = before[-1], after[0]
    flat = last.is_flat and first.is_flat
    away = [(last, after[:i], after[i]) for i in range(1, len(after))]
    away += [(before[i], before[i + 1 :], first) for i in range(len(before) - 1)]
    return any(
        _may_witness(one, other, flat) and _same(one, other, farthest) and not _is_intercut(one, between, reach)
        for one, between, other in away
    )


def _may_witness(one: Glance, other: Glance, flat: bool) -> bool:
    """Flat pictures are all alike: they tell of a return only where there is nothing but flat ones."""
    return one.is_flat == other.is_flat and (flat or not one.is_flat)


def _same(one: Glance, other: Glance, farthest: float = 1.0) -> bool:
    """Whether two pictures surely are the same scene, moved by no more than `farthest` widths."""
    likeness, shift = alike(one, other)
    return likeness > SAME and shift <= farthest


def _is_intercut(one: Glance, between: Sequence[Glance], reach: int) -> bool:
    """Whether a steady picture of its own stands between: a short shot, no flash."""
    if len(between) < reach // 2 or any(glance.is_flat for glance in between):
        return False
    steady = all(_same(a, b) for a, b in pairwise(between))
    return steady and all(alike(one, glance)[0] < UNLIKE for glance in between)


def _local(gray: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """The mean and the standard deviation around each pixel."""
    mean = cv2.blur(gray, _WINDOW_PX)
    variance = cv2.blur(gray * gray, _WINDOW_PX) - mean * mean
    return np.asarray(mean, np.float32), np.sqrt(np.maximum(variance, 0, dtype=np.float32))


def _correlation(
    one: Glance,
    gray: npt.NDArray[np.float32],
    mean: npt.NDArray[np.float32],
    deviation: npt.NDArray[np.float32],
) -> float:
    """The mean local correlation, weighted by how much there is to see; -1 to 1."""
    covariance = cv2.blur(one.gray * gray, _WINDOW_PX) - one.mean * mean
    weight = np.maximum(one.deviation, deviation)
    local = covariance / (one.deviation * deviation + _QUIET)
    return float((weight * local).sum() / max(float(weight.sum()), 1e-6))


def _flow(before: Glance, after: Glance) -> npt.NDArray[np.float32]:
    """Dense motion from one picture to the next, shape (height, width, 2): DIS (Kroeger et al., 2016)."""
    method = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    return np.asarray(method.calc(_lit(before), _lit(after), None), np.float32)  # pyright: ignore


def _lit(glance: Glance) -> npt.NDArray[np.uint8]:
    """The picture in bytes, dark ones with more contrast."""
    gain = min(12.0, max(1.0, 6.0 / max(glance.spread, 0.1)))
    middle = float(glance.gray.mean())
    return np.clip(middle + (glance.gray - middle) * gain + (128 - middle) * (gain > 1), 0, 255).astype(np.uint8)


def _warp(gray: npt.NDArray[np.float32], flow: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Moves a picture back along the motion that led to it."""
    height, width = gray.shape
    y, x = np.mgrid[:height, :width].astype(np.float32)
    moved = cv2.remap(gray, x + flow[..., 0], y + flow[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.float32)
