# SPDX-License-Identifier: GPL-3.0-or-later
"""The small interface behind every executor: what makes clips somewhere, and tells how it goes."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from blender_addon.core.types import Clip, ClipRequest

MAKE_CLIP = "bridge.clips.make_clip:make_clip"
"""module:function of `make_clip(request, store, work) -> Clip`; tests name a faster one"""


class DeviceKind(StrEnum):
    """What an engine needs to run on."""

    CPU = "cpu"
    GPU = "gpu"


@dataclass(frozen=True, slots=True)
class Device:
    """Where clips are made: a worker's device."""

    kind: DeviceKind
    index: int
    model: str
    """as in "NVIDIA H100 80GB HBM3"; speeds are kept per model"""
    worker: int = 0
    """a device with memory for two models has two workers: while one finishes a shot, the other films the next"""

    @property
    def name(self) -> str:
        """As in "gpu0", and "gpu0-1" for its second worker."""
        return f"{self.kind}{self.index}" + (f"-{self.worker}" if self.worker else "")


@dataclass(frozen=True, slots=True)
class Task:
    """One attempt at one job."""

    job_id: str
    request: ClipRequest
    memory_level: int = 0
    siblings: tuple[ClipRequest, ...] = ()
    painters: int = 1
    """see `bridge.clips.base.Work` for these; the executor knows the last"""


class EventKind(StrEnum):
    """What happened to a task. All but the first are its last event."""

    PROGRESS = "progress"
    DONE = "done"
    REFUSED = "refused"
    """it cannot be made as asked; trying again won't help"""
    OUT_OF_MEMORY = "out-of-memory"
    CRASHED = "crashed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Event:
    """News of a task. A task has any number of `PROGRESS` and then exactly one other."""

    job_id: str
    kind: EventKind
    progress: float = 0.0
    stage: str = ""
    preview: str = ""
    """a small JPEG, in base64"""
    clip: Clip | None = None
    message: str = ""
    device: str = ""
    """the model of the device that did it"""
    peak_memory_bytes: int = 0


class Executor(Protocol):
    """Makes clips somewhere. Events come from any thread, through the callback that its constructor was given."""

    def free_kinds(self) -> tuple[DeviceKind, ...]:
        """The kinds of device on which a task can start right now."""
        ...

    def start(self, task: Task, kind: DeviceKind) -> None:
        """Starts a task on a free device of this kind."""
        ...

    def cancel(self, job_id: str) -> None:
        """Stops a task soon, and frees its memory. Its last event follows as ever."""
        ...

    def tend(self) -> None:
        """Called about every second: stops what hangs or idles."""
        ...

    def close(self) -> None:
        """Stops everything now. Nothing that it started is left running."""
        ...
