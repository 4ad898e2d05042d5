# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames out of video files, by PyAV."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from av.container import InputContainer
from av.video.stream import VideoStream

from bridge.common.files import for_ffmpeg
from bridge.common.shown_frames import shown

SAMPLE_WIDTH_PX = 320


def sample(
    videos: Sequence[Path], per_video: int = 3, width_px: int | None = SAMPLE_WIDTH_PX
) -> list[npt.NDArray[np.uint8]]:
    """A few frames of each video, evenly spread from its first to its last (its middle one, if one is asked for).

    Args:
        width_px: of the frames; None leaves them as large as they are.

    Returns:
        arrays of shape (height, width, 3), sRGB.
    """
    return [frame for video in videos for frame in _sample_one(video, per_video, width_px)]


def _sample_one(video: Path, count: int, width_px: int | None) -> list[npt.NDArray[np.uint8]]:
    with av.open(for_ffmpeg(video)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        last = max(0, stream.frames - 1)
        places = np.linspace(0, last, count) if count > 1 else np.array([last / 2])
        wanted = sorted(set(places.round().astype(int).tolist()))
        pixel_shape = stream.codec_context.sample_aspect_ratio
        found = shown(_frames_at(container, stream, wanted), pixel_shape)
        return [_sized(frame, width_px or frame.width) for frame in found]


def _frames_at(container: InputContainer, stream: VideoStream, wanted: Sequence[int]) -> Iterator[av.VideoFrame]:
    """The frames with these numbers, of a video whose frames come evenly: each from the keyframe before it on."""
    if not stream.average_rate or stream.time_base is None:
        yield from (frame for i, frame in enumerate(container.decode(stream)) if i in wanted)
        return
    length = 1 / (stream.average_rate * stream.time_base)
    for number in wanted:
        place = (stream.start_time or 0) + round(number * length)
        container.seek(place, stream=stream)
        frame = None
        for frame in container.decode(stream):
            if frame.pts is not None and frame.pts + length / 2 > place:
                break
        if frame is not None:
            yield frame


def _sized(frame: av.VideoFrame, width_px: int) -> npt.NDArray[np.uint8]:
    height_px = max(1, round(frame.height * width_px / frame.width))
    return frame.to_ndarray(format="rgb24", width=width_px, height=height_px).astype(np.uint8, copy=False)
