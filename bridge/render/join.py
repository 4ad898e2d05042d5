# SPDX-License-Identifier: GPL-3.0-or-later
"""Joins segments without re-encoding, on exact time stamps, with the sound as AAC, the index first."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import av
import numpy as np
import numpy.typing as npt
from av.audio.frame import AudioFrame
from av.packet import Packet

from blender_addon.core.encoding import SAMPLE_RATE_HZ
from blender_addon.core.types import Excerpt
from bridge import song
from bridge.common import files
from bridge.common.encoding import add_audio
from bridge.common.errors import RenderFailed

FADE_S = 2.0
"""as `timeline.FADE_S`: the .blend and the video sound the same"""
TICKS_PER_FRAME = 512

Samples = npt.NDArray[np.float32]


class Part(Protocol):
    """A video-only MP4 and how many frames it has to have."""

    @property
    def path(self) -> Path: ...
    @property
    def frame_count(self) -> int: ...


def join(parts: Sequence[Part], fps: Fraction, sound: Samples, out_path: Path) -> None:
    """Writes the deliverable; the file that was there stays until the new one is whole.

    Args:
        sound: at `SAMPLE_RATE_HZ`, stereo, shape (n, 2), as long as the picture.

    Raises:
        BadInput: the output cannot be written.
        RenderFailed: the parts don't fit together.
    """
    files.check_writable(out_path)
    with files.written_beside(out_path) as beside:
        try:
            _write(parts, fps, sound, beside)
        except av.error.FFmpegError as error:
            raise OSError(error.errno, error.strerror) from error


def excerpt_samples(song_path: Path, excerpt: Excerpt, length_s: Fraction) -> Samples:
    """The excerpt's sound, as `join` takes it; silence after the song.

    It fades, linearly in amplitude, over its last `FADE_S` if the excerpt says so.

    Raises:
        BadInput: the song cannot be read.
    """
    audio = song.decode(song_path, SAMPLE_RATE_HZ)
    first = round(Fraction(excerpt.start_s) * SAMPLE_RATE_HZ)
    count = round(length_s * SAMPLE_RATE_HZ)
    samples = np.zeros((count, 2), np.float32)
    heard = audio.samples[first : first + count]
    samples[: len(heard)] = heard  # one channel goes to both
    if excerpt.fades_out:
        length = min(count, round(FADE_S * SAMPLE_RATE_HZ))
        samples[count - length :] *= np.linspace(1, 0, length, dtype=np.float32)[:, None]
    return samples


def _write(parts: Sequence[Part], fps: Fraction, sound: Samples, path: Path) -> None:
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as out:
        with av.open(str(parts[0].path)) as first:
            video = out.add_stream_from_template(first.streams.video[0])
            header = first.streams.video[0].codec_context.extradata
        audio = add_audio(out)
        pictures = _video_packets(parts, fps, header, video)
        for packet in heapq.merge(pictures, _audio_packets(audio, sound), key=_time):
            out.mux(packet)


def _time(packet: Packet) -> Fraction:
    return (packet.dts or 0) * (packet.time_base or Fraction(0))


def _video_packets(
    parts: Sequence[Part], fps: Fraction, header: bytes | None, stream_out: av.VideoStream
) -> Iterator[Packet]:
    """Every part's packets, on the time stamps of one video: in a time base of 1 / (fps * `TICKS_PER_FRAME`)."""
    tick = stream_out.time_base = 1 / (fps.numerator * Fraction(TICKS_PER_FRAME))
    per_frame = fps.denominator * TICKS_PER_FRAME
    start = 0
    for part in parts:
        with av.open(str(part.path)) as container:
            stream = container.streams.video[0]
            if stream.codec_context.extradata != header:
                raise RenderFailed(f"{part.path} was encoded with other settings; delete it and render again.")
            frame_of = (stream.time_base or Fraction(0)) * fps
            packets = [packet for packet in container.demux(stream) if packet.size]
        if len(packets) != part.frame_count or not packets[0].is_keyframe:
            raise RenderFailed(f"{part.path} is damaged; delete it and render again.")
        for packet in packets:
            pts, dts = (round((stamp or 0) * frame_of) for stamp in (packet.pts, packet.dts))
            packet.stream, packet.time_base = stream_out, tick
            packet.pts, packet.dts, packet.duration = (start + pts) * per_frame, (start + dts) * per_frame, per_frame
            yield packet
        start += part.frame_count


def _audio_packets(stream: av.AudioStream, sound: Samples) -> Iterator[Packet]:
    """The encoder's delay comes as a negative first time stamp, which the MP4 muxer turns into an edit list."""
    frame = AudioFrame.from_ndarray(np.ascontiguousarray(sound.T), format="fltp", layout="stereo")
    frame.sample_rate = SAMPLE_RATE_HZ
    frame.time_base = Fraction(1, SAMPLE_RATE_HZ)
    frame.pts = 0
    yield from stream.encode(frame)
    yield from stream.encode(None)
