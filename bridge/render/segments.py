# SPDX-License-Identifier: GPL-3.0-or-later
"""Renders the segments that are missing, on several Blender processes; a process that dies is started again."""

from __future__ import annotations

import os
import queue
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from bridge import files
from bridge.console import Report
from bridge.render.blender import Blender, Died, Farm

ATTEMPTS = 3
"""how often a segment is begun before its failure is the render's"""
KEEP_BYTES = 8 * 2**30
"""how much of older renders stays in the working folder"""
WORKER_BYTES = 1_000_000_000
"""what one process needs at 1080p"""
_TICK_S = 0.2


@dataclass(frozen=True)
class Segment:
    """Scene frames [start, end), rendered or to be rendered to `path`."""

    start: int
    end: int
    path: Path

    @property
    def frame_count(self) -> int:
        return self.end - self.start


def render_segments(
    farm: Farm, blend: Path, work_dir: Path, *, workers: int | None, draft: bool, report: Report
) -> tuple[list[Segment], int]:
    """Renders what is not there yet.

    Returns:
        all segments in order, and how many of them had to be rendered.

    Raises:
        RenderFailed: a segment could not be rendered.
        Cancelled: as `report` raised it.
    """
    folder = work_dir / "segments"
    files.check_writable(folder / "segment.mp4")
    opening = {"do": "open", "blend": str(blend.absolute()), "draft": draft}
    blender = farm.take()
    found = blender.ask(opening)
    segments = [Segment(each["start"], each["end"], folder / f"{each['name']}.mp4") for each in found]
    missing = list({each.path: each for each in segments if not each.path.exists()}.values())
    for segment in segments:
        if segment.path.exists():
            os.utime(segment.path)
    if missing:
        crew = _Crew(farm, opening, missing)
        crew.run(blender, min(workers or worker_count(), len(missing)), report)
    _forget_old(folder, {segment.path for segment in segments})
    return segments, len(missing)


def worker_count() -> int:
    """How many processes pay off here: one per two cores or so, as many as fit into the memory."""
    import psutil

    by_memory = int(psutil.virtual_memory().available // WORKER_BYTES)
    return max(1, min(len(os.sched_getaffinity(0)), by_memory))


class _Crew:
    """Threads that each lead one Blender process through the queue of segments."""

    def __init__(self, farm: Farm, opening: dict[str, object], segments: list[Segment]) -> None:
        self._farm = farm
        self._opening = opening
        self._todo: queue.SimpleQueue[tuple[Segment, int]] = queue.SimpleQueue()
        for segment in sorted(segments, key=lambda segment: -segment.frame_count):
            self._todo.put((segment, 1))
        self._frames = {segment.path: 0 for segment in segments}
        self._total = sum(segment.frame_count for segment in segments)
        self._open = len(segments)
        self._failure: Exception | None = None
        self._changed = threading.Condition()

    def run(self, first: Blender, count: int, report: Report) -> None:
        """Returns when every segment is there; raises the first failure, or what `report` raises."""
        started = time.monotonic()
        for index in range(count):
            threading.Thread(target=self._lead, args=(first if index == 0 else None,), daemon=True).start()
        while True:
            with self._changed:
                self._changed.wait(_TICK_S)
                failure, is_open, done = self._failure, self._open, sum(self._frames.values())
            if failure:
                raise failure
            if not is_open:
                return
            report(0.03 + 0.94 * done / self._total, _stage(done, self._total, time.monotonic() - started))

    def _lead(self, blender: Blender | None) -> None:
        try:
            while self._failure is None:
                try:
                    segment, attempt = self._todo.get_nowait()
                except queue.Empty:
                    break
                blender = self._render(blender, segment, attempt)
            if blender:
                self._farm.give_back(blender)
        except Exception as error:  # noqa: BLE001 -- a thread's edge: raised again in `run`
            with self._changed:
                self._failure = self._failure or error
                self._changed.notify()

    def _render(self, blender: Blender | None, segment: Segment, attempt: int) -> Blender | None:
        """Renders one segment; gives the process for the next one, or None if it died."""
        try:
            if blender is None:
                blender = self._farm.take()
                blender.ask(self._opening)
            job = {"do": "render", "start": segment.start, "end": segment.end, "path": str(segment.path)}
            blender.ask(job, lambda frames: self._note(segment, frames))
        except Died:
            if blender:
                self._farm.drop(blender)
            if attempt == ATTEMPTS:
                raise
            self._note(segment, 0)
            self._todo.put((segment, attempt + 1))
            return None
        with self._changed:
            self._open -= 1
            self._frames[segment.path] = segment.frame_count
            self._changed.notify()
        return blender

    def _note(self, segment: Segment, frames: int) -> None:
        with self._changed:
            self._frames[segment.path] = frames


def _stage(done: int, total: int, elapsed_s: float) -> str:
    if not done:
        return f"rendering {total} frames"
    left_s = elapsed_s / done * (total - done)
    return f"frame {done} of {total}, {left_s // 60:.0f}:{left_s % 60:02.0f} left"


def _forget_old(folder: Path, used: set[Path]) -> None:
    """Deletes the segments that were not used for longest, beyond `KEEP_BYTES`, and what killed renders left."""
    kept = 0
    for path in sorted(folder.glob("*.mp4"), key=lambda path: -path.stat().st_mtime):
        kept += path.stat().st_size
        if kept > KEEP_BYTES and path not in used:
            path.unlink(missing_ok=True)
    for path in folder.glob(".*~*"):
        if not _is_running(path):
            path.unlink(missing_ok=True)


def _is_running(unfinished: Path) -> bool:
    """Whether the process whose number is in a temporary name is still there."""
    number = unfinished.name.rsplit("~", 1)[1].split(".")[0]
    return number.isdigit() and Path(f"/proc/{number}").exists()
