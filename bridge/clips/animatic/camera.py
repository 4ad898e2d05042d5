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
from bridge.clips.base import Room, Still

ROOM = 1.25
"""a still is this much larger than the frame at rest, so that the camera has somewhere to go"""

RELIEF = 0.75
"""how much nearer things move faster"""

_MARGIN = 0.004
"""the camera stays this far inside of the still"""

_EVEN = 0.97
"""how sharply a swing turns: 1 is at once"""


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
    """A camera move: a straight way through the pose's axes, as far as it goes to either side of the rest."""

    name: str
    x: float = 0.0
    y: float = 0.0
    dolly: float = 0.0
    roll: float = 0.0
    pin: float = 0.3
    pan_x: float = 0.0
    pan_y: float = 0.0
    lowest_motion: int = 1
    highest_motion: int = 255

    def pose(self, share: float) -> Pose:
        """Where the camera is after that share of the move, -1 to 1."""
        return Pose(
            self.x * share,
            self.y * share,
            self.dolly * share,
            self.roll * share,
            self.pin,
            pan_x=self.pan_x * share,
            pan_y=self.pan_y * share,
        )


# Near and far part by `x` and `y`, which are small, so that no tear shows where they do; `pan` carries the rest.
MOVES = (
    Move("push", x=0.012, y=0.010, dolly=0.22, pin=0.9, highest_motion=190),
    Move("pull", x=0.012, y=0.006, dolly=-0.22, pin=0.9, highest_motion=150),
    Move("pedestal", y=0.080, pan_y=0.32, highest_motion=230),
    Move("truck", x=0.100, pan_x=0.30),
    Move("diagonal", x=0.075, y=0.045, pan_x=0.22, pan_y=0.14, dolly=0.05),
    Move("orbit", x=0.150, y=0.015, dolly=0.06, pin=1.15, lowest_motion=60),
    Move("arc", x=0.110, y=0.020, pan_x=0.12, dolly=0.14, roll=0.010, pin=0.75, lowest_motion=110),
    Move("rush", x=0.040, y=0.020, dolly=0.24, roll=0.022, pin=0.8, lowest_motion=150),
)

TRUCK = next(move for move in MOVES if move.name == "truck")
"""the move over matched cuts: everything in the picture goes the same way"""

_STEP = 0.02
"""of a move, between two looks at whether it may go on"""
_KEPT_MARGIN = 0.012
"""between the frame's sides and what is kept whole, or out"""


@dataclass(frozen=True)
class Frustum:
    """The frame and the still around it."""

    aspect: float
    """height by width of the frame"""
    room: Room
    """the still, and what the camera may do in it"""

    @classmethod
    def of(cls, still: Still, width_px: int, height_px: int, room: float) -> "Frustum":
        """The still's own room; without one, the frame is the largest of its shape in its middle, divided by `room`."""
        aspect = height_px / width_px
        if still.room is not None:
            return cls(aspect, still.room)
        height, width = still.rgb.shape[:2]
        unit_px = min(width, height / aspect) / room
        half_width, half_height = width / unit_px / 2, height / unit_px / 2
        return cls(aspect, Room(-half_width, -half_height, half_width, half_height))

    def contains(self, pose: Pose, nearness: float) -> bool:
        """Whether the still fills the frame, seen from there, at this nearness."""
        corner_x, corner_y = 0.5, self.aspect / 2
        cos, sin = abs(math.cos(pose.roll)), abs(math.sin(pose.roll))
        scale, x, y = _seen(pose, nearness)
        reach_x, reach_y = (corner_x * cos + corner_y * sin) * scale, (corner_x * sin + corner_y * cos) * scale
        room = self.room
        level = room.left + _MARGIN <= x - reach_x and x + reach_x <= room.right - _MARGIN
        upright = room.top + _MARGIN <= y - reach_y and y + reach_y <= room.bottom - _MARGIN
        return level and upright and scale >= room.closest

    def keeps(self, pose: Pose, nearness: float) -> bool:
        """Whether what is to be whole is, and what is to be out of the picture is, seen from there."""
        scale, x, y = _seen(pose, nearness)
        half_x, half_y = scale / 2, scale * self.aspect / 2
        turn_x, turn_y = abs(math.sin(pose.roll)) * half_y, abs(math.sin(pose.roll)) * half_x
        for left, top, right, bottom in self.room.kept:
            whole = min(left + 0.5, 0.5 - right, top + self.aspect / 2, self.aspect / 2 - bottom) >= 0
            beside = min(left - (x - half_x), (x + half_x) - right) - turn_x
            above = min(top - (y - half_y), (y + half_y) - bottom) - turn_y
            if whole and min(beside, above) < min(_KEPT_MARGIN, 0.5 * _margin(left, top, right, bottom, self.aspect)):
                return False
            apart = max(left - (x + half_x), (x - half_x) - right) - turn_x
            over = max(top - (y + half_y), (y - half_y) - bottom) - turn_y
            if not whole and max(apart, over) < 0:
                return False
        return True


def _seen(pose: Pose, nearness: float) -> tuple[float, float, float]:
    """How large a part of what is this near fills the frame, and where its middle is."""
    return (
        (1 - pose.dolly * nearness) / pose.zoom,
        pose.x * (nearness - pose.pin) + pose.pan_x,
        pose.y * (nearness - pose.pin) + pose.pan_y,
    )


def _margin(left: float, top: float, right: float, bottom: float, aspect: float) -> float:
    """The least room between a thing and the frame at rest's sides."""
    return max(0.0, min(left + 0.5, 0.5 - right, top + aspect / 2, aspect / 2 - bottom))


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
    """The way of a shot that moves: `pose(way)` for a way in radians, back and forth at even speed with soft turns.

    A shot that rests first starts at rest, and goes where there is more room; the others pass the middle of the room
    halfway.
    """

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
        *,
        direction: int = 0,
        tilt: float = 0.0,
        from_rest: bool = False,
    ) -> None:
        """`direction` is 1 for a way to the right in the middle of the swing, -1 to the left, 0 for either."""
        side, rise, lean = (float(sign) for sign in rng.choice([-1.0, 1.0], 3))
        side = direction or side
        tall = max(1.0, frustum.aspect)
        self._move = replace(
            move,
            x=side * move.x,
            pan_x=side * move.pan_x,
            y=rise * move.y * tall,
            pan_y=rise * move.pan_y * tall,
            roll=lean * move.roll,
        )
        near = [1 + RELIEF * (depth - 0.5) for depth in depth_range]
        self._tilt = tilt if self._allowed(frustum, near, 0.0, tilt) else 0.0
        ahead, back = (self._reach(frustum, near, sign) for sign in (1.0, -1.0))
        if from_rest and not direction and back > ahead:
            self._end = -back
        else:
            self._end = ahead
        self._from_rest = from_rest
        self._middle, self._half = (ahead - back) / 2, (ahead + back) / 2

    @property
    def length(self) -> float:
        """How far the camera can go without turning, in widths of the frame, about."""
        move = self._move
        across = math.hypot(move.x * (1 - move.pin) + move.pan_x, move.y * (1 - move.pin) + move.pan_y)
        share = abs(self._end) if self._from_rest else 2 * self._half
        return share * (across + 0.28 * abs(move.dolly) + 0.5 * (abs(move.x) + abs(move.y)) * RELIEF * 0.5)

    def pose(self, way: float) -> Pose:
        """Where the camera is after that way."""
        if self._from_rest:
            share = self._end * (1 + _there_and_back(way - math.pi / 2)) / 2
        else:
            share = self._middle + self._half * _there_and_back(way)
        pose = self._move.pose(share)
        return replace(pose, roll=pose.roll + self._tilt)

    def _reach(self, frustum: Frustum, near: list[float], sign: float) -> float:
        """How much of the move it can go to one side and never look past the still, nor cut what is to be whole."""
        share = 0.0
        while share < 1 and self._allowed(frustum, near, sign * (share + _STEP), self._tilt):
            share += _STEP
        return share

    def _allowed(self, frustum: Frustum, near: list[float], share: float, tilt: float) -> bool:
        pose = self._move.pose(share)
        pose = replace(pose, roll=pose.roll + tilt)
        return all(frustum.contains(pose, n) for n in near) and all(frustum.keeps(pose, n) for n in (*near, 1.0))


def _there_and_back(way: float) -> float:
    """-1 to 1 and back, at even speed with soft turns; 0 at 0, going up."""
    return math.asin(_EVEN * math.sin(way)) / math.asin(_EVEN)


class Arrival:
    """The way of the last shot: from closer by, and beside, to the whole still, where it rests. For a way of 0-1."""

    MAX_START = 1.0

    def __init__(self, start: float, focus: tuple[float, float], zoom: float, slide: tuple[float, float]) -> None:
        """`start` is how much of it is gone, 0-1: from `zoom` times as close, looking at `focus`, and moved by `slide`.

        Args:
            focus: in widths of the frame from its middle.
            slide: likewise.
        """
        self._start, self._focus, self._zoom, self._slide = start, focus, zoom, slide

    def pose(self, way: float) -> Pose:
        """Where the camera is; at 1 it's at rest."""
        left = self._start * (1.0 - way)
        zoom = self._zoom**left
        share = (1 - 1 / zoom) / max(1 - 1 / self._zoom, 1e-6)
        return Pose(
            pin=1.0,
            zoom=zoom,
            pan_x=self._focus[0] * share + self._slide[0] * left,
            pan_y=self._focus[1] * share + self._slide[1] * left,
            relief=RELIEF * (1.0 - way),
        )


def fitting_moves(request: ClipRequest, rng: np.random.Generator) -> list[Move]:
    """The moves that suit the shot's motion, shuffled; the hero's first is always forward."""
    fitting = [move for move in MOVES if move.lowest_motion <= request.motion <= move.highest_motion]
    shuffled = [fitting[int(i)] for i in rng.permutation(len(fitting))]
    if request.kind is ShotKind.HERO_HOLD:
        shuffled.sort(key=lambda move: -move.dolly)
    return shuffled
