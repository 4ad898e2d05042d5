# SPDX-License-Identifier: GPL-3.0-or-later
"""The painter and the animator `footage`: a clip of the user's own, trimmed, retimed and reframed for the shot.

The request's `cover_sha256` names the clip's file. The file itself is only read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter1d

from blender_addon.core.types import ClipRequest
from bridge.clips import options
from bridge.clips.base import Footage, Still, Work
from bridge.common.errors import BadInput
from bridge.common.files import for_ffmpeg
from bridge.common.frames import Frame
from bridge.common.shown_frames import shown

SPEEDS = (0.8, 1.25)
"""how much slower or faster a clip may run: beyond this, people and water look it"""
LONGEST_S = 36_000.0
_LOOK_EVERY_S = 0.4
_LOOK_WIDTH_PX = 480
_SMOOTH_S = 0.8
"""the frame follows the subject no faster than a calm hand: the width of the smoothing, as a standard deviation"""

OPTIONS = (
    options.number("from", "where in the clip the shot begins, in seconds", 0.0, LONGEST_S, 0.0),
    options.number("to", "where it ends; the clip is retimed a little to fit", 0.0, LONGEST_S, automatic="as needed"),
    options.text("crop", "the part that is used: left, top, width, height, as shares of the picture", "0,0,1,1"),
)


class FootagePainter:
    """Gives a picture of the clip, for animators that begin with one."""

    version = "1"

    def paint(self, requests: Sequence[ClipRequest], work: Work) -> Iterator[Still]:
        """The first picture that each shot shows."""
        for request in requests:
            work.report(0.0, "reading your clip")
            part = _part(request, work.file(request.cover_sha256))
            yield Still(next(_pictures(part, request.fps)))


class FootageAnimator:
    """Plays the clip."""

    version = "1"

    def animate(self, request: ClipRequest, still: Still, work: Work) -> Footage:  # noqa: ARG002 -- it plays by itself
        """The part of the clip that the shot shows, in the frame's shape.

        Raises:
            BadInput: the file is no video, or has too little for the shot.
        """
        part = _part(request, work.file(request.cover_sha256))
        path = _subject_path(part, request, work)
        return Footage(_framed(part, request, path), part.frame_count, request.fps, holds=False)


@dataclass(frozen=True)
class _Part:
    """What of a clip is used."""

    path: Path
    start_s: float
    frame_count: int
    """at the shot's rate and the clip's own speed"""
    crop: tuple[float, float, float, float]


def _part(request: ClipRequest, path: Path) -> _Part:
    values = options.of(request, OPTIONS)
    start_s, length_s = values.number("from"), _length_s(path)
    end_s = min(values.number("to", LONGEST_S), length_s)
    wanted = request.frame_count - request.hold_frames
    wanted_s, there_s = float(wanted / request.fps), end_s - start_s
    if there_s < wanted_s * SPEEDS[0] - float(1 / request.fps):
        raise BadInput(
            f"{request.shot_id} lasts {wanted_s:.1f} s, and your clip has {max(0.0, there_s):.1f} s from "
            f"{start_s:.1f} s on; it can run at {SPEEDS[0]} of its speed, not slower: choose an earlier place or "
            "another clip."
        )
    used_s = min(there_s, wanted_s * SPEEDS[1] if values.has("to") else wanted_s)
    return _Part(path, start_s, max(1, round(used_s * request.fps)), read_crop(values.text("crop")))


def read_crop(text: str) -> tuple[float, float, float, float]:
    """Left, top, width and height as shares of the picture.

    Raises:
        BadInput: they are no part of it.
    """
    try:
        left, top, width, height = (float(value) for value in text.split(","))
    except ValueError:
        left = top = width = height = -1.0
    if min(left, top) < 0 or min(width, height) <= 0.01 or max(left + width, top + height) > 1.0001:
        raise BadInput(
            f"The crop {text!r} is not part of a picture; write left, top, width, height, as in 0.2,0,0.6,1."
        )
    return left, top, width, height


def _length_s(path: Path) -> float:
    try:
        with av.open(for_ffmpeg(path)) as container:
            stream = container.streams.video[0]
            if stream.duration is not None and stream.time_base is not None:
                return float(stream.duration * stream.time_base)
            return float((container.duration or 0) / av.time_base)
    except (av.error.FFmpegError, IndexError, OSError):
        raise BadInput("One of your clips can't be read as a video; try to play it, or name another file.") from None


def _pictures(part: _Part, fps: Fraction) -> Iterator[Frame]:
    """The pictures from the part's start on, upright and cropped, at the shot's rate."""
    with av.open(for_ffmpeg(part.path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        zero_s = float((stream.start_time or 0) * (stream.time_base or 0))
        container.seek(int((zero_s + part.start_s) * av.time_base), backward=True)
        after = (
            frame
            for frame in container.decode(stream)
            if (frame.time or 0.0) - zero_s >= part.start_s - 0.5 / float(fps)
        )
        for frame in shown(after, stream.codec_context.sample_aspect_ratio, fps):
            picture = np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
            turned = np.rot90(picture, round(frame.rotation / 90) % 4)
            height, width = turned.shape[:2]
            left, top, wide, high = part.crop
            yield np.ascontiguousarray(
                turned[
                    round(top * height) : round((top + high) * height),
                    round(left * width) : round((left + wide) * width),
                ]
            )


def _subject_path(part: _Part, request: ClipRequest, work: Work) -> npt.NDArray[np.float64]:
    """Where the frame's middle is on each picture, as shares of its width and height: shape (frames, 2)."""
    from bridge.cover.faces import find_faces
    from bridge.cover.subject import subject_box

    step = max(1, round(_LOOK_EVERY_S * request.fps))
    places: list[tuple[int, float, float]] = []
    for number, picture in enumerate(_pictures(part, request.fps)):
        if number >= part.frame_count:
            break
        if number % step:
            continue
        work.report(0.0, "following the subject")
        scale = max(1, picture.shape[1] // _LOOK_WIDTH_PX)
        small = np.ascontiguousarray(picture[::scale, ::scale])
        faces = find_faces(small)
        box = faces[0].box if faces else subject_box(small)
        height, width = small.shape[:2]
        places.append((number, (box.left_px + box.width_px / 2) / width, (box.top_px + box.height_px / 2) / height))
    if not places:
        raise BadInput("One of your clips has no picture from this time on; choose an earlier one.")
    numbers, x, y = zip(*places, strict=True)
    every = np.arange(part.frame_count)
    path = np.stack([np.interp(every, numbers, x), np.interp(every, numbers, y)], axis=1)
    return np.asarray(gaussian_filter1d(path, _SMOOTH_S * float(request.fps), axis=0, mode="nearest"), np.float64)


def _framed(part: _Part, request: ClipRequest, path: npt.NDArray[np.float64]) -> Iterator[Frame]:
    """As many pictures as promised, each cut to the frame's shape around the subject; the last one again if need be."""
    number, last = 0, None
    for number, picture in enumerate(_pictures(part, request.fps)):
        if number == part.frame_count:
            return
        height, width = picture.shape[:2]
        scale = min(width / request.width_px, height / request.height_px)
        size = (round(request.width_px * scale), round(request.height_px * scale))
        left, top = (
            round(min(max(path[number, axis] * whole - side / 2, 0), whole - side))
            for axis, (whole, side) in enumerate(zip((width, height), size, strict=True))
        )
        last = np.ascontiguousarray(picture[top : top + size[1], left : left + size[0]])
        yield last
    if last is not None:  # a stream that is a little shorter than its file says
        yield from (last for _ in range(part.frame_count - number - 1))
