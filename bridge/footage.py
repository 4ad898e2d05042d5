# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames out of video files, by PyAV."""

from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

SAMPLE_WIDTH_PX = 320


def sample(videos: Sequence[Path], per_video: int = 3) -> list[npt.NDArray[np.uint8]]:
    """A few small frames of each video, evenly spread from its first to its last.

    Returns:
        arrays of shape (height, `SAMPLE_WIDTH_PX`, 3), sRGB.
    """
    return [frame for video in videos for frame in _sample_one(video, per_video)]


def _sample_one(video: Path, count: int) -> list[npt.NDArray[np.uint8]]:
    with av.open(str(video)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        wanted = set(np.linspace(0, max(0, stream.frames - 1), count).round().astype(int).tolist())
        return [_small(frame) for i, frame in enumerate(container.decode(stream)) if i in wanted]


def _small(frame: av.VideoFrame) -> npt.NDArray[np.uint8]:
    height_px = max(1, round(frame.height * SAMPLE_WIDTH_PX / frame.width))
    return frame.to_ndarray(format="rgb24", width=SAMPLE_WIDTH_PX, height=height_px).astype(np.uint8, copy=False)
