# SPDX-License-Identifier: GPL-3.0-or-later
"""What engines on other servers share: the frames of what they send, for as long as the shot moves."""

import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import cast

from blender_addon.core.types import ClipRequest
from bridge.clips.base import Footage
from bridge.clips.holds import moving_frames
from bridge.common.errors import GenerationFailed
from bridge.common.frames import Frame


def decoded(path: Path, request: ClipRequest, sender: str) -> list[Frame]:
    """The clip's frames that the shot uses: from its start, for as long as the moving part lasts.

    Raises:
        GenerationFailed: it is no video.
    """
    import av
    from av.error import FFmpegError

    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            rate = stream.average_rate or Fraction(24)
            count = max(2, math.ceil(moving_frames(request) / request.fps * rate))
            frames = []
            for frame in container.decode(stream):
                frames.append(cast(Frame, frame.to_ndarray(format="rgb24")))
                if len(frames) == count:
                    break
    except (FFmpegError, IndexError) as error:
        raise GenerationFailed(f"{sender} sent something that is not a video. Try again.") from error
    if not frames:
        raise GenerationFailed(f"{sender} sent a video without pictures. Try again.")
    return frames


def footage(frames: list[Frame], request: ClipRequest) -> Footage:
    """Frames that last as long as the shot's moving part; slowed down if there are too few."""
    return Footage(_each(frames), len(frames), Fraction(len(frames)) * request.fps / moving_frames(request), False)


def _each(frames: list[Frame]) -> Iterator[Frame]:
    yield from frames
