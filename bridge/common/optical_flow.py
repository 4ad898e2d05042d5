# SPDX-License-Identifier: GPL-3.0-or-later
"""How much a shot moves: dense optical flow (DIS: Kroeger et al., ECCV 2016), averaged where there is something to see.

On a flat ground nothing tells where a place went: any flow explains it, and the least light drifting over it makes one
up that is many times the true one. Such places count less, the flatter they are (the smaller eigenvalue of the
gradients: Shi and Tomasi, CVPR 1994).
"""

from collections.abc import Iterable
from fractions import Fraction
from typing import cast

import cv2
import numpy as np
import numpy.typing as npt

from bridge.common.frames import Frame

Grey = npt.NDArray[np.uint8]

REFERENCE_WIDTH_PX = 1000
"""flow is given in pixels per second as if the picture were this wide"""

_MEASURED_WIDTH_PX = 480
_PAIRS_PER_S = 8
_AROUND_PX = 15
"""a place is told apart by the window of this side around it"""
_TELLING_LEVELS = 1.0
"""a slope of so many of 255 levels per pixel, in every direction, makes a place count half; light has less"""
_LEVELS_PER_EIGENVALUE = (255 / 2) ** 2
"""OpenCV's eigenvalues are mean squares of twice the slope, of a picture from 0 to 1"""


class FlowMeter:
    """Measures the mean flow of frames that come one by one.

    Args:
        every: how many of the pairs there is one that is measured, for a mean that only has to be about right.
    """

    def __init__(self, fps: Fraction, every: int = 1) -> None:
        self._fps = fps
        self._step = self.step(fps)
        self._every = every
        self._count = 0
        self._previous: Grey | None = None
        self._sum_px_s = 0.0
        self._pairs = 0

    @staticmethod
    def step(fps: Fraction) -> int:
        """How many frames apart the compared pictures are: slow moves are then larger than the flow's own error."""
        return max(1, round(fps / _PAIRS_PER_S))

    @staticmethod
    def between(before: Frame, after: Frame, fps: Fraction) -> float:
        """The mean flow between two pictures that are `step` frames apart."""
        return _flow_px(_small_grey(before), _small_grey(after)) * float(fps / FlowMeter.step(fps))

    def add(self, frame: Frame) -> None:
        """Takes the next frame."""
        number, between = divmod(self._count, self._step)
        self._count += 1
        if between:
            return
        if self._previous is None and number % self._every:
            return
        grey = _small_grey(frame)
        if self._previous is not None:
            self._sum_px_s += _flow_px(self._previous, grey) * float(self._fps / self._step)
            self._pairs += 1
        self._previous = None if number % self._every else grey

    @property
    def mean_px_s(self) -> float:
        """Mean length of the flow so far, in pixels per second at `REFERENCE_WIDTH_PX`; 0.0 for one frame."""
        return self._sum_px_s / self._pairs if self._pairs else 0.0


def speed_px_s(before: Frame, after: Frame, apart_s: float) -> float:
    """The mean flow between two pictures of one size, in pixels per second at `REFERENCE_WIDTH_PX`."""
    return _flow_px(_small_grey(before), _small_grey(after)) / apart_s


def measure(frames: Iterable[Frame], fps: Fraction) -> float:
    """The mean flow of a shot's frames, in pixels per second at `REFERENCE_WIDTH_PX`."""
    meter = FlowMeter(fps)
    for frame in frames:
        meter.add(frame)
    return meter.mean_px_s


def _flow_px(before: Grey, after: Grey) -> float:
    """Mean length of the flow between two pictures, in pixels at `REFERENCE_WIDTH_PX`; 0.0 where all is flat."""
    dis = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    # OpenCV's stubs want the output array that it allocates itself when None is given.
    flow = dis.calc(before, after, None)  # pyright: ignore[reportCallIssue, reportArgumentType]
    length_px, weight = cv2.magnitude(flow[..., 0], flow[..., 1]), _telling(before)
    mean_px = float((length_px * weight).sum()) / max(float(weight.sum()), 1e-6)
    return mean_px * REFERENCE_WIDTH_PX / before.shape[1]


def _telling(picture: Grey) -> npt.NDArray[np.float32]:
    """How surely each place can be found again, 0-1."""
    slope = np.maximum(cv2.cornerMinEigenVal(picture, _AROUND_PX, ksize=3), 0) * _LEVELS_PER_EIGENVALUE
    return np.asarray(slope / (slope + _TELLING_LEVELS**2), np.float32)


def _small_grey(frame: Frame) -> Grey:
    """Grey, at most `_MEASURED_WIDTH_PX` wide."""
    if frame.shape[1] > _MEASURED_WIDTH_PX:
        height_px = max(16, round(frame.shape[0] * _MEASURED_WIDTH_PX / frame.shape[1]))
        frame = cast(Frame, cv2.resize(frame, (_MEASURED_WIDTH_PX, height_px), interpolation=cv2.INTER_AREA))
    return cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.uint8, copy=False)
