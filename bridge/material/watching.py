# SPDX-License-Identifier: GPL-3.0-or-later
"""Watches one clip of the user's, small: how much it moves, when it is cut, and how good its pictures are.

Clips of up to 1080p60 are decoded whole. Of larger ones only what follows each keyframe closely is decoded, for a
phone's 4K HEVC takes a processor longer than it lasts. Between two places that were seen, the sizes of the packets tell
where the movement rises and falls: an encoder spends its bits on what moves.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import av
import av.error
import cv2
import numpy as np
import numpy.typing as npt
from scipy.ndimage import uniform_filter1d

from bridge.check.container import pictures_of
from bridge.check.cuts import UNLIKE, CutFinder, glance_at, step_between
from bridge.common import optical_flow
from bridge.common.errors import BadInput
from bridge.common.files import for_ffmpeg
from bridge.common.frames import Frame
from bridge.common.shown_frames import shown
from bridge.cover.faces import find_faces
from bridge.cover.image import load

STEP_S = 0.125
"""from one value of a curve to the next"""
LONGEST_S = 7200.0
LONG_SIDE_PX = 480
WHOLE_PX_PER_S = 1920 * 1080 * 61
"""clips of no more pixels per second are decoded whole"""
_GLANCE_S = 0.14
"""what is decoded after a keyframe: enough for one step of movement"""
_FAR_KEYFRAMES_S = 2.0
_PACKETS_TELL = (0.5, 3.0)
"""how far packets may change the movement between two places that were seen"""
_LOOK_S, _FACE_S = 0.25, 2.0
_CLIPPED = (8, 247)
_SOUND_HZ = 8000
_SILENCE_DB = -80.0
_TILES = 2

Tell = Callable[[float], None]
"""is told how far it is, 0-1"""


@dataclass(frozen=True)
class Look:
    """How good one picture is."""

    time_s: float
    sharpness: float
    """0-1: how much of its fine detail a blur would take away (Crete et al., SPIE 2007); 0 is blurred already"""
    exposure: float
    """0-1: 1 where nothing is burnt out or lost in the dark, and the middle is bright enough"""
    face: float
    """the height of the largest face as a share of the picture's; 0 without one"""
    tiles: tuple[float, ...]
    """mean red, green and blue of each quarter, 0-255"""


@dataclass(frozen=True)
class Measured:
    """A clip, or a picture, which lasts 0 s."""

    duration_s: float
    cuts_s: tuple[float, ...]
    motion_px_s: tuple[float, ...]
    """mean optical flow at `i * STEP_S`, in pixels per second at a width of 1000 px"""
    sound_db: tuple[float, ...]
    """level in [i, i + 1) * STEP_S, below full scale; empty without sound"""
    looks: tuple[Look, ...]

    @property
    def is_picture(self) -> bool:
        return self.duration_s == 0.0


def measure_picture(path: Path) -> Measured:
    """One picture.

    Raises:
        BadInput: it can't be read.
    """
    rgb = load(path)
    scale = LONG_SIDE_PX / max(rgb.shape[:2])
    size = (max(16, round(rgb.shape[1] * scale)), max(16, round(rgb.shape[0] * scale)))
    small = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
    return Measured(0.0, (), (0.0,), (), (_look(small, 0.0, _face(small)),))


def measure_clip(path: Path, tell: Tell) -> Measured:
    """One clip.

    Raises:
        BadInput: it is no clip that can be used; the sentence's end says why.
    """
    try:
        packets = _packets(path)
        seen = _Watch(path, packets, tell)
    except (av.error.FFmpegError, UnicodeError, OSError, ValueError):
        raise BadInput("it can't be read as a video") from None
    return seen.result()


@dataclass(frozen=True)
class _Packet:
    time_s: float
    size_bytes: int
    is_key: bool


@dataclass(frozen=True)
class _Packets:
    """What the container says of the pictures, in order of time from 0."""

    all: tuple[_Packet, ...]
    px_per_frame: int
    zero_s: float

    @property
    def duration_s(self) -> float:
        return self.all[-1].time_s + (self.all[-1].time_s / max(1, len(self.all) - 1))

    @property
    def keys_s(self) -> list[float]:
        return [packet.time_s for packet in self.all if packet.is_key]

    @property
    def is_light(self) -> bool:
        return self.px_per_frame * len(self.all) / max(self.duration_s, 0.1) <= WHOLE_PX_PER_S

    @property
    def in_glances(self) -> bool:
        """Whether only what follows the keyframes is decoded."""
        edges = [*self.keys_s, self.duration_s]
        return not self.is_light and max(after - before for before, after in pairwise(edges)) <= _FAR_KEYFRAMES_S

    def wanted(self) -> set[float]:
        """The times of the packets to decode."""
        if not self.in_glances:
            return {packet.time_s for packet in self.all}
        keys = np.array(self.keys_s)
        times = np.array([packet.time_s for packet in self.all])
        since = times - keys[np.maximum(np.searchsorted(keys, times, side="right") - 1, 0)]
        kept = since <= _GLANCE_S
        if len(keys) > 0.9 * len(times):  # each picture stands for itself, as cameras' own formats have it
            kept = np.r_[True, np.diff(np.floor(times / STEP_S + 1e-6)) > 0]
        return set(times[kept].tolist())


def _packets(path: Path) -> _Packets:
    with av.open(for_ffmpeg(path), metadata_errors="ignore") as container:
        stream = pictures_of(container)
        if stream is None:
            raise BadInput("it has no pictures that can be read")
        found = sorted(
            (
                _Packet(float(packet.pts * packet.time_base), packet.size, packet.is_keyframe)
                for packet in container.demux(stream)
                if packet.pts is not None and packet.size and not packet.is_discard
            ),
            key=lambda packet: packet.time_s,
        )
        if len(found) < 2:
            raise BadInput("it has no pictures")
        zero_s = found[0].time_s
        shifted = tuple(_Packet(one.time_s - zero_s, one.size_bytes, one.is_key) for one in found)
        if shifted[-1].time_s > LONGEST_S:
            raise BadInput(f"it lasts longer than {LONGEST_S / 3600:.0f} hours; cut out what you want to use")
        coder = stream.codec_context
        return _Packets(shifted, coder.width * coder.height, zero_s)


class _Watch:
    """One pass over a clip's pictures and sound."""

    def __init__(self, path: Path, packets: _Packets, tell: Tell) -> None:
        self._packets = packets
        self._wanted = packets.wanted()
        self._sound = _Levels()
        self._moves: list[tuple[float, float]] = []
        self._looks: list[Look] = []
        self._cuts_s: list[float] = []
        self._face, self._face_s = 0.0, -math.inf
        self._finder = CutFinder(1 / STEP_S)
        self._times_s: list[float] = []
        previous: Frame | None = None
        with av.open(for_ffmpeg(path), metadata_errors="ignore") as container:
            for time_s, picture in self._pictures(container):
                self._push(time_s, picture, previous)
                previous = picture
                tell(min(1.0, time_s / max(packets.duration_s, STEP_S)))
        if not self._looks:
            raise BadInput("none of its pictures can be decoded")
        if not packets.in_glances:
            self._cuts_s = [self._times_s[number] for number in self._finder.finish()]

    def result(self) -> Measured:
        count = max(1, math.ceil(self._packets.duration_s / STEP_S))
        return Measured(
            duration_s=self._packets.duration_s,
            cuts_s=tuple(self._cuts_s),
            motion_px_s=tuple(np.round(self._motion(count), 1).tolist()),
            sound_db=self._sound.levels(self._packets.zero_s, count),
            looks=tuple(self._looks),
        )

    def _pictures(self, container: av.container.InputContainer) -> Iterator[tuple[float, Frame]]:
        """Small upright pictures, about `STEP_S` apart."""
        stream = pictures_of(container)
        assert stream is not None
        stream.thread_type = "AUTO"
        if not self._packets.is_light:
            stream.codec_context.skip_frame = "NONREF"
            stream.codec_context.options = {"skip_loop_filter": "all"}
        sounds = next((one for one in container.streams.audio if one.codec_context is not None), None)
        frames = self._decoded(container, [stream, *([sounds] if sounds else [])])
        for frame in shown(frames, stream.codec_context.sample_aspect_ratio, long_side_px=LONG_SIDE_PX):
            rgb = np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
            time_s = (frame.time or 0.0) - self._packets.zero_s
            yield time_s, np.ascontiguousarray(np.rot90(rgb, round(frame.rotation / 90) % 4))

    def _decoded(
        self, container: av.container.InputContainer, streams: list[av.VideoStream | av.AudioStream]
    ) -> Iterator[av.VideoFrame]:
        """The frames to look at; the sound on the way is listened to."""
        due_s = -math.inf
        zero_s = self._packets.zero_s
        for packet in container.demux(streams):
            is_picture = packet.stream is streams[0]
            skipped = is_picture and packet.pts is not None and self._skips(float(packet.pts * packet.time_base))
            if skipped:
                continue
            try:
                decoded = packet.decode()
            except av.error.FFmpegError:
                continue  # a damaged or encrypted piece; the others may be whole
            for frame in decoded:
                if isinstance(frame, av.AudioFrame):
                    self._sound.push(frame)
                elif isinstance(frame, av.VideoFrame) and (frame.time or 0.0) - zero_s >= due_s:
                    due_s = (frame.time or 0.0) - zero_s + 0.9 * STEP_S
                    yield frame

    def _skips(self, time_s: float) -> bool:
        return time_s - self._packets.zero_s not in self._wanted

    def _push(self, time_s: float, picture: Frame, previous: Frame | None) -> None:
        before_s = self._times_s[-1] if self._times_s else -math.inf
        self._times_s.append(time_s)
        if self._packets.in_glances:
            if previous is not None and time_s - before_s > 2 * STEP_S and _is_other(previous, picture):
                self._cuts_s.append(time_s)
        else:
            self._finder.push(len(self._times_s) - 1, picture)
        if previous is not None and time_s - before_s <= 2 * STEP_S and previous.shape == picture.shape:
            flow_px_s = optical_flow.speed_px_s(previous, picture, time_s - before_s)
            self._moves.append(((time_s + before_s) / 2, flow_px_s))
        if not self._looks or time_s >= self._looks[-1].time_s + _LOOK_S - 0.01:
            if time_s >= self._face_s + _FACE_S:
                self._face, self._face_s = _face(picture), time_s
            self._looks.append(_look(picture, time_s, self._face))

    def _motion(self, count: int) -> npt.NDArray[np.float64]:
        grid = np.arange(count) * STEP_S
        if not self._moves:
            return np.zeros(count)
        times, flows = np.array(self._moves).T
        if not self._packets.in_glances:
            return np.interp(grid, times, flows)
        spent = np.maximum(_spent(self._packets, count), 1.0)
        usual = np.interp(grid, times, np.interp(times, grid, spent))
        return np.interp(grid, times, flows) * np.clip(spent / usual, *_PACKETS_TELL)


def _spent(packets: _Packets, count: int) -> npt.NDArray[np.float64]:
    """Bytes per second around each step, without the keyframes', which are as large where nothing moves."""
    times = np.array([packet.time_s for packet in packets.all if not packet.is_key])
    sizes = np.array([float(packet.size_bytes) for packet in packets.all if not packet.is_key])
    if not len(times):
        return np.zeros(count)
    cells = np.minimum(np.round(times / STEP_S).astype(int), count - 1)
    totals, seen = np.bincount(cells, sizes, count), np.bincount(cells, minlength=count)
    there = np.flatnonzero(seen)
    rates = np.interp(np.arange(count), there, totals[there] / seen[there])
    return np.asarray(uniform_filter1d(rates, 3, mode="nearest"), np.float64)


def _is_other(before: Frame, after: Frame) -> bool:
    """Whether two pictures some time apart are of two shots: unlike in form, and in colour too."""
    step = step_between(glance_at(0, before), glance_at(1, after))
    return step.likeness < UNLIKE and step.histogram_change > 0.6


def _face(picture: Frame) -> float:
    return max((face.box.height_px / picture.shape[0] for face in find_faces(picture)), default=0.0)


def _look(picture: Frame, time_s: float, face: float) -> Look:
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    lost = float(((grey < _CLIPPED[0]) | (grey > _CLIPPED[1])).mean())
    middle = float(grey.mean()) / 255
    exposure = max(0.0, 1 - 2.5 * max(0.0, lost - 0.02)) * math.exp(-(((middle - 0.45) / 0.3) ** 2))
    tiles = cv2.resize(picture, (_TILES, _TILES), interpolation=cv2.INTER_AREA).ravel()
    return Look(
        round(time_s, 3),
        round(_sharpness(np.asarray(grey, np.float32)), 3),
        round(exposure, 3),
        round(face, 3),
        tuple(float(value) for value in tiles),
    )


def _sharpness(grey: npt.NDArray[np.float32]) -> float:
    """How much a blur takes away of the differences between neighbours, the less sharp direction counting."""
    shares = []
    for axis, size in ((1, (9, 1)), (0, (1, 9))):
        before = np.abs(np.diff(grey, axis=axis))
        after = np.abs(np.diff(cv2.blur(grey, size), axis=axis))
        total = float(before.sum())
        shares.append(float(np.maximum(before - after, 0).sum()) / total if total > 0 else 0.0)
    return min(shares)


class _Levels:
    """The sound's level over time."""

    def __init__(self) -> None:
        self._resampler = av.AudioResampler(format="flt", layout="mono", rate=_SOUND_HZ)
        self._power: dict[int, list[float]] = {}

    def push(self, frame: av.AudioFrame) -> None:
        try:
            parts = self._resampler.resample(frame)
        except (av.error.FFmpegError, ValueError):
            return  # the sound's kind changes within the clip: its level is no reason to refuse it
        for part in parts:
            samples = part.to_ndarray().ravel()
            if samples.size:
                power = float(np.mean(np.square(samples, dtype=np.float64)))
                self._power.setdefault(round((part.time or 0.0) / STEP_S), []).append(power)

    def levels(self, zero_s: float, count: int) -> tuple[float, ...]:
        if not self._power:
            return ()
        first = round(zero_s / STEP_S)
        means = [float(np.mean(self._power.get(first + i, [0.0]))) for i in range(count)]
        return tuple(round(max(_SILENCE_DB, 10 * math.log10(max(mean, 1e-12))), 1) for mean in means)
