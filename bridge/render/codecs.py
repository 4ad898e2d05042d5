# SPDX-License-Identifier: GPL-3.0-or-later
"""The deliverable in another codec than H.264: from pictures that were kept finer than it delivers them."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, cast

import av
import numpy as np

from blender_addon.core.encoding import AUDIO_KBIT_PER_S, BT709, LIMITED_RANGE, SAMPLE_RATE_HZ, Codec
from bridge.common import files
from bridge.common.errors import BadInput

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.packet import Packet
    from av.video.stream import VideoStream

    from bridge.render.join import Samples

_CHUNK = 1024
"""samples that are handed to the sound's encoder at once"""


def must_be_here(codec: Codec) -> None:
    """Refuses a codec that this machine's FFmpeg has no encoder for.

    Raises:
        BadInput: it hasn't.
    """
    if codec.encoder not in av.codecs_available:
        raise BadInput(f"There is no encoder for {codec.title} here ({codec.encoder}); choose another --codec.")


def encode(
    pictures: Path, sound: Samples, codec: Codec, fps: Fraction, out_path: Path, tell: Callable[[int], None]
) -> None:
    """Writes pictures and sound in a codec; the file that was there stays until the new one is whole.

    Args:
        pictures: a video; its sound isn't used.
        sound: at `SAMPLE_RATE_HZ`, stereo, shape (n, 2).
        tell: told of each picture, by its number from 1.
    """
    files.check_writable(out_path)
    with (
        files.written_beside(out_path) as beside,
        av.open(str(pictures)) as source,
        av.open(str(beside), "w", format=codec.suffix[1:], options={"movflags": "+faststart"}) as out,
    ):
        from_stream = source.streams.video[0]
        from_stream.thread_type = "AUTO"
        size = from_stream.codec_context.width, from_stream.codec_context.height
        video, audio = _video(out, codec, size, fps), _audio(out, codec)
        packets = (_pictures(source, video, fps, tell), _sound(audio, sound))
        for packet in heapq.merge(*packets, key=lambda packet: (packet.dts or 0) * packet.time_base):
            out.mux(packet)


def _video(out: av.container.OutputContainer, codec: Codec, size: tuple[int, int], fps: Fraction) -> VideoStream:
    stream = cast("VideoStream", out.add_stream(codec.encoder, rate=fps, options=dict(codec.options)))
    context = stream.codec_context
    (context.width, context.height), context.pix_fmt = size, codec.pixel_format
    context.color_primaries = context.color_trc = context.colorspace = BT709
    context.color_range = LIMITED_RANGE
    context.sample_aspect_ratio, context.time_base = Fraction(1), 1 / fps
    context.gop_size = round(fps)
    if codec.tag:
        context.codec_tag = codec.tag
    return stream


def _audio(out: av.container.OutputContainer, codec: Codec) -> AudioStream:
    stream = cast("AudioStream", out.add_stream(codec.sound, rate=SAMPLE_RATE_HZ, layout="stereo"))
    if codec.sound == "aac":
        stream.bit_rate = AUDIO_KBIT_PER_S * 1000
    return stream


def _pictures(
    source: av.container.InputContainer, stream: VideoStream, fps: Fraction, tell: Callable[[int], None]
) -> Iterator[Packet]:
    for number, frame in enumerate(source.decode(video=0)):
        same = frame.reformat(
            format=stream.codec_context.pix_fmt,
            src_colorspace="ITU709", dst_colorspace="ITU709", src_color_range="MPEG", dst_color_range="MPEG",
        )  # fmt: skip
        same.pts, same.time_base, same.pict_type = number, 1 / fps, av.video.frame.PictureType.NONE
        yield from stream.encode(same)
        tell(number + 1)
    yield from stream.encode(None)


def _sound(stream: AudioStream, sound: Samples) -> Iterator[Packet]:
    form = stream.codec_context.format.name
    resampler = av.AudioResampler(format=form, layout="stereo", rate=SAMPLE_RATE_HZ)
    for start in range(0, len(sound), _CHUNK):
        part = np.ascontiguousarray(sound[start : start + _CHUNK].T)
        frame = av.AudioFrame.from_ndarray(part, format="fltp", layout="stereo")
        frame.sample_rate, frame.time_base, frame.pts = SAMPLE_RATE_HZ, Fraction(1, SAMPLE_RATE_HZ), start
        for ready in resampler.resample(frame):
            yield from stream.encode(ready)
    yield from stream.encode(None)
