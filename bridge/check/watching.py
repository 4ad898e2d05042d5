# SPDX-License-Identifier: GPL-3.0-or-later
"""Watches a video once, from the first frame to the last, and keeps what the measures need."""

from collections import deque
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import av.error
import cv2
import numpy as np

from bridge.check.container import VideoTrack, pictures_of
from bridge.check.cuts import CutFinder
from bridge.common.errors import BadInput
from bridge.common.files import for_ffmpeg
from bridge.common.frames import Frame
from bridge.common.optical_flow import FlowMeter
from bridge.common.shown_frames import shown

LONG_SIDE_PX = 480
"""of the pictures that are looked at"""
SAMPLES_PER_S = 2
"""pictures kept for the palette"""
MOST_SAMPLES = 240
_WAITING = 8
"""pictures, at most, whose rest and motion are still to be looked at, in a thread beside that of the cuts"""
_EXACT = 0x4 | 0x40000 | 0x2000 | 0x4000
"""swscale's bicubic with accurate_rnd, full_chroma_int and full_chroma_inp; without them colours are 1 to 2 off"""
STILL = 1.2
"""mean difference (0-255) within which two coded pictures show the same"""
STILL_TILE = 3.5
"""the same for the most different tile of 16 x 16"""
MOST_IN_A_TILE = 1.5
"""how much more than on average grain may differ in one tile: it is strongest in mid-tones"""
_EVERY_PX = 3
"""in both directions: a ninth of a picture has its median"""
_LAPLACIAN = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)


@dataclass(frozen=True)
class Moved:
    """Optical flow from one picture to a later one."""

    from_frame: int
    to_frame: int
    flow_px: float
    """mean, in pixels per second at a width of 1000 px"""


@dataclass
class Watched:
    """What was seen."""

    frame_count: int = 0
    cuts: tuple[int, ...] = ()
    moves: list[Moved] = field(default_factory=list)
    move_step_s: float = 0.0
    """the time from one of the moves to the next"""
    hold_frames: int = 0
    """how many frames show the first picture, from the start"""
    rest_frames: int = 0
    """how many frames show the last picture, at the end"""
    samples: list[Frame] = field(default_factory=list)
    """small pictures, evenly spread"""
    last: Frame | None = None
    """the last frame at full size, upright"""
    kept: dict[int, Frame] = field(default_factory=dict)
    """frames that were asked for, by number, as `last` is"""
    damaged_packets: int = 0


def watch(
    video: Path,
    track: VideoTrack,
    on_progress: Callable[[float], None],
    keep: Collection[int] = (),
    *,
    motion: bool = True,
) -> Watched:
    """Decodes the video once, keeping a fraction of a second of it in memory, and a few samples.

    Args:
        keep: numbers of frames to keep at full size.
        motion: measure the optical flow too.

    Raises:
        BadInput: not one picture can be decoded.
    """
    seen = Watched()
    damage: list[str] = []
    finder = CutFinder(float(track.fps))
    meter = _FlowPairs(track.fps)
    rests = _Rests()
    every = max(1, round(float(track.fps) / SAMPLES_PER_S), -(-track.frame_count // MOST_SAMPLES))
    latest: av.VideoFrame | None = None

    def look(number: int, picture: Frame) -> None:
        rests.push(picture)
        if motion:
            meter.push(number, picture)

    with ThreadPoolExecutor(1) as pool:
        waiting: deque[Future[None]] = deque()
        for frame in decoded(video, damage):
            picture = small(frame)
            waiting.append(pool.submit(look, seen.frame_count, picture))
            if len(waiting) > _WAITING:
                waiting.popleft().result()
            finder.push(seen.frame_count, picture)
            if seen.frame_count % every == 0:
                seen.samples.append(_halved(picture))
            if seen.frame_count in keep:
                seen.kept[seen.frame_count] = upright(frame, frame.rotation)
            seen.frame_count += 1
            latest = frame
            on_progress(seen.frame_count / max(track.frame_count, seen.frame_count))
        for one in waiting:
            one.result()
    if latest is None:
        raise BadInput(f"No picture of {video.name} can be decoded; export it again, as H.264 in MP4.")
    seen.last = upright(latest, latest.rotation)
    seen.cuts, seen.moves, seen.move_step_s = finder.finish(), meter.moves, meter.step_s
    seen.damaged_packets = len(damage)
    seen.hold_frames, seen.rest_frames = rests.hold_frames, rests.rest_frames
    return seen


def decoded(
    video: Path, damage: list[str] | None = None, constant_fps: Fraction | None = None
) -> Iterator[av.VideoFrame]:
    """Every picture that can be decoded, as it is meant to be seen (see `shown_frames.shown`), but for its rotation.

    Args:
        damage: gets what is wrong with the others.
        constant_fps: makes the pictures of a variable rate come at this one, by their time stamps.
    """
    with av.open(for_ffmpeg(video), metadata_errors="ignore") as container:
        stream = pictures_of(container)
        if stream is not None:
            stream.thread_type = "AUTO"
            pixel_shape = stream.codec_context.sample_aspect_ratio
            yield from shown(_stored(container.demux(stream), damage), pixel_shape, constant_fps)


def _stored(packets: Iterator[av.Packet], damage: list[str] | None) -> Iterator[av.VideoFrame]:
    """The pictures as the file stores them."""
    while True:
        try:
            packet = next(packets)
            yield from (frame for frame in packet.decode() if isinstance(frame, av.VideoFrame))
        except (StopIteration, av.error.EOFError):
            return
        except av.error.InvalidDataError as error:
            if damage is not None:
                damage.append(str(error))


def small(frame: av.VideoFrame) -> Frame:
    """A picture in sRGB, upright, its long side at most `LONG_SIDE_PX`."""
    scale = min(1.0, LONG_SIDE_PX / max(frame.width, frame.height))
    width_px, height_px = (max(16, round(side * scale / 2) * 2) for side in (frame.width, frame.height))
    return upright(frame.reformat(width_px, height_px, "rgb24", interpolation="AREA"), frame.rotation)


def upright(frame: av.VideoFrame, rotation: int) -> Frame:
    """The picture in sRGB, turned as the file's display matrix says (in degrees): phones record sideways."""
    exact = frame if frame.format.name == "rgb24" else frame.reformat(format="rgb24", interpolation=_EXACT)
    rgb = np.asarray(exact.to_ndarray(), np.uint8)
    return np.ascontiguousarray(np.rot90(rgb, round(rotation / 90) % 4))


def _halved(picture: Frame) -> Frame:
    height, width = picture.shape[:2]
    return np.asarray(cv2.resize(picture, (width // 2, height // 2), interpolation=cv2.INTER_AREA), np.uint8)


class _FlowPairs:
    """Optical flow between pictures a fraction of a second apart."""

    def __init__(self, fps: Fraction) -> None:
        self._fps = fps
        self._step = FlowMeter.step(fps)
        self._previous: Frame | None = None
        self.moves: list[Moved] = []

    @property
    def step_s(self) -> float:
        return float(self._step / self._fps)

    def push(self, frame: int, picture: Frame) -> None:
        if frame % self._step:
            return
        if self._previous is not None:
            flow_px = FlowMeter.between(self._previous, picture, self._fps)
            self.moves.append(Moved(frame - self._step, frame, flow_px))
        self._previous = picture


class _Rests:
    """How long the first picture stays, and the last one."""

    def __init__(self) -> None:
        self._first: Frame | None = None
        self._anchor: Frame | None = None
        self._holding = True
        self.hold_frames = 0
        self.rest_frames = 0

    def push(self, picture: Frame) -> None:
        if self._first is None or self._anchor is None:
            self._first = self._anchor = picture
        self._holding = self._holding and _same(self._first, picture)
        self.hold_frames += self._holding
        if _same(self._anchor, picture):
            self.rest_frames += 1
        else:
            self._anchor, self.rest_frames = picture, 1


def _same(one: Frame, other: Frame) -> bool:
    difference = cv2.absdiff(one, other)
    tiles = cv2.resize(difference, (16, 16), interpolation=cv2.INTER_AREA)
    mean, worst = float(difference.mean()), float(tiles.mean(axis=-1).max())
    if mean < STILL and worst < STILL_TILE:
        return True
    grain = _grain_between(one, other)
    return mean - grain < STILL and worst - MOST_IN_A_TILE * grain < STILL_TILE


def _grain_between(one: Frame, other: Frame) -> float:
    """By how much film grain alone makes two pictures differ, in the mean.

    Grain has no form, so that the median of the differences' Laplacian tells its strength (Immerkaer, 1996), whatever
    moves in some places.
    """
    difference = cv2.subtract(one, other, dtype=cv2.CV_32F)
    form = cv2.filter2D(difference, cv2.CV_32F, _LAPLACIAN)[::_EVERY_PX, ::_EVERY_PX]
    sigma = 1.4826 * np.median(np.abs(form)) / 6
    return float(np.sqrt(2 / np.pi) * sigma)
