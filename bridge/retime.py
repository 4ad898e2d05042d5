# SPDX-License-Identifier: GPL-3.0-or-later
"""Snaps an existing edit to a song: its cuts are seen in the pictures and moved to downbeats, the song is its sound.

A shot that is too long loses its end; one that is too short is slowed down, with pictures made along the motion.
"""

import math
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.stream import VideoStream

from blender_addon.core import rules
from blender_addon.core.conform import Kept, fit
from blender_addon.core.encoding import PIXEL_FORMAT, RETIMED
from blender_addon.core.timing import FRAME_RATES, frame_at
from blender_addon.core.types import Excerpt, SongAnalysis
from bridge import song as songs
from bridge.check import sound, sound_file
from bridge.check.container import Container, VideoTrack, probe
from bridge.check.cuts import CutFinder
from bridge.check.sound_measures import KNOWN_LIKENESS
from bridge.check.watching import decoded, small, upright
from bridge.common import interpolation
from bridge.common.encoding import add_video
from bridge.common.errors import BadInput
from bridge.common.files import for_ffmpeg
from bridge.common.frames import Frame
from bridge.common.progress import OnProgress
from bridge.render.join import excerpt_samples, join


@dataclass(frozen=True)
class Retimed:
    """What became of an edit."""

    video: Path
    fps: Fraction
    song_start_s: float
    shots: tuple[Kept, ...]
    left_out: int
    """shots for which the song had no bar"""


@dataclass(frozen=True)
class _Edited:
    """`Part` of `bridge.render.join`: the new pictures, without sound."""

    path: Path
    frame_count: int


def retime(
    video: Path, song: Path, out: Path, analysis: SongAnalysis | None = None, on_progress: OnProgress | None = None
) -> Retimed:
    """Moves a video's cuts to the song's downbeats and puts the song under it.

    Args:
        video: any edit; its own sound tells where in the song it starts, if it is that song.
        song: the song.
        out: the MP4 file to write: H.264 High, AAC, the index first. An existing one stays until the new one is whole.
        analysis: the song's grid; analysed here if it isn't given.
        on_progress: is told how far it is (0-1) and what is being done.

    Raises:
        BadInput: a file cannot be read or written, or no bars are heard in the song.
    """
    tell: OnProgress = on_progress or _say_nothing
    if out.suffix.lower() != ".mp4":
        raise BadInput(f"The output is an MP4 file: give it a name that ends in .mp4, not {out.name!r}.")
    if any(out.exists() and given.exists() and out.samefile(given) for given in (video, song)):
        raise BadInput(f"The output {out} is one of the inputs; name another file with -o.")
    container = probe(video)
    grid = analysis or songs.analyze(song)
    if not rules.has_bars(grid):
        raise BadInput(f"No bars are heard in {song.name}, so there are no downbeats to cut on; choose another song.")
    fps = min(FRAME_RATES, key=lambda rate: abs(rate - container.video.fps))
    steady = fps if container.video.jitter_s > 0.5 / float(fps) else None
    track = replace(container.video, fps=fps) if steady else container.video
    edges = _edges(video, track, steady, lambda done: tell(0.4 * done, "looking for cuts"))
    start_s = _song_start_s(video, song, container, grid)
    shots = fit(edges, _downbeat_frames(grid, start_s, fps), fps / track.fps)
    if not shots:
        raise BadInput(f"{song.name} is too short for {video.name}: not one shot fits into its bars.")
    length = shots[-1].new_end
    end_s = start_s + float(length / fps)
    with tempfile.TemporaryDirectory(prefix="beatboard-") as scratch:
        pictures = Path(scratch) / "pictures.mp4"
        frames = _frames(decoded(video, constant_fps=steady), track, shots, fps)
        _encode(frames, fps, pictures, lambda i: tell(0.4 + 0.55 * i / length, "moving the cuts"))
        excerpt = Excerpt(start_s, end_s, fades_out=end_s < grid.duration_s - 0.1)
        join([_Edited(pictures, length)], fps, excerpt_samples(song, excerpt, length / fps), out)
    tell(1.0, "done")
    return Retimed(out, fps, start_s, shots, len(edges) - 1 - len(shots))


def _edges(video: Path, track: VideoTrack, steady: Fraction | None, tell: Callable[[float], None]) -> list[int]:
    finder = CutFinder(float(track.fps))
    count = 0
    for count, frame in enumerate(decoded(video, constant_fps=steady), start=1):
        finder.push(count - 1, small(frame))
        tell(count / max(count, track.frame_count))
    if not count:
        raise BadInput(f"No picture of {video.name} can be decoded; export it again, as H.264 in MP4.")
    return [0, *finder.finish(), count]


def _song_start_s(video: Path, song: Path, container: Container, grid: SongAnalysis) -> float:
    """The downbeat with which the video starts: the nearest to where its sound is in the song, or the song's first."""
    downbeats = grid.downbeats_s
    heard = sound_file.read(video) if container.sound else None
    known = sound_file.read(song)
    if heard is None or known is None:
        return downbeats[0]
    samples = known.at(sound.RATE_HZ)
    sign = sound.middle_or_sides(samples)
    place = sound.place(sound.mixed(heard.at(sound.RATE_HZ), sign), sound.mixed(samples, sign))
    if place is None or place.likeness < KNOWN_LIKENESS:
        return downbeats[0]
    found_s = place.song_start_s + container.video.start_s - heard.start_s
    return min(downbeats, key=lambda time_s: abs(time_s - found_s))


def _downbeat_frames(grid: SongAnalysis, start_s: float, fps: Fraction) -> list[int]:
    """The downbeats from the video's start on; the last bar ends a bar later if the song lasts that long."""
    times = [time_s for time_s in grid.downbeats_s if time_s >= start_s]
    bar_s = float(np.median(np.diff(grid.downbeats_s)))
    if times[-1] + bar_s <= grid.duration_s + 0.05:
        times.append(times[-1] + bar_s)
    return [frame_at(time_s - start_s, fps) for time_s in times]


def _frames(old: Iterator[av.VideoFrame], track: VideoTrack, shots: Sequence[Kept], fps: Fraction) -> Iterator[Frame]:
    """The new edit's pictures, in one pass over the old one's."""
    reel = _Reel(old)
    rate = float(track.fps / fps)
    for shot in shots:
        count, last = shot.new_end - shot.new_start, shot.old_end - 1
        spare = shot.old_end - shot.old_start >= count * rate - 0.5
        step = rate if spare else (last - shot.old_start) / max(1, count - 1)
        for i in range(count):
            at = min(float(last), shot.old_start + i * step)
            yield reel.at(float(round(at)) if spare else at)


class _Reel:
    """A video's pictures at places between its frames, asked for in order."""

    def __init__(self, frames: Iterator[av.VideoFrame]) -> None:
        self._frames = frames
        self._index = -1
        self._before: Frame | None = None
        self._after: Frame | None = None

    def at(self, place: float) -> Frame:
        """The picture at a place, in frames; between two frames it is made along the motion."""
        whole = math.floor(place + 1e-6)
        while self._index < whole:
            self._before = self._after if self._after is not None else self._next()
            self._after = None
            self._index += 1
        assert self._before is not None
        part = place - whole
        if part < 1e-3:
            return self._before
        if self._after is None:
            self._after = self._next()
        return interpolation.between(self._before, self._after, [part])[0]

    def _next(self) -> Frame:
        frame = next(self._frames)
        return upright(frame, frame.rotation)


def _encode(frames: Iterator[Frame], fps: Fraction, path: Path, tell: Callable[[float], None]) -> None:
    """H.264 High, BT.709, without sound."""
    stream: VideoStream | None = None
    with av.open(for_ffmpeg(path), "w") as container:
        for i, rgb in enumerate(frames):
            even = rgb[: rgb.shape[0] // 2 * 2, : rgb.shape[1] // 2 * 2]
            if stream is None:
                stream = add_video(container, (even.shape[1], even.shape[0]), fps, RETIMED)
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(even), format="rgb24")
            yuv = picture.reformat(format=PIXEL_FORMAT, dst_colorspace="ITU709", dst_color_range="MPEG")
            yuv.pts, yuv.time_base = i, 1 / fps
            container.mux(stream.encode(yuv))
            tell(i + 1)
        if stream is not None:
            container.mux(stream.encode(None))


def _say_nothing(progress: float, stage: str) -> None:
    """Nobody asked."""
