# SPDX-License-Identifier: GPL-3.0-or-later
"""The camera: where it is on each frame of a shot, and what a still's layers look like from there.

Lengths are in widths of the frame, origin in its middle, x to the right, y down.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from blender_addon.core.types import ClipRequest, ShotKind

ROOM = 1.25
"""a still is this much larger than the frame at rest, so that the camera has somewhere to go"""

RELIEF = 0.75
"""how much nearer things move faster"""

_MARGIN = 0.004
"""the camera stays this far inside of the still"""


@dataclass(frozen=True)
class Pose:
    """The camera at one moment. All zero and zoom 1 is at rest: the frame's plane is seen as it is."""

    x: float = 0.0
    """to the side; near things move more"""
    y: float = 0.0
    dolly: float = 0.0
    """forward, as a share of the distance to the frame's plane"""
    roll: float = 0.0
    """radians, clockwise"""
    pin: float = 0.0
    """the nearness that stays in place while the camera moves aside: 0 is a truck, 1 an orbit around the plane"""
    zoom: float = 1.0
    pan_x: float = 0.0
    """where the lens looks, the same for near and far"""
    pan_y: float = 0.0
    relief: float = RELIEF


@dataclass(frozen=True)
class Move:
    """A camera move as a swing: each axis follows a sine of the way gone, so it's smooth and never leaves the room."""

    name: str
    x: float = 0.0
    y: float = 0.0
    dolly: float = 0.0
    roll: float = 0.0
    pin: float = 0.3
    lowest_motion: int = 1
    highest_motion: int = 255


MOVES = (
    Move("push", x=0.012, y=0.010, dolly=0.17, pin=0.9, highest_motion=190),
    Move("pull", x=0.012, y=0.006, dolly=-0.17, pin=0.9, highest_motion=150),
    Move("pedestal", x=0.012, y=0.080, dolly=0.04, pin=0.35, highest_motion=170),
    Move("truck", x=0.110, y=0.010, dolly=0.03, pin=0.30),
    Move("orbit", x=0.170, y=0.015, dolly=0.06, pin=1.15, lowest_motion=60),
    Move("arc", x=0.110, y=0.020, dolly=0.14, roll=0.010, pin=0.75, lowest_motion=110),
    Move("rush", x=0.040, y=0.020, dolly=0.22, roll=0.022, pin=0.8, lowest_motion=150),
)

TRUCK = next(move for move in MOVES if move.name == "truck")
"""the move over matched cuts: everything in the picture goes the same way"""

_RATIOS = {"x": 1.0, "y": 0.83, "dolly": 0.91, "roll": 0.71}
"""swings per swing of the main axis: unequal, so that a long shot does not retrace its way"""


@dataclass(frozen=True)
class Frustum:
    """The frame and the still around it."""

    aspect: float
    """height by width of the frame"""
    half_width: float
    """of the still"""
    half_height: float

    @classmethod
    def of(cls, still_shape: tuple[int, ...], width_px: int, height_px: int, room: float) -> "Frustum":
        """The frame at rest is the largest of its shape in the still's middle, divided by `room`."""
        aspect = height_px / width_px
        still_h, still_w = still_shape[:2]
        unit_px = min(still_w, still_h / aspect) / room
        return cls(aspect, still_w / unit_px / 2, still_h / unit_px / 2)

    def contains(self, pose: Pose, nearness: float) -> bool:
        """Whether the still fills the frame, seen from there, at this nearness."""
        corner_x, corner_y = 0.5, self.aspect / 2
        cos, sin = abs(math.cos(pose.roll)), abs(math.sin(pose.roll))
        scale = (1 - pose.dolly * nearness) / pose.zoom
        reach_x = (corner_x * cos + corner_y * sin) * scale + abs(pose.x * (nearness - pose.pin) + pose.pan_x)
        reach_y = (corner_x * sin + corner_y * cos) * scale + abs(pose.y * (nearness - pose.pin) + pose.pan_y)
        return reach_x <= self.half_width - _MARGIN and reach_y <= self.half_height - _MARGIN


def seen_from(
    pose: Pose, x: npt.NDArray[np.float32], y: npt.NDArray[np.float32], depth_at: Callable[..., npt.NDArray[np.float32]]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Where in the still the given places of the frame come from.

    Args:
        depth_at: the layer's depth at places of the still.
    """
    cos, sin = math.cos(pose.roll) / pose.zoom, math.sin(pose.roll) / pose.zoom
    ray_x, ray_y = x * cos + y * sin, y * cos - x * sin
    from_x, from_y = ray_x + pose.pan_x, ray_y + pose.pan_y
    for _ in range(3):  # the depth at the place that we look for: it varies slowly, so this converges at once
        near = 1 + pose.relief * (depth_at(from_x, from_y) - 0.5)
        scale = 1 - pose.dolly * near
        from_x = ray_x * scale + pose.x * (near - pose.pin) + pose.pan_x
        from_y = ray_y * scale + pose.y * (near - pose.pin) + pose.pan_y
    return from_x.astype(np.float32), from_y.astype(np.float32)


class Swing:
    """The way of a shot that moves: `pose(way)` for a way in radians of the main swing, 0 in the middle."""

    MAX_SPEED = 2.6
    """radians per second: faster swings make seasick"""

    MATCHED_SWING = 1.1
    """radians from the middle of the shot to a matched cut: there the camera still travels"""

    def __init__(
        self,
        move: Move,
        frustum: Frustum,
        rng: np.random.Generator,
        depth_range: tuple[float, float],
        direction: int = 0,
    ) -> None:
        """`direction` is 1 for a way to the right in the middle of the swing, -1 to the left, 0 for either."""
        self._side = float(rng.choice([-1.0, 1.0]))
        self._rise = float(rng.choice([-1.0, 1.0]))
        self._lean = float(rng.choice([-1.0, 1.0]))
        self._offset = float(rng.uniform(-0.35, 0.35))
        self._move = replace(move, y=move.y * max(1.0, frustum.aspect), x=move.x * float(rng.uniform(0.85, 1.15)))
        self._side = direction or self._side
        self._amplitude = self._fit(frustum, depth_range)

    def pose(self, way: float) -> Pose:
        """Where the camera is after that way."""
        return self._pose(way, self._amplitude)

    def _pose(self, way: float, amplitude: float) -> Pose:
        move = self._move

        def swing(axis: str, offset: float) -> float:
            return math.sin(way * _RATIOS[axis] + offset) - math.sin(offset)

        return Pose(
            x=self._side * move.x * amplitude * swing("x", 0.0),
            y=self._rise * move.y * amplitude * swing("y", self._offset),
            dolly=move.dolly * amplitude * swing("dolly", 0.0),
            roll=self._lean * move.roll * amplitude * swing("roll", self._offset),
            pin=move.pin,
        )

    def _fit(self, frustum: Frustum, depth_range: tuple[float, float]) -> float:
        """The largest share of the move that never looks past the still."""
        near = [1 + RELIEF * (depth - 0.5) for depth in depth_range]
        ways = np.linspace(-9, 9, 73)
        for amplitude in np.linspace(1.0, 0.05, 39):
            poses = [self._pose(way, float(amplitude)) for way in ways]
            if all(frustum.contains(pose, n) for pose in poses for n in near):
                return float(amplitude)
        return 0.05


class Arrival:
    """The way of the last shot: from close by to the whole still, where it rests. `pose(way)` for a way of 0-1."""

    MAX_START = 1.4

    def __init__(self, focus: tuple[float, float], start: float, side: float, aspect: float) -> None:
        """`focus` is what it starts from, `start` how much closer than the whole still (0 is not at all)."""
        self._focus, self._start, self._side, self._aspect = focus, start, side, aspect

    def pose(self, way: float) -> Pose:
        """Where the camera is; at 1 it's at rest."""
        left = 1.0 - way
        zoom = (1.0 + self._start) ** left
        free = 0.5 * (1 - 1 / zoom) * 0.96
        widest = 0.5 * (1 - 1 / (1 + self._start))
        share = free / max(widest, 1e-6)
        pan_x = max(-widest, min(widest, self._focus[0])) * share
        pan_y = max(-widest * self._aspect, min(widest * self._aspect, self._focus[1])) * share
        orbit = 0.02 * min(1.0, self._start) * self._side * math.sin(math.pi * way) * left
        return Pose(x=orbit, pin=1.0, zoom=zoom, pan_x=pan_x, pan_y=pan_y, relief=RELIEF * left)


def fitting_moves(request: ClipRequest, rng: np.random.Generator) -> list[Move]:
    """The moves that suit the shot's motion, shuffled; the hero's first is always forward."""
    fitting = [move for move in MOVES if move.lowest_motion <= request.motion <= move.highest_motion]
    shuffled = [fitting[int(i)] for i in rng.permutation(len(fitting))]
    if request.kind is ShotKind.HERO_HOLD:
        shuffled.sort(key=lambda move: -move.dolly)
    return shuffled
