# SPDX-License-Identifier: GPL-3.0-or-later
"""Single frames out of a video, and pictures as text for a page."""

import base64
import io
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import av.container
import cv2
import numpy as np
from PIL import Image

from bridge.check.container import pictures_of
from bridge.common.errors import BadInput
from bridge.common.files import for_ffmpeg
from bridge.common.frames import Frame
from bridge.common.shown_frames import shown


def stills(video: Path, times_s: Sequence[float], width_px: int) -> list[Frame]:
    """The frames shown at some times, from the first frame's time on, each `width_px` wide; fewer if some can't be had.

    Raises:
        BadInput: the video is gone.
    """
    if not video.is_file():
        raise BadInput(f"The video {video} is gone; check it again where it is now.")
    with av.open(for_ffmpeg(video), metadata_errors="ignore") as container:
        stream = pictures_of(container)
        if stream is None or stream.time_base is None:
            return []
        stream.thread_type = "AUTO"
        start = stream.start_time or 0
        found = [_seek(container, stream, start + int(time_s / stream.time_base)) for time_s in times_s]
        pixel_shape = stream.codec_context.sample_aspect_ratio
    frames = [frame for frame in found if frame is not None]
    return [_reduced(one, width_px) for frame in frames for one in shown(iter([frame]), pixel_shape)]


def data_uri(rgb: Frame, width_px: int, quality: int = 82) -> str:
    """A picture as a JPEG in a `data:` address, at most `width_px` wide."""
    height, width = rgb.shape[:2]
    if width > width_px:
        rgb = np.asarray(
            cv2.resize(rgb, (width_px, max(1, round(height * width_px / width))), interpolation=cv2.INTER_AREA),
            np.uint8,
        )
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "JPEG", quality=quality, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def _seek(container: av.container.InputContainer, stream: av.VideoStream, pts: int) -> av.VideoFrame | None:
    """The last frame that starts no later than `pts` (with half a frame's grace)."""
    rate = stream.average_rate or Fraction(25)
    grace = int(Fraction(1, 2) / rate / (stream.time_base or Fraction(1, 1000)))
    container.seek(pts, stream=stream)
    best = None
    for frame in container.decode(stream):
        if best is not None and frame.pts is not None and frame.pts > pts + grace:
            break
        best = frame
    return best


def _reduced(frame: av.VideoFrame, width_px: int) -> Frame:
    sideways = round(frame.rotation / 90) % 2
    width, height = (frame.height, frame.width) if sideways else (frame.width, frame.height)
    size = (min(width, width_px), max(2, round(height * min(width, width_px) / width)))
    small = frame.reformat(*(size[::-1] if sideways else size), format="rgb24", interpolation="AREA")
    rgb = np.asarray(small.to_ndarray(), np.uint8)
    return np.ascontiguousarray(np.rot90(rgb, round(frame.rotation / 90) % 4))
