# SPDX-License-Identifier: GPL-3.0-or-later
"""What the file says about itself, and what its packets say: codecs, sizes, rates, time stamps. Nothing is decoded."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import IO

import av
import av.container
import av.error
import numpy as np
import numpy.typing as npt
from av.stream import Disposition

from bridge.common.errors import BadInput
from bridge.common.files import for_ffmpeg

_MP4_NAMES = {"mov", "mp4"}
_COVER_ART = Disposition.attached_pic


@dataclass(frozen=True)
class VideoTrack:
    """The pictures' track."""

    codec: str
    profile: str
    pixel_format: str
    width_px: int
    height_px: int
    fps: Fraction
    """the average rate"""
    color_tags: tuple[int, int, int, int]
    """primaries, transfer, matrix (ISO/IEC 23091-2: 1 is BT.709, 2 unknown) and range (1 limited, 2 full)"""
    pixel_shape: Fraction
    """a pixel's width by its height"""
    times_s: npt.NDArray[np.float64]
    """when each picture is shown, in order, on the file's clock"""
    bit_rate: float
    """bits per second, of the packets"""

    @property
    def frame_count(self) -> int:
        return len(self.times_s)

    @property
    def start_s(self) -> float:
        return float(self.times_s[0])

    @property
    def duration_s(self) -> float:
        """From the first picture's start to the last one's end."""
        return float(self.times_s[-1] - self.times_s[0]) + float(1 / self.fps)

    @property
    def jitter_s(self) -> float:
        """How far a picture is at most from where a constant rate would have it."""
        even = np.arange(self.frame_count) / float(self.fps)
        off = self.times_s - self.times_s[0] - even
        return float((off.max() - off.min()) / 2)


@dataclass(frozen=True)
class SoundTrack:
    """The sound's track."""

    codec: str
    profile: str
    sample_rate_hz: int
    channels: int
    bit_rate: float
    """bits per second, of the packets"""
    duration_s: float


@dataclass(frozen=True)
class Container:
    """A video file, from outside."""

    format: str
    is_mp4: bool
    size_bytes: int
    faststart: bool | None
    """the index comes before the data; None if that has no meaning in this format"""
    video: VideoTrack
    sound: SoundTrack | None


@dataclass
class _Packets:
    """What is summed up over a track's packets."""

    times_s: list[float]
    size_bytes: int = 0
    duration_s: float = 0.0


def probe(video: Path) -> Container:
    """Reads every packet's header once.

    Raises:
        BadInput: there is no such file, or it is no video that can be read.
    """
    if not video.is_file():
        raise BadInput(f"There is no video at {video}; check the path.")
    try:
        with av.open(for_ffmpeg(video)) as container:
            return _read(container, video)
    except (av.error.FFmpegError, UnicodeError) as error:
        raise BadInput(
            f"{video.name} is not a video that can be read ({getattr(error, 'strerror', None) or error}); "
            "give a whole video file, or export it again."
        ) from error


def pictures_of(container: av.container.InputContainer) -> av.VideoStream | None:
    """The track with the pictures; a music file's cover art is none."""
    return next(
        (one for one in container.streams.video if one.codec_context is not None and not one.disposition & _COVER_ART),
        None,
    )


def _read(container: av.container.InputContainer, path: Path) -> Container:
    pictures = pictures_of(container)
    if pictures is None:
        raise BadInput(f"{path.name} has no pictures; give a video file.")
    sounds = next((one for one in container.streams.audio if one.codec_context is not None), None)
    tracks = {stream.index: _Packets([]) for stream in (pictures, sounds) if stream}
    for packet in container.demux([stream for stream in (pictures, sounds) if stream]):
        if packet.pts is None or not packet.size or packet.is_discard:
            continue
        track = tracks[packet.stream_index]
        track.times_s.append(float(packet.pts * packet.time_base))
        track.size_bytes += packet.size
        track.duration_s += float((packet.duration or 0) * packet.time_base)
    if not tracks[pictures.index].times_s:
        raise BadInput(f"{path.name} holds no pictures: it was cut off or never finished; export it again.")
    names = set(container.format.name.split(","))
    is_mp4 = bool(names & _MP4_NAMES)
    return Container(
        container.format.name,
        is_mp4,
        path.stat().st_size,
        _index_comes_first(path) if is_mp4 else None,
        _video_track(pictures, tracks[pictures.index]),
        _sound_track(sounds, tracks[sounds.index]) if sounds else None,
    )


def _video_track(stream: av.VideoStream, packets: _Packets) -> VideoTrack:
    coder = stream.codec_context
    times_s = np.sort(np.array(packets.times_s))
    fps = stream.average_rate or stream.guessed_rate or Fraction(25)
    return VideoTrack(
        coder.codec.canonical_name,
        coder.profile or "unknown",
        coder.pix_fmt or "unknown",
        coder.width,
        coder.height,
        _true_rate(times_s, fps),
        (coder.color_primaries, coder.color_trc, coder.colorspace, coder.color_range),
        coder.sample_aspect_ratio or Fraction(1),
        times_s,
        packets.size_bytes * 8 / max(len(times_s) / float(fps), 1e-3),
    )


def _true_rate(times_s: npt.NDArray[np.float64], said: Fraction) -> Fraction:
    """The rate of the time stamps, as a customary fraction where it is one; for a single frame what the stream says."""
    if len(times_s) < 2 or times_s[-1] <= times_s[0]:
        return said
    measured = 1 / float(np.polyfit(np.arange(len(times_s)), times_s, 1)[0])
    customary = [Fraction(n) for n in (24, 25, 30, 48, 50, 60, 120)]
    customary += [Fraction(n * 1000, 1001) for n in (24, 30, 48, 60, 120)] + [said]
    near = min(customary, key=lambda rate: abs(float(rate) - measured))
    return near if abs(float(near) / measured - 1) < 4e-4 else Fraction(measured).limit_denominator(10_000)


def _sound_track(stream: av.AudioStream, packets: _Packets) -> SoundTrack:
    coder = stream.codec_context
    return SoundTrack(
        coder.codec.canonical_name,
        coder.profile or "unknown",
        coder.sample_rate,
        coder.layout.nb_channels,
        packets.size_bytes * 8 / max(packets.duration_s, 1e-3),
        packets.duration_s,
    )


def _index_comes_first(path: Path) -> bool:
    """Whether an MP4's `moov` box comes before its `mdat` (ISO/IEC 14496-12), so that it plays while it loads."""
    with path.open("rb") as file:
        for kind in _boxes(file):
            if kind in (b"moov", b"mdat"):
                return kind == b"moov"
    return False


def _boxes(file: IO[bytes]) -> Iterator[bytes]:
    """The kinds of the top-level boxes, in order."""
    while len(header := file.read(8)) == 8:
        size, kind = struct.unpack(">I4s", header)
        skip = size - 8
        if size == 1:
            skip = struct.unpack(">Q", file.read(8).rjust(8, b"\0"))[0] - 16
        yield kind
        if size == 0 or skip < 0:
            return
        file.seek(skip, 1)
