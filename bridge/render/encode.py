# SPDX-License-Identifier: GPL-3.0-or-later
"""Encodes pictures exactly as Blender does with its render settings, so that segments of both kinds join into one."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
from av.packet import Packet
from av.video.frame import PictureType, VideoFrame

from blender_addon.core.encoding import DELIVERABLE, X264
from bridge.common import files
from bridge.common.encoding import add_video

STILL_FRAMES = 12
"""a keyframe at least so often: twice as many would be a third less to store, and as long to encode as ten that move"""


def encode(frames: Iterable[VideoFrame], path: Path, fps: Fraction, x264: X264 = DELIVERABLE) -> None:
    """Writes yuv420p frames as H.264; the file appears whole or not at all."""
    with files.written_beside(path) as beside, av.open(str(beside), "w") as out:
        stream = None
        for index, frame in enumerate(frames):
            if stream is None:
                stream = add_video(out, (frame.width, frame.height), fps, x264)
            frame.pts, frame.time_base, frame.pict_type = index, 1 / fps, PictureType.NONE
            out.mux(stream.encode(frame))
        if stream:
            out.mux(stream.encode(None))


def encode_still(frame: VideoFrame, path: Path, count: int, fps: Fraction, x264: X264 = DELIVERABLE) -> None:
    """Writes one yuv420p frame `count` times: `STILL_FRAMES` of them are encoded, and their packets repeated.

    That is exact: without B-frames each group of pictures begins with a keyframe and needs no other.
    """
    with files.written_beside(path) as beside, av.open(str(beside), "w") as out:
        stream = add_video(out, (frame.width, frame.height), fps, x264)
        encoded: list[Packet] = []
        for index in range(min(count, STILL_FRAMES)):
            frame.pts, frame.time_base, frame.pict_type = index, 1 / fps, PictureType.NONE
            encoded += stream.encode(frame)
        encoded += stream.encode(None)
        for index in range(count):
            source = encoded[index % len(encoded)]
            packet = Packet(bytes(source))
            packet.stream, packet.time_base, packet.is_keyframe = stream, 1 / fps, source.is_keyframe
            packet.pts = packet.dts = index
            packet.duration = 1
            out.mux(packet)
