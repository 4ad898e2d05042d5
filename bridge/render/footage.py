# SPDX-License-Identifier: GPL-3.0-or-later
"""The segments that need no Blender for each frame: those on which the picture rests, and those with a baked grade."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.filter
import numpy as np
from av.video.frame import VideoFrame

from blender_addon.core.encoding import DELIVERABLE, X264
from bridge.render.encode import encode, encode_still

REST_LEVELS = 0.5
"""out of 255, on average over the picture: what an encoder makes of a still, and nobody sees"""
BAKED_LEVELS = 1.0
"""out of 255: how far a baked picture may be from Blender's own, averaged over `BLOCK_PX` squares"""
BLOCK_PX = 8
TABLE_PIXELS = "gbrp16le"
"""what the table works on: for planes of 16 bits `lut3d` has vector code, 2.5 times as fast as that for 8"""


def decoded(path: Path, first: int, count: int) -> Iterator[VideoFrame]:
    """Frames [first, first + count) of a video."""
    with av.open(str(path)) as container:
        container.streams.video[0].thread_type = "AUTO"
        for index, frame in enumerate(container.decode(video=0)):
            if index >= first + count:
                return
            if index >= first:
                yield frame


def is_at_rest(path: Path, first: int, count: int) -> bool:
    """Whether the frames differ from the first of them by no more than their encoding."""
    still = None
    for frame in decoded(path, first, count):
        luma = _luma(frame)
        if still is None:
            still = luma
        elif np.abs(luma - still).mean() > REST_LEVELS:
            return False
    return still is not None


def encode_rest(still: Path, path: Path, count: int, fps: Fraction, x264: X264 = DELIVERABLE) -> None:
    """Repeats the one frame of `still`, which Blender rendered without loss."""
    (frame,) = decoded(still, 0, 1)
    encode_still(frame.reformat(format="yuv420p"), path, count, fps, x264)


class Baked:
    """Clips scaled to the frame, through a table that holds the grade."""

    def __init__(
        self, cube: Path | None, width_px: int, height_px: int, fps: Fraction, x264: X264 = DELIVERABLE
    ) -> None:
        self._cube = cube
        self._x264 = x264
        self._size = (width_px, height_px)
        self._fps = fps

    def encode(
        self,
        movie: dict[str, Any],
        count: int,
        path: Path,
        on_frame: Callable[[int], None],
        at_end: Callable[[], object],
    ) -> None:
        """Encodes `count` frames of the movie, from its `first_frame` on.

        The file is at `path` when `at_end` has returned, after the last frame; not at all if it raises.
        """
        encode(self._reporting(self.frames(movie, count), on_frame, at_end), path, self._fps, self._x264)

    def frames(self, movie: dict[str, Any], count: int) -> Iterator[VideoFrame]:
        """The finished pictures, before they are encoded."""
        graph = None
        for frame in decoded(Path(movie["path"]), movie["first_frame"], count):
            if graph is None:
                graph = self._graph(frame)
            frame.pts = None
            graph.push(frame)
            yield graph.vpull()

    def matches(self, movie: dict[str, Any], at: int, rendered: Path) -> bool:
        """Whether one frame is Blender's own, but for `BAKED_LEVELS`."""
        (own,) = decoded(rendered, 0, 1)
        (baked,) = self.frames({**movie, "first_frame": movie["first_frame"] + at}, 1)
        return float(np.abs(_blocks(own) - _blocks(baked)).max()) <= BAKED_LEVELS

    @staticmethod
    def _reporting(
        frames: Iterator[VideoFrame], on_frame: Callable[[int], None], at_end: Callable[[], object]
    ) -> Iterator[VideoFrame]:
        for index, frame in enumerate(frames):
            yield frame
            on_frame(index + 1)
        at_end()

    def _graph(self, frame: VideoFrame) -> av.filter.Graph:
        """Grade at the clip's own size, then fill the frame: as the strips do."""
        width, height = self._size
        fill = max(Fraction(width, frame.width), Fraction(height, frame.height))
        scaled = (round(frame.width * fill), round(frame.height * fill))
        graph = av.filter.Graph()
        nodes = [graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=1 / self._fps)]
        matrix = {"in_color_matrix": "bt709", "in_range": "tv", "flags": "bilinear+accurate_rnd"}
        if self._cube:
            nodes.append(graph.add("scale", **matrix, out_range="pc"))
            nodes.append(graph.add("format", pix_fmts=TABLE_PIXELS))
            nodes.append(graph.add("lut3d", file=str(self._cube)))
            matrix = {"in_range": "pc", "flags": "bilinear+accurate_rnd"}
        size = {"w": str(scaled[0]), "h": str(scaled[1])}
        nodes.append(graph.add("scale", **size, **matrix, out_color_matrix="bt709", out_range="tv"))
        nodes.append(graph.add("format", pix_fmts="yuv420p"))
        if scaled != self._size:
            nodes.append(graph.add("crop", f"{width}:{height}"))
        graph.link_nodes(*nodes, graph.add("buffersink")).configure()
        return graph


def _luma(frame: VideoFrame) -> Any:
    """The first plane as it is: a conversion would round, and differently for each format."""
    plane = frame.planes[0]
    return np.frombuffer(bytes(plane), np.uint8).reshape(-1, plane.line_size)[:, : frame.width].astype(np.float32)


def _blocks(frame: VideoFrame) -> Any:
    """The mean luma of each square: what is left when two scalers' different edges are set aside."""
    luma = _luma(frame)
    height, width = (length // BLOCK_PX * BLOCK_PX for length in luma.shape)
    return luma[:height, :width].reshape(height // BLOCK_PX, BLOCK_PX, width // BLOCK_PX, BLOCK_PX).mean(axis=(1, 3))
