# SPDX-License-Identifier: GPL-3.0-or-later
"""From an engine's footage to the clip's file: exact frame count, size and rate, H.264, visually lossless."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import av.container
import cv2
import numpy as np
from av.filter import Graph
from av.filter.context import FilterContext

from blender_addon.core import mp4
from blender_addon.core.encoding import CLIP, DRAFT_CLIP, PIXEL_FORMAT
from blender_addon.core.types import ClipRequest
from bridge.clips import holds
from bridge.clips.base import Footage, Work
from bridge.common import cores, interpolation
from bridge.common.encoding import add_video
from bridge.common.errors import GenerationFailed
from bridge.common.files import written_beside
from bridge.common.frames import Frame
from bridge.common.optical_flow import FlowMeter

VERSION = "4"
"""changes whenever equal footage would give another file"""

_PREVIEW_WIDTH_PX = 320
_DRAFT_PAIRS = 4
"""one of so many of a draft's pairs of pictures has its motion measured: nobody corrects it"""


def conform(footage: Footage, request: ClipRequest, path: Path, work: Work, handle_frames: int = 0) -> float:
    """Writes the clip.

    Args:
        footage: any frame count, size and rate; retimed to last exactly the clip.
        path: where the MP4 file goes; it appears there whole or not at all.
        handle_frames: how many of the request's frames, at either end, are handles; the file says so.

    Returns:
        its mean optical flow, in pixels per second at a width of 1000 px.

    Raises:
        GenerationFailed: the footage isn't what it says it is.
        BadInput: the file cannot be written.
    """
    size = request.width_px, request.height_px
    count = request.frame_count - (0 if footage.holds else request.hold_frames)
    frames = _reduced(_cropped(_checked(footage), *size), *size)
    frames = _enlarged(_retimed(frames, footage.frame_count, count), *size)  # so that few pixels are retimed
    if not footage.holds:
        frames = holds.held(frames, request, work)
    meter = FlowMeter(request.fps, every=_DRAFT_PAIRS if request.draft_for_px else 1)
    with written_beside(path) as beside:
        _encode(_watched(frames, request, meter, work), request, beside, handle_frames)
    return meter.mean_px_s


def _checked(footage: Footage) -> Iterator[Frame]:
    """The frames, if they are pictures and as many as promised."""
    count = 0
    for count, frame in enumerate(footage.frames, start=1):
        if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3:
            raise GenerationFailed(
                f"The engine gave an array of {frame.dtype} with shape {frame.shape} as frame {count}, which is no "
                "picture. Try another seed, or another engine."
            )
        yield frame
    if count != footage.frame_count or not count:
        raise GenerationFailed(
            f"The engine gave {count} frames instead of {footage.frame_count}. Try again, or another engine."
        )


def _cropped(frames: Iterator[Frame], width_px: int, height_px: int) -> Iterator[Frame]:
    """To the shape of a frame of this size, around the centre."""
    for frame in frames:
        height, width = frame.shape[:2]
        scale = max(width_px / width, height_px / height)
        crop_w, crop_h = round(width_px / scale), round(height_px / scale)
        left, top = (width - crop_w) // 2, (height - crop_h) // 2
        yield frame[top : top + crop_h, left : left + crop_w]


def _reduced(frames: Iterator[Frame], width_px: int, height_px: int) -> Iterator[Frame]:
    """To this size, if they are larger."""
    for frame in frames:
        is_larger = frame.shape[1] > width_px
        yield _resized(frame, (width_px, height_px), cv2.INTER_AREA) if is_larger else frame


def _enlarged(frames: Iterator[Frame], width_px: int, height_px: int) -> Iterator[Frame]:
    """To this size, if they aren't of it already."""
    for frame in frames:
        is_right = frame.shape[:2] == (height_px, width_px)
        yield frame if is_right else _resized(frame, (width_px, height_px), cv2.INTER_LANCZOS4)


def _resized(frame: Frame, size: tuple[int, int], method: int) -> Frame:
    return cast(Frame, cv2.resize(frame, size, interpolation=method))


def _retimed(frames: Iterator[Frame], count: int, wanted: int) -> Iterator[Frame]:
    """Spread over `wanted` frames, first on first and last on last, made along the motion in between."""
    if count == wanted:
        yield from frames
        return
    positions = [Fraction(i * (count - 1), max(1, wanted - 1)) for i in range(wanted)]
    workers = cores.cores()
    with ThreadPoolExecutor(workers) as pool:
        waiting: deque[Future[list[Frame]]] = deque()
        for span in _spans(frames, positions):
            waiting.append(pool.submit(_filled, *span))
            if len(waiting) > workers:  # not all of them: frames are large
                yield from waiting.popleft().result()
        for part in waiting:
            yield from part.result()


def _spans(frames: Iterator[Frame], positions: Sequence[Fraction]) -> Iterator[tuple[Frame, Frame, list[float]]]:
    """Neighbouring frames and the moments from the first (0) to the second (1), which has its own in the next span."""
    index, before = 0, next(frames)
    for index, after in enumerate(frames, start=1):
        yield before, after, [float(at - index + 1) for at in positions if index - 1 <= at < index]
        before = after
    yield before, before, [0.0 for at in positions if at >= index]


def _filled(before: Frame, after: Frame, times: Sequence[float]) -> list[Frame]:
    between = iter(interpolation.between(before, after, [time for time in times if time]))
    return [next(between) if time else before for time in times]


def _watched(frames: Iterator[Frame], request: ClipRequest, meter: FlowMeter, work: Work) -> Iterator[Frame]:
    """Measures and reports what passes."""
    every = max(1, round(request.fps / 4))
    for i, frame in enumerate(frames):
        meter.add(frame)
        if i % every == 0:
            work.report(i / request.frame_count, "animating", _preview(frame))
        yield frame


def _preview(frame: Frame) -> Frame:
    height_px = max(1, round(frame.shape[0] * _PREVIEW_WIDTH_PX / frame.shape[1]))
    return _resized(frame, (_PREVIEW_WIDTH_PX, height_px), cv2.INTER_AREA)


def _encode(frames: Iterator[Frame], request: ClipRequest, path: Path, handle_frames: int) -> None:
    with av.open(str(path), "w", format="mp4", options={"movflags": "faststart"}) as container:
        if handle_frames:
            container.metadata["comment"] = f"{mp4.HANDLES_COMMENT}{handle_frames}"
        x264 = DRAFT_CLIP if request.draft_for_px else CLIP
        stream = add_video(container, (request.width_px, request.height_px), request.fps, x264)
        to_yuv = _converter(request)
        for i, frame in enumerate(frames):
            yuv = to_yuv(frame)
            yuv.pts = i
            yuv.time_base = 1 / request.fps
            container.mux(stream.encode(yuv))
        container.mux(stream.encode())


class _Converter:
    """sRGB pictures to BT.709 yuv420p, limited range, rounded as exactly as swscale can."""

    def __init__(self, width_px: int, height_px: int, fps: Fraction) -> None:
        graph = Graph()
        source = graph.add_buffer(width=width_px, height=height_px, format=av.VideoFormat("rgb24"), time_base=1 / fps)
        flags = "bicubic+accurate_rnd+full_chroma_int+full_chroma_inp"
        scale = graph.add("scale", f"out_color_matrix=bt709:out_range=tv:flags={flags}")
        form = graph.add("format", PIXEL_FORMAT)
        sink = graph.add("buffersink")
        graph.link_nodes(source, scale, form, sink).configure()
        self._graph, self._source, self._sink = graph, source, cast(FilterContext, sink)

    def __call__(self, frame: Frame) -> av.VideoFrame:
        self._source.push(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24"))
        return cast(av.VideoFrame, self._sink.pull())


def _converter(request: ClipRequest) -> _Converter:
    return _Converter(request.width_px, request.height_px, request.fps)
