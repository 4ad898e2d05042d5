# SPDX-License-Identifier: GPL-3.0-or-later
"""Streams for PyAV with the figures of `blender_addon.core.encoding`: the one place where they are set up."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, cast

from blender_addon.core.encoding import (
    AUDIO_KBIT_PER_S,
    BT709,
    LIMITED_RANGE,
    PIXEL_FORMAT,
    SAMPLE_RATE_HZ,
    X264,
)

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import OutputContainer
    from av.video.stream import VideoStream


def add_video(out: OutputContainer, size_px: tuple[int, int], fps: Fraction, x264: X264) -> VideoStream:
    """A stream for yuv420p pictures in BT.709, tagged as such, encoded as Blender does.

    Args:
        size_px: width and height, both even.
    """
    from av.codec.context import ThreadType

    stream = cast("VideoStream", out.add_stream("libx264", rate=fps, options=x264.options(fps)))
    context = stream.codec_context
    (context.width, context.height), context.pix_fmt = size_px, PIXEL_FORMAT
    context.color_primaries = context.color_trc = context.colorspace = BT709
    context.color_range = LIMITED_RANGE
    context.sample_aspect_ratio = Fraction(1)
    context.time_base = 1 / fps
    context.thread_type = ThreadType.FRAME  # slices would be smaller pictures to the encoder, and other bytes
    return stream


def add_audio(out: OutputContainer) -> AudioStream:
    """A stream for stereo sound at `SAMPLE_RATE_HZ`."""
    stream = cast("AudioStream", out.add_stream("aac", rate=SAMPLE_RATE_HZ, layout="stereo"))
    stream.bit_rate = AUDIO_KBIT_PER_S * 1000
    return stream
