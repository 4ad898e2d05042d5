# SPDX-License-Identifier: GPL-3.0-or-later
"""A file's sound as it decodes, for measuring: nothing of it goes through what makes our videos' sound."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from math import gcd
from pathlib import Path

import av
import av.container
import av.error
import numpy as np
import numpy.typing as npt
from av.audio.frame import AudioFrame
from scipy import signal

from bridge.common.files import for_ffmpeg

LONGEST_S = 1800
_LEFT = {"FL", "FLC", "SL", "BL", "TFL", "DL"}
_RIGHT = {"FR", "FRC", "SR", "BR", "TFR", "DR"}

Samples = npt.NDArray[np.float32]


@dataclass(frozen=True)
class SoundFile:
    """The first track's sound as left and right; a single channel is both."""

    samples: Samples
    """shape (n, 2), full scale is 1.0"""
    rate_hz: int
    start_s: float
    """when sample 0 sounds, on the file's clock"""
    channels: int
    """how many the file has"""

    def at(self, rate_hz: int) -> Samples:
        """At another rate."""
        return _resampled(self.samples, self.rate_hz, rate_hz)

    def excerpt(self, start_s: float, length_s: float) -> Samples:
        """Its samples from a time after its first one, at its own rate; silence where it has none."""
        first, count = round(start_s * self.rate_hz), max(0, round(length_s * self.rate_hz))
        inside = self.samples[max(0, first) : max(0, first + count)]
        before = min(count, max(0, -first))
        return np.pad(inside, ((before, count - before - len(inside)), (0, 0)))


def read(path: Path) -> SoundFile | None:
    """Decodes a file's sound as players do; damaged packets are left out. None if there is none."""
    with av.open(for_ffmpeg(path), metadata_errors="ignore") as container:
        if not any(track.codec_context is not None for track in container.streams.audio):
            return None
        start_s = 0.0
        parts: list[tuple[int, Samples]] = []
        channels, length_s = 0, 0.0
        for frame in _frames(container):
            if not parts:
                start_s = frame.time or 0.0
            channels = max(channels, frame.layout.nb_channels)
            parts.append((frame.sample_rate, _left_and_right(frame)))
            length_s += frame.samples / frame.sample_rate
            if length_s > LONGEST_S:
                break
    if not parts:
        return None
    rate_hz = max(rate for rate, _ in parts)
    stretches = [
        _resampled(np.concatenate([samples for _, samples in group]), rate, rate_hz)
        for rate, group in groupby(parts, key=lambda part: part[0])
    ]
    return SoundFile(np.concatenate(stretches), rate_hz, start_s, channels)


def _frames(container: av.container.InputContainer) -> Iterator[AudioFrame]:
    for packet in container.demux(container.streams.audio[0]):
        try:
            frames = packet.decode()
        except av.error.InvalidDataError:
            continue  # a damaged packet: players go on with the next one
        yield from (frame for frame in frames if isinstance(frame, AudioFrame))


def _left_and_right(frame: AudioFrame) -> Samples:
    """The loudspeakers of each side, summed; the middle goes to both sides, channels without a name go by turns."""
    values = frame.to_ndarray()
    if np.issubdtype(values.dtype, np.integer):
        bounds = np.iinfo(values.dtype.name)
        middle = (int(bounds.min) + int(bounds.max) + 1) / 2
        values = (values - middle) / (int(bounds.max) + 1 - middle)
    count = frame.layout.nb_channels
    channels = values if frame.format.is_planar else values.reshape(-1, count).T
    if count == 1:
        return np.repeat(channels.T, 2, axis=1).astype(np.float32)
    names = [channel.name for channel in frame.layout.channels]
    if not set(names) & (_LEFT | _RIGHT):
        names = ["FL" if i % 2 == 0 else "FR" for i in range(count)]
    left = sum((channels[i] for i, name in enumerate(names) if name not in _RIGHT), np.zeros(channels.shape[1]))
    right = sum((channels[i] for i, name in enumerate(names) if name not in _LEFT), np.zeros(channels.shape[1]))
    return np.stack([left, right], axis=1).astype(np.float32)


def _resampled(samples: Samples, rate_hz: int, wanted_hz: int) -> Samples:
    if rate_hz == wanted_hz:
        return samples
    common = gcd(rate_hz, wanted_hz)
    return signal.resample_poly(samples, wanted_hz // common, rate_hz // common, axis=0).astype(np.float32)
