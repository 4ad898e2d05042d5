# SPDX-License-Identifier: GPL-3.0-or-later
"""Renders the segments that are missing, on several Blender processes; a process that dies is started again."""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blender_addon.core import encoding
from blender_addon.core.code_version import code_version
from blender_addon.core.types import Graded
from bridge.common import encoding as streams
from bridge.common import files
from bridge.common.cores import cores
from bridge.common.errors import RenderFailed
from bridge.common.progress import OnProgress
from bridge.render import encode, footage
from bridge.render.blender import Blender, Died, Farm
from bridge.render.footage import Baked, encode_rest, is_at_rest

if TYPE_CHECKING:
    from bridge.render.cluster import ClusterFarm

SOURCES = tuple(Path(str(module.__file__)) for module in (encode, footage, encoding, streams))
"""the code that shapes what is encoded here; Blender's own part is in the segment's name"""
ATTEMPTS = 3
"""how often a segment is begun before its failure is the render's"""
KEEP_BYTES = 8 * 2**30
"""how much of older renders stays in the working folder"""
WORKER_PIXELS = 60 * 1920 * 1080
"""how many of all frames together take about as long as it takes to start a process"""
WORKER_BYTES = 1_000_000_000
"""what one process needs at 1080p"""
CHECKED_SEGMENTS = 3
"""how many segments made by the grade's table are compared with Blender's own picture"""
_TICK_S = 0.2


@dataclass(frozen=True)
class Segment:
    """Scene frames [start, end), rendered or to be rendered to `path`."""

    start: int
    end: int
    path: Path
    movie: dict[str, Any] | None = None
    """the clip that alone is seen, if one is: `path`, `first_frame`, `width_px`, `height_px`"""
    graded: Graded = Graded.WHOLLY
    rests: bool = False
    """the shot says that the picture rests here"""
    by_table: bool = False
    """the clip and the grade's table give the picture"""

    @property
    def frame_count(self) -> int:
        return self.end - self.start


@dataclass(frozen=True)
class Output:
    """What is to be made of the edit."""

    width_px: int
    height_px: int
    fps: Fraction
    draft: bool = False
    by_blender: bool = False
    """each frame, also where the grade's table gives the same picture"""
    scene: str = ""
    """the one that the file was saved in by default"""
    master: bool = False
    """to be encoded in another codec afterwards"""

    @property
    def x264(self) -> encoding.X264:
        """What it is encoded with, here and by Blender."""
        if self.master:
            return encoding.MASTER
        return encoding.DRAFT if self.draft else encoding.DELIVERABLE


class NotAlike(RenderFailed):
    """The grade's table doesn't give what Blender gives."""


def render_segments(
    farm: Farm,
    blend: Path,
    work_dir: Path,
    output: Output,
    *,
    workers: int | None,
    on_progress: OnProgress,
    cluster: ClusterFarm | None = None,
) -> tuple[list[Segment], int]:
    """Renders what is not there yet, on the cluster if there is one.

    Where nothing but a clip and the grade is seen, Blender gives the grade as a table, which is applied while encoding,
    and a few frames to prove that it looks alike.

    Returns:
        all segments in order, and how many of them had to be rendered.

    Raises:
        RenderFailed: a segment could not be rendered.
        Cancelled: as `report` raised it.
    """
    folder = work_dir / "segments"
    files.check_writable(folder / "segment.mp4")
    opening = {"do": "open", "blend": str(blend.absolute()), "scene": output.scene, "draft": output.draft}
    opening |= {"master": output.master}
    blender = farm.take()
    segments = [_segment(found, folder, output) for found in blender.ask(opening)["segments"]]
    missing = list({segment.path: segment for segment in segments if not segment.path.exists()}.values())
    for segment in segments:
        if segment.path.exists():
            os.utime(segment.path)
    if missing:
        crew = _Crew(cluster or farm, opening, missing, output, on_progress)
        if cluster:
            cluster.carry(blend, blender.ask({"do": "about"}))
            crew.run(None, workers or cluster.seats)
        else:
            crew.run(blender, workers, folder)
    _forget_old(folder, {segment.path for segment in segments})
    return segments, len(missing)


def _segment(found: dict[str, Any], folder: Path, output: Output) -> Segment:
    graded, movie = Graded(found["graded"]), found["movie"]
    by_table = movie is not None and graded is not Graded.FADING and not output.by_blender
    path = folder / f"{found['name']}-{code_version(*SOURCES)}{'-table' if by_table else ''}"
    path = path.with_name(f"{path.name}{'-master' if output.master else ''}.mp4")
    rests = movie is not None and found["rests"]
    return Segment(found["start"], found["end"], path, movie, graded, rests, by_table)


def worker_count(pixels: int) -> int:
    """How many processes pay off: one per core, if each has work for longer than it takes to start and memory to do it.

    One process keeps 1.8 of two cores busy, since parts of a frame's way are serial; two keep both.

    Args:
        pixels: of all frames together.
    """
    import psutil

    by_memory = int(psutil.virtual_memory().available // WORKER_BYTES)
    return max(1, min(cores(), by_memory, pixels // WORKER_PIXELS))


class _Crew:
    """Threads that each lead one Blender process through the queue of segments."""

    def __init__(
        self, farm: Farm, opening: dict[str, object], segments: list[Segment], output: Output, on_progress: OnProgress
    ) -> None:
        self._farm = farm
        self._opening = opening
        self._output = output
        self._on_progress = on_progress
        self._todo: queue.SimpleQueue[tuple[Segment, int]] = queue.SimpleQueue()
        self._frames = {segment.path: 0 for segment in segments}
        self._open = {segment.path: segment for segment in segments}
        self._total = sum(segment.frame_count for segment in segments)
        self._failure: BaseException | None = None
        self._changed = threading.Condition()
        self._started = time.monotonic()

    def run(self, first: Blender | None, count: int | None, folder: Path | None = None) -> None:
        """Returns when every segment is there; raises the first failure, or what the report raises.

        Args:
            first: a Blender with the edit open; without one, all are opened here, and make all segments.
            count: how many processes; as many as pay off if it is None.
            folder: for the grade's table.
        """
        segments = sorted(self._open.values(), key=lambda segment: -segment.frame_count)
        tabled = [segment for segment in segments if first and folder and segment.by_table]
        own = [segment for segment in segments if segment not in tabled]
        for segment in own:
            self._todo.put((segment, 1))
        frames = sum(segment.frame_count for segment in own)
        count = count or worker_count(frames * self._output.width_px * self._output.height_px)
        leads = [partial(self._lead, blender) for blender in [first, *[None] * (count - 1)][: max(1, len(own))]]
        if not (tabled and first and folder):
            self._together(leads, segments)
            return
        cube = folder / f".grade~{os.getpid()}.cube"
        try:
            baked = self._baked(first, tabled, cube)
            proof: Future[bool] = Future()
            leads[0] = partial(self._prove, first, baked, tabled, proof)
            encoding = partial(self._encode, baked, iter(tabled), proof)
            self._together([*leads, *[encoding] * cores()], segments)
        finally:
            cube.unlink(missing_ok=True)

    def _baked(self, blender: Blender, segments: Sequence[Segment], cube: Path) -> dict[Graded, Baked]:
        """What makes segments without Blender, with the grade and without it."""
        if any(segment.graded is Graded.WHOLLY for segment in segments):
            blender.ask({"do": "bake", "path": str(cube)})
        size = self._output
        return {
            graded: Baked(table, size.width_px, size.height_px, size.fps, size.x264)
            for graded, table in ((Graded.WHOLLY, cube), (Graded.NOT, None))
        }

    def _encode(self, baked: Mapping[Graded, Baked], todo: Iterator[Segment], proof: Future[bool]) -> None:
        """Makes one segment after the other, beside others like it; none is there before the proof is.

        `next` of a list's iterator is whole under the interpreter's lock.
        """

        def proven() -> None:
            if not proof.result():
                raise NotAlike

        for segment in todo:
            try:
                on_frames = partial(self._note, segment)
                baked[segment.graded].encode(segment.movie or {}, segment.frame_count, segment.path, on_frames, proven)
            except NotAlike:
                return
            self._finish(segment)

    def _prove(
        self, blender: Blender, baked: Mapping[Graded, Baked], segments: Sequence[Segment], proof: Future[bool]
    ) -> None:
        """Compares a few frames, then leads the Blender on, also through the segments if the table won't do."""
        try:
            blender, alike = self._compared(blender, baked, segments[:: -(-len(segments) // CHECKED_SEGMENTS)])
            if not alike:
                for segment in segments:
                    self._todo.put((segment, 1))
            proof.set_result(alike)
        except Exception as error:
            proof.set_exception(error)  # whoever waits for it must not wait for ever
            raise
        self._lead(blender)

    def _compared(
        self, blender: Blender, baked: Mapping[Graded, Baked], segments: Sequence[Segment]
    ) -> tuple[Blender, bool]:
        """Whether the table gives a frame of each; and the Blender that was asked last, as one may die."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return blender, all(self._is_alike(blender, baked[segment.graded], segment) for segment in segments)
            except Died:
                self._farm.drop(blender)
                if attempt == ATTEMPTS:
                    raise
                blender = self._opened()
        raise AssertionError("the last attempt returns or raises")

    def _is_alike(self, blender: Blender, baked: Baked, segment: Segment) -> bool:
        at = segment.frame_count // 2
        with self._still(blender, segment, segment.start + at) as still:
            return baked.matches(segment.movie or {}, at, still)

    def _together(self, leads: Sequence[Callable[[], None]], segments: Sequence[Segment]) -> None:
        """Runs the leads as threads until these segments are there; after a failure none of them runs any more."""
        threads = [threading.Thread(target=self._guarded, args=(lead,), daemon=True) for lead in leads]
        for thread in threads:
            thread.start()
        paths = {segment.path for segment in segments}
        try:
            while self._wait_for_any(paths):
                self._tell()
        except BaseException as error:
            self._failure = self._failure or error  # the threads stop at their next frame
            self._farm.close()  # and wait for no Blender
            for thread in threads:
                thread.join()
            raise

    def _wait_for_any(self, paths: set[Path]) -> bool:
        with self._changed:
            self._changed.wait(_TICK_S)
            if self._failure:
                raise self._failure
            return bool(paths & self._open.keys())

    def _guarded(self, lead: Callable[[], None]) -> None:
        try:
            lead()
        except Exception as error:  # noqa: BLE001 -- a thread's edge: raised again in `_together`
            with self._changed:
                self._failure = self._failure or error
                self._changed.notify()

    def _tell(self) -> None:
        with self._changed:
            done = sum(self._frames.values())
        self._on_progress(0.03 + 0.94 * done / self._total, _stage(done, self._total, time.monotonic() - self._started))

    def _lead(self, blender: Blender | None) -> None:
        while self._failure is None and not self._todo.empty():
            blender = blender or self._opened()
            try:
                segment, attempt = self._todo.get_nowait()
            except queue.Empty:
                break
            if not self._render(blender, segment, attempt):
                blender = None
        if blender:
            self._farm.give_back(blender)

    def _opened(self) -> Blender:
        """A process with the edit open. It has no segment yet: on a cluster it may have to wait for its place."""
        for attempt in range(1, ATTEMPTS + 1):
            blender = self._farm.take()
            try:
                blender.ask(self._opening)
                return blender
            except Died:
                self._farm.drop(blender)
                if attempt == ATTEMPTS:
                    raise
        raise AssertionError("the last attempt returns or raises")

    def _render(self, blender: Blender, segment: Segment, attempt: int) -> bool:
        """Renders one segment; False if the process died of it, and the segment is to be begun again."""
        try:
            if not (segment.rests and self._encoded_rest(blender, segment)):
                self._ask(blender, segment.start, segment.end, segment.path, partial(self._note, segment))
        except Died:
            self._farm.drop(blender)
            if attempt == ATTEMPTS:
                raise
            self._note(segment, 0)
            self._todo.put((segment, attempt + 1))
            return False
        self._finish(segment)
        return True

    def _encoded_rest(self, blender: Blender, segment: Segment) -> bool:
        """Repeats one frame, if the movie rests; it is looked through while Blender renders that frame."""
        with ThreadPoolExecutor(1) as pool:
            looked = pool.submit(self._is_at_rest, segment)
            with self._still(blender, segment, segment.end - 1) as still:
                if is_at_rest := looked.result():
                    encode_rest(still, segment.path, segment.frame_count, self._output.fps, self._output.x264)
                return is_at_rest

    def _is_at_rest(self, segment: Segment) -> bool:
        movie = segment.movie or {}
        return is_at_rest(Path(movie["path"]), movie["first_frame"], segment.frame_count)

    @contextmanager
    def _still(self, blender: Blender, segment: Segment, frame: int) -> Iterator[Path]:
        """One frame as Blender hands it to the encoder, for as long as the block runs."""
        still = segment.path.with_name(f".{segment.path.stem}-still~{os.getpid()}.mp4")
        try:
            self._ask(blender, frame, frame + 1, still, lossless=True)
            yield still
        finally:
            still.unlink(missing_ok=True)

    def _ask(
        self,
        blender: Blender,
        start: int,
        end: int,
        path: Path,
        on_frame: Callable[[int], None] | None = None,
        *,
        lossless: bool = False,
    ) -> None:
        job = {"do": "render", "start": start, "end": end, "path": str(path), "lossless": lossless}
        blender.ask(job, on_frame)

    def _note(self, segment: Segment, frames: int) -> None:
        if self._failure:
            raise self._failure
        with self._changed:
            self._frames[segment.path] = frames

    def _finish(self, segment: Segment) -> None:
        with self._changed:
            del self._open[segment.path]
            self._frames[segment.path] = segment.frame_count
            self._changed.notify()


def _stage(done: int, total: int, elapsed_s: float) -> str:
    if not done:
        return f"rendering {total} frames"
    left_s = elapsed_s / done * (total - done)
    return f"frame {done} of {total}, {left_s // 60:.0f}:{left_s % 60:02.0f} left"


def _forget_old(folder: Path, used: set[Path]) -> None:
    """Deletes the segments that were not used for longest, beyond `KEEP_BYTES`."""
    kept = 0
    for path in sorted(folder.glob("*.mp4"), key=lambda path: -path.stat().st_mtime):
        kept += path.stat().st_size
        if kept > KEEP_BYTES and path not in used:
            path.unlink(missing_ok=True)


def forget_unfinished(work_dir: Path) -> None:
    """Deletes what processes that were killed had begun to write."""
    for path in (work_dir / "segments").glob(".*~*"):
        if not _is_running(path):
            path.unlink(missing_ok=True)


def _is_running(unfinished: Path) -> bool:
    """Whether the process whose number is in a temporary name is still there."""
    import psutil

    number = unfinished.name.rsplit("~", 1)[1].split(".")[0]
    return number.isdigit() and psutil.pid_exists(int(number))
