# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures between two frames, along the motion.

Dense flow in both directions (DIS: Kroeger et al., ECCV 2016) is splatted forward to the moment in between, where
points that look alike at both ends win over points that one end hides (after Niklaus and Liu's softmax splatting,
CVPR 2020); each end is then looked up along it, and what only one end has seen comes from that end alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import cv2
import numpy as np
import numpy.typing as npt

from bridge.common.frames import Frame

Flow = npt.NDArray[np.float32]
"""shape (height, width, 2), pixels"""
Map = npt.NDArray[np.float32]
"""shape (height, width)"""

_FLOW_SIDE_PX = 640
"""flow is found on pictures whose long side is at most this, and scaled up: larger ones hardly give better flow"""
_LIKENESS_GREY = 8.0
"""by how many grey levels a point and its other end may differ and still count as seen in both"""
_HIDDEN = 1e-3
"""the weight of a point that the other end hides: it counts where nothing else is"""


@dataclass(frozen=True)
class _End:
    """One of the two frames, and the motion of its points to the other one."""

    frame: Frame
    flow: Flow
    """at the flow's own size"""
    weight: Map
    """1 where the point is seen at the other end too"""


def between(before: Frame, after: Frame, times: Sequence[float]) -> list[Frame]:
    """Pictures at `times` (0 is `before`, 1 is `after`), of the frames' shape."""
    if not times:
        return []
    small_before, small_after = _small_grey(before), _small_grey(after)
    dis: Any = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    forth: Flow = dis.calc(small_before, small_after, None)
    back: Flow = dis.calc(small_after, small_before, None)
    first = _End(before, forth, _likeness(small_before, small_after, forth))
    second = _End(after, back, _likeness(small_after, small_before, back))
    return [_at(time, first, second) for time in times]


def _at(time: float, first: _End, second: _End) -> Frame:
    picture, weight = _moved(first, time)
    other, other_weight = _moved(second, 1.0 - time)
    share = time * other_weight / ((1.0 - time) * weight + time * other_weight + 1e-12)
    return (picture + (other - picture) * share[..., None] + 0.5).clip(0, 255).astype(np.uint8)


def _moved(end: _End, time: float) -> tuple[Map, Map]:
    """The end's picture moved along its flow by `time`, as float, and the weight of each of its points."""
    height, width = end.frame.shape[:2]
    flow, weight = _splat(end.flow, end.weight, time)
    scale = np.array([width / flow.shape[1], height / flow.shape[0]], np.float32)
    large = cast(Flow, cv2.resize(flow, (width, height), interpolation=cv2.INTER_LINEAR)) * scale
    weight = cast(Map, cv2.resize(weight, (width, height), interpolation=cv2.INTER_LINEAR))
    # cubic: what is made must be as sharp as its neighbours
    return _sample(end.frame, -time * large, cv2.INTER_CUBIC).astype(np.float32), weight


def _splat(flow: Flow, weight: Map, time: float) -> tuple[Flow, Map]:
    """The flow as it is found at the places where its points are after `time`, and the weight that landed there."""
    height, width = weight.shape
    x, y = _grid(width, height)
    to_x, to_y = x + time * flow[..., 0], y + time * flow[..., 1]
    left, top = np.floor(to_x).astype(np.int32), np.floor(to_y).astype(np.int32)
    total = np.zeros(width * height)
    summed = np.zeros((2, width * height))
    for dx, dy in ((0, 0), (1, 0), (0, 1), (1, 1)):
        near = (1 - np.abs(to_x - left - dx)) * (1 - np.abs(to_y - top - dy)) * weight
        place = (np.clip(top + dy, 0, height - 1) * width + np.clip(left + dx, 0, width - 1)).ravel()
        total += np.bincount(place, near.ravel(), width * height)
        for axis in (0, 1):
            summed[axis] += np.bincount(place, (near * flow[..., axis]).ravel(), width * height)
    landed = total.reshape(height, width).astype(np.float32)
    found = (summed / np.maximum(total, 1e-9)).reshape(2, height, width).transpose(1, 2, 0).astype(np.float32)
    return _filled(found, landed), landed


def _filled(flow: Flow, landed: Map) -> Flow:
    """Where nothing landed, the flow of the neighbourhood."""
    empty = landed < _HIDDEN / 10
    if not empty.any():
        return flow
    known = (~empty).astype(np.float32)
    near = cv2.GaussianBlur(known, (0, 0), 5.0) + 1e-6
    blurred = cv2.GaussianBlur(flow * known[..., None], (0, 0), 5.0) / near[..., None]
    return np.where(empty[..., None], blurred, flow).astype(np.float32)


def _likeness(grey: Any, other: Any, flow: Flow) -> Map:
    """1 for points that look the same where the flow takes them, `_HIDDEN` for those that don't."""
    difference = np.abs(_sample(other, flow).astype(np.float32) - grey)
    smooth = cv2.GaussianBlur(difference, (0, 0), 1.0)
    return (np.exp(-np.square(smooth / _LIKENESS_GREY)) + _HIDDEN).astype(np.float32)


def _small_grey(frame: Frame) -> Any:
    height, width = frame.shape[:2]
    scale = min(1.0, _FLOW_SIDE_PX / max(height, width))
    size = (max(16, round(width * scale)), max(16, round(height * scale)))
    return cv2.cvtColor(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)


def _sample(picture: Any, flow: Flow, method: int = cv2.INTER_LINEAR) -> Any:
    """The picture looked up at each point's place plus its flow."""
    x, y = _grid(flow.shape[1], flow.shape[0])
    return cv2.remap(picture, x + flow[..., 0], y + flow[..., 1], method, borderMode=cv2.BORDER_REPLICATE)


def _grid(width: int, height: int) -> tuple[Map, Map]:
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return x, y
