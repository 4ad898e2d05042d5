# SPDX-License-Identifier: GPL-3.0-or-later
"""The animator `camera`: a camera moves through the layers of a still, at the speed that the shot's motion asks.

The speed isn't guessed: a small version of the shot is rendered and its optical flow measured, until the camera's
way gives the flow that belongs to the motion, whatever the picture, the framing and the move.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import cast

import cv2
import numpy as np

from blender_addon.core.types import ClipRequest, Framing, ShotKind
from bridge.clips.animatic.atmosphere import Atmosphere
from bridge.clips.animatic.camera import ROOM, TRUCK, Arrival, Frustum, Pose, Swing, fitting_moves
from bridge.clips.animatic.cover_painter import whole_cover
from bridge.clips.animatic.depth import depth_by, depth_name
from bridge.clips.animatic.layers import Layers, split
from bridge.clips.animatic.pacing import Pacing, pace
from bridge.clips.animatic.scene import Scene
from bridge.clips.animatic.version import version
from bridge.clips.base import Footage, Still, Work
from bridge.common.frames import Frame, smoothstep
from bridge.common.optical_flow import FlowMeter

_PREVIEW_WIDTHS_PX = (320, 480)
"""the camera's speed is found at half the frame's width, within these"""
_PREVIEW_PAIRS = 40
"""a shot of up to five seconds is measured whole: some of its pairs would meet its beats, or miss them"""
_DRAFT_PAIRS = 10
_ROUNDS = 4
_CLOSE_ENOUGH = 0.02
_GOOD_ENOUGH = 0.06
"""from what was asked; as near as this is also as near as a draft's speed has to be"""
_TYPICAL_SPEED = 0.6
_ATMOSPHERE_SHARE = 0.8
"""the atmosphere and the accents alone may make this part of the flow"""
_ACCENT_PUSH = 0.010
_ACCENT_LIGHT = 0.35
_CLOSEST, _SLIDE, _LEAST_ROOM = 1.5, 0.3, 0.04
"""the last shot starts at most so many times as close; or from so far beside its place, in widths of the frame, if
there is this much room beside the cover, or above"""
_BEFORE = -0.1
"""of its way: from farther off the last shot does not come, however long its handle"""
_LAYER_DETAIL = 1.45
"""layers are kept at most this much finer than the frame: the camera never comes closer"""


def target_flow_px_s(motion: int) -> float:
    """The optical flow that a motion of 1-255 stands for, in pixels per second at a width of 1000 px.

    Our rule: 17 at 80 (a calm drift), 44 at 180 (a chorus), 88 at 255; equal steps are equal ratios.
    """
    return 8.0 * math.exp(2.4 * motion / 255)


class CameraAnimator:
    """Moves a camera through a still."""

    version = version()

    def animate(self, request: ClipRequest, still: Still, work: Work) -> Footage:
        """Footage of exactly the request's frames, size and rate."""
        return self.animate_with_handles(request, 0, still, work)

    def animate_with_handles(self, request: ClipRequest, handle: int, still: Still, work: Work) -> Footage:
        """The same frames, and `handle` more at either end."""
        work.report(0.0, "finding the layers")
        shot = _Shot.of(request, still, work)
        work.report(0.0, "planning the camera")
        return Footage(frames=shot.frames(handle), frame_count=request.frame_count + 2 * handle, fps=request.fps)


@dataclass(frozen=True)
class Way:
    """A camera move."""

    pose: Callable[[float, float], Pose]
    """from its speed (the last shot's: how far it comes from) and the seconds of its way to the camera there"""
    fastest: float


@dataclass
class _Stage:
    """What is rendered at one size."""

    scene: Scene
    atmosphere: Atmosphere
    ending: Frame | None
    """the picture that the shot turns into"""


@dataclass
class _Shot:
    request: ClipRequest
    pacing: Pacing
    layers: Layers
    frustum: Frustum
    moves: tuple[Way, ...]
    """the camera's possible moves, the preferred one first"""
    ending: Frame | None
    ending_from: float
    """the share of the way after which the ending shows through"""
    end_s: float
    """of the way"""
    atmosphere: float = 1.0
    """how much of the atmosphere's light is seen"""

    @classmethod
    def of(cls, request: ClipRequest, still: Still, work: Work) -> "_Shot":
        rng = np.random.default_rng([request.seed, 0])
        if still.depth is None:
            still = replace(still, depth=depth_by(depth_name(request), still.rgb))
        pacing, layers = pace(request), split(still)
        if request.kind is ShotKind.COVER_END:
            frustum = Frustum.of(still, request.width_px, request.height_px, 1.0)
            file = work.file(request.cover_sha256)
            ending = whole_cover(file, request.width_px, request.height_px, request.ending).picture
            moves = (_arrival(pacing, layers, frustum, rng),)
            return cls(request, pacing, layers, frustum, moves, ending, _ending_from(still, ending), pacing.way_s[-1])
        frustum = Frustum.of(still, request.width_px, request.height_px, ROOM)
        moves = _swings(request, pacing, layers, frustum, rng)
        return cls(request, pacing, layers, frustum, moves, None, 1.0, pacing.way_s[-1])

    def frames(self, handle: int = 0) -> Iterator[Frame]:
        """The pictures, at full size, those of the handles too."""
        camera = self._calibrated()
        yield from replace(self, pacing=self.pacing.with_handles(handle))._filmed(camera)

    def _filmed(self, camera: Callable[[float], Pose]) -> Iterator[Frame]:
        width_px = self.request.width_px
        stage = self._stage(width_px, self.request.height_px)
        previous: tuple[tuple[object, ...], Frame] | None = None
        for i in range(len(self.pacing.way_s)):
            key = self._key(i)
            if previous is None or previous[0] != key:
                previous = (key, self._render(stage, i, camera))
            yield previous[1]

    def _key(self, i: int) -> tuple[object, ...]:
        """Equal for frames that look the same: held ones."""
        pacing = self.pacing
        if self.ending is not None and pacing.way_s[i] >= self.end_s:
            return ("whole cover",)
        return (pacing.way_s[i], pacing.clock_s[i], pacing.accent[i])

    def _stage(self, width_px: int, height_px: int) -> _Stage:
        unit = (self.frustum.room.right - self.frustum.room.left) * width_px
        finest = round(unit * _LAYER_DETAIL)
        own = self.layers.background.rgba.shape[1]
        layers = self.layers.scaled(finest) if finest < own else self.layers
        ending = self.ending
        if ending is not None and ending.shape[1] != width_px:
            ending = cast(Frame, cv2.resize(ending, (width_px, height_px), interpolation=cv2.INTER_AREA))
        picture = self.layers.background.rgba
        atmosphere = Atmosphere(
            cast(Frame, picture), width_px, height_px, np.random.default_rng([self.request.seed, 1])
        )
        return _Stage(Scene(layers, self.frustum, width_px, height_px), atmosphere, ending)

    def _render(self, stage: _Stage, i: int, camera: Callable[[float], Pose]) -> Frame:
        pacing = self.pacing
        pose = camera(float(pacing.way_s[i]))
        way = pacing.way_s[i] / max(self.end_s, 1e-9)
        if stage.ending is not None and way >= 1.0:
            return stage.ending
        lively = 0.35 + 0.65 * self.request.motion / 255
        pose = replace(pose, dolly=pose.dolly + _ACCENT_PUSH * lively * pacing.accent[i])
        picture, matte = stage.scene.render(pose)
        strength = self.atmosphere * (0.45 + 0.55 * pacing.energy[i] + _ACCENT_LIGHT * lively * pacing.accent[i])
        if stage.ending is not None:
            strength *= 1 - float(smoothstep((way - 0.55) / 0.4))
        picture = stage.atmosphere.lay_over(picture, matte, pose, float(pacing.clock_s[i]) * lively, float(strength))
        if stage.ending is not None and way > self.ending_from:
            share = float(smoothstep((way - self.ending_from) / (0.995 - self.ending_from)))
            ending = _zoomed(stage.ending, pose)
            picture = cast(Frame, cv2.addWeighted(picture, 1 - share, ending, share, 0))
        return picture

    def _calibrated(self) -> Callable[[float], Pose]:
        """The camera along its way, as fast as its motion asks: the first of the moves that gets there in its room."""
        if self.request.frame_count < 2:
            return partial(self.moves[0].pose, _TYPICAL_SPEED)
        least, most = _PREVIEW_WIDTHS_PX
        width_px = min(self.request.width_px, most, max(least, self.request.width_px // 2))
        stage = self._stage(width_px, max(16, round(width_px * self.request.height_px / self.request.width_px)))
        nearest, best = math.inf, partial(self.moves[0].pose, _TYPICAL_SPEED)
        self.atmosphere = self._clear_enough(stage)
        for move in self.moves:
            speed, miss = self._speed(stage, move)
            if miss < nearest:
                nearest, best = miss, partial(move.pose, speed)
            if miss < _GOOD_ENOUGH:
                break
        return best

    def _clear_enough(self, stage: _Stage) -> float:
        """How much light the picture bears: over an empty one, light alone would move more than the shot should."""
        target = target_flow_px_s(self.request.motion)
        for self.atmosphere in (1.0, 0.5, 0.2):
            if self._flow(stage, partial(self.moves[0].pose, 0.0)) < _ATMOSPHERE_SHARE * target:
                return self.atmosphere
        return 0.0

    def _speed(self, stage: _Stage, move: Way) -> tuple[float, float]:
        """The speed of a move that gives the flow which the motion stands for, and by which share it misses that."""
        target = target_flow_px_s(self.request.motion)
        speed = tried = min(_TYPICAL_SPEED, move.fastest)
        miss = math.inf
        for _ in range(_ROUNDS):
            ratio = target / max(self._flow(stage, partial(move.pose, speed)), 1e-3)
            tried, miss = speed, abs(ratio - 1)
            speed = float(np.clip(speed * np.clip(ratio, 0.2, 4.0), 1e-3, move.fastest))
            if miss < (_GOOD_ENOUGH if self.request.draft_for_px else _CLOSE_ENOUGH) or speed == tried:
                break
        return tried, miss

    def _flow(self, stage: _Stage, camera: Callable[[float], Pose]) -> float:
        """The mean flow of the shot, held frames included, from some of the pairs that `FlowMeter` compares."""
        fps = self.request.fps
        step = FlowMeter.step(fps)
        pairs = range(0, self.request.frame_count - step, step)
        moving = [i for i in pairs if self._key(i) != self._key(i + step)]
        if not moving:
            return 0.0
        most = _DRAFT_PAIRS if self.request.draft_for_px else _PREVIEW_PAIRS
        chosen = [moving[round(k)] for k in np.linspace(0, len(moving) - 1, min(len(moving), most))]
        total, at, picture = 0.0, -1, None
        for i in chosen:
            before = picture if picture is not None and at == i else self._render(stage, i, camera)
            at, picture = i + step, self._render(stage, i + step, camera)
            total += FlowMeter.between(before, picture, fps)
        return total / len(chosen) * len(moving) / len(pairs)


def _swings(
    request: ClipRequest, pacing: Pacing, layers: Layers, frustum: Frustum, rng: np.random.Generator
) -> tuple[Way, ...]:
    # A held picture is the composition itself; else the camera passes it in the middle of the shot.
    rests = request.hold_frames > 0
    origin = 0.0 if rests else pacing.way_s[-1] / 2

    def way(swing: Swing, fastest: float = Swing.MAX_SPEED) -> Way:
        return Way(lambda speed, way_s: swing.pose(speed * float(way_s - origin)), fastest)

    depths, tilt = _depth_range(layers), _tilt(request, rng)
    free = [Swing(move, frustum, rng, depths, tilt=tilt, from_rest=rests) for move in fitting_moves(request, rng)]
    needed = target_flow_px_s(request.motion) / 1000 * request.frame_count / float(request.fps)
    free.sort(key=lambda swing: -min(1.0, round(swing.length / max(needed, 1e-6), 1)))
    ways = tuple(way(swing) for swing in free)
    if not request.direction:
        return ways
    fastest = min(Swing.MAX_SPEED, Swing.MATCHED_SWING / max(float(pacing.way_s[-1] - origin), 1e-9))
    matched = Swing(TRUCK, frustum, rng, depths, direction=request.direction, tilt=tilt)
    return (way(matched, fastest), *ways)


def _tilt(request: ClipRequest, rng: np.random.Generator) -> float:
    """A tilted horizon, in radians: only lively shots that are close enough have one."""
    most = np.radians(3.0) * np.clip((request.motion - 130) / 80, 0, 1)
    is_tilted = request.framing is not Framing.WIDE and request.kind is ShotKind.MOTION
    return float(rng.uniform(-most, most)) if is_tilted else 0.0


def _arrival(pacing: Pacing, layers: Layers, frustum: Frustum, rng: np.random.Generator) -> Way:
    """A cover with room around it slides into its place, whole all the way; else the camera draws back from near."""
    end_s = max(float(pacing.way_s[-1]), 1e-9)
    zoom, slide, focus = _CLOSEST, [0.0, 0.0], _focus(layers, frustum)
    if frustum.room.kept:
        left, top, right, bottom = frustum.room.kept[0]
        beside, above = min(left + 0.5, 0.5 - right), min(top, -bottom) + frustum.aspect / 2
        if max(beside, above) > _LEAST_ROOM:
            axis = 0 if beside > above else 1
            slide[axis] = float(rng.choice([-1.0, 1.0])) * min(_SLIDE, 0.9 * max(beside, above))
            focus, zoom = (0.0, 0.0), max(1.0, 0.97 / max(right - left, (bottom - top) / frustum.aspect))
    widest = 0.48 * (1 - 1 / zoom)
    focus = (
        max(-widest, min(widest, focus[0])),
        max(-widest * frustum.aspect, min(widest * frustum.aspect, focus[1])),
    )
    return Way(
        lambda start, way_s: Arrival(start, focus, zoom, (slide[0], slide[1])).pose(max(_BEFORE, way_s / end_s)),
        Arrival.MAX_START,
    )


def _focus(layers: Layers, frustum: Frustum) -> tuple[float, float]:
    """The middle of the subject, or of what is near."""
    weight = layers.subject.rgba[..., 3] if layers.subject else np.maximum(layers.background.depth - 0.5, 0)
    small = cv2.resize(weight, (64, 64), interpolation=cv2.INTER_AREA).astype(np.float64)
    if small.sum() <= 0:
        return (0.0, 0.0)
    middle = (np.arange(64) + 0.5) / 64 - 0.5
    x, y = (small.sum(axis=0) * middle).sum() / small.sum(), (small.sum(axis=1) * middle).sum() / small.sum()
    room = frustum.room
    return (float(x) * (room.right - room.left), float(y) * (room.bottom - room.top))


def _depth_range(layers: Layers) -> tuple[float, float]:
    depths = [layers.background.depth] + ([layers.subject.depth] if layers.subject else [])
    low = min(float(depth.min()) for depth in depths)
    # The subject may leave the frame; it's the background that must not end.
    return (low, float(layers.background.depth.max()))


def _ending_from(still: Still, ending: Frame) -> float:
    """A still that is the cover already needs no dissolve to see, another one a long one."""
    size = (64, 64)
    ours, cover = (cv2.resize(a, size, interpolation=cv2.INTER_AREA).astype(np.float32) for a in (still.rgb, ending))
    return 0.93 if float(np.abs(ours - cover).mean()) < 6 else 0.45


def _zoomed(ending: Frame, pose: Pose) -> Frame:
    """The flat ending as the camera's lens sees it, so that it dissolves in without a ghost."""
    height, width = ending.shape[:2]
    scale = 1 / pose.zoom
    matrix = np.array(
        [
            [scale, 0, (width - 1) / 2 * (1 - scale) + pose.pan_x * width],
            [0, scale, (height - 1) / 2 * (1 - scale) + pose.pan_y * width],
        ]
    )
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cast(Frame, cv2.warpAffine(ending, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REFLECT_101))
