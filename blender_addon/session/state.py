# SPDX-License-Identifier: GPL-3.0-or-later
"""What lives as long as Blender runs, in one object; and how to get at it, at the scene and at its settings.

The object is made when the add-on is switched on and ended when it is switched off. What belongs to the file that is
open is cleared in one place, `Session.clear`. Only the main thread reads and writes it, apart from what says otherwise.
"""

import queue
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bpy

from ..client.client import Client
from ..client.feed import Feed
from ..client.process import BridgeProcess, Installation
from ..core import rules
from ..core.messages import Engines, Estimate
from ..core.types import Clip, EditPlan, Grade, Job


class Cancelled(Exception):
    """The user stopped the task."""


@dataclass
class Task:
    """One piece of work."""

    kind: str
    """at most one of a kind runs"""
    stage: str
    progress: float = 0.0
    """0-1"""
    cancelled: threading.Event = field(default_factory=threading.Event)

    def tell(self, progress: float, stage: str) -> None:
        """How far it is. Called from the task's thread.

        Raises:
            Cancelled: it is to stop.
        """
        if self.cancelled.is_set():
            raise Cancelled
        self.progress, self.stage = progress, stage


@dataclass(frozen=True)
class Trouble:
    """What went wrong with the last task of a kind."""

    sentence: str
    details: str


@dataclass
class Tasks:
    """Work in threads: see `tasks`."""

    running: dict[str, Task] = field(default_factory=dict)
    """by kind"""
    troubles: dict[str, Trouble] = field(default_factory=dict)
    """by kind"""
    results: "queue.SimpleQueue[Callable[[], Any]]" = field(default_factory=queue.SimpleQueue)
    """what threads left for the main thread"""

    def later(self, what: Callable[[], Any]) -> None:
        """Has something done on the main thread, from any thread."""
        self.results.put(what)

    def cancel_all(self) -> None:
        """Asks all to stop; nobody waits for their results any more."""
        for task in self.running.values():
            task.cancelled.set()
        self.running.clear()


@dataclass
class Connection:
    """What is known about the bridge: see `connection`."""

    installation: Installation | None = None
    """in place of the preferences': for tests and scripts"""
    make_clip: str | None = None
    """see `bridge.server.serve.serve`: for tests"""
    client: Client | None = None
    engines: Engines = field(default_factory=Engines)
    """what there is to choose; empty as long as no bridge was asked"""
    paused: bool = False
    is_lost: bool = False
    process: BridgeProcess | None = None
    feed: Feed | None = None
    revision: int = 0


@dataclass(frozen=True)
class Row:
    """What the list shows of a shot."""

    strip: str = ""
    start: int = 0
    frame_count: int = 0
    bars: str = ""
    """how long it is, in the song's bars, or in seconds"""
    act: int = 2
    state: str = "empty"
    progress: float = 0.0
    detail: str = ""
    frames_off: int = 0
    """from the nearest downbeat"""
    is_locked: bool = False
    take_count: int = 0
    take_index: int = 0
    """1-based; 0 if it shows none of its takes"""


NO_ROW = Row()


@dataclass
class Shots:
    """What the list shows, as of the last `shots.refresh`."""

    rows: dict[str, Row] = field(default_factory=dict)
    """by shot"""
    signature: Any = None
    """what the rows were made from"""
    violations: list[rules.Violation] = field(default_factory=list)
    """which of the plan's rules the timeline breaks"""
    violations_of: Any = None
    """what the violations are of"""
    jobs: dict[str, Job] = field(default_factory=dict)
    """the newest known state of each job"""
    estimate: Estimate | None = None
    """what the shots that need a clip will take, as last asked"""


@dataclass(frozen=True)
class Landing:
    """A clip that came for a scene's shot."""

    scene_uid: int
    job_id: str
    shot_id: str
    clip: Clip
    path: Path


@dataclass
class Takes:
    """Clips on their way, and what undo must not take away: see `takes`."""

    asked: dict[str, tuple[int, str]] = field(default_factory=dict)
    """the scene and the shot of each job that was asked for and that has not landed"""
    fetching: set[str] = field(default_factory=set)
    """jobs whose clips are being downloaded"""
    waiting: deque[Landing] = field(default_factory=deque)
    """clips that are there and land one by one, as the main thread has time"""
    landed: list[Landing] = field(default_factory=list)
    """in order"""
    ungraded: set[int] = field(default_factory=set)
    """scenes with clips that the grade was not fitted to yet"""
    deleted: set[Path] = field(default_factory=set)
    """the files of takes that were deleted"""


@dataclass
class Files:
    """What `file_watch` found."""

    missing: set[str] = field(default_factory=set)
    """paths, as the scene names them, of files that are not there"""
    stamps: dict[str, str] = field(default_factory=dict)
    """the present stamps of song and cover, by their paths"""
    looking: threading.Lock = field(default_factory=threading.Lock)
    """held by the thread that looks"""
    relative_to: Path | None = None
    """while a file is saved: the folder that our paths are relative to"""


@dataclass(frozen=True)
class Measured:
    """How a video did."""

    video: Path
    page: Path
    passed: int
    failures: tuple[str, ...]


@dataclass(frozen=True)
class Planned:
    """A plan that waits for the editor's yes, and the song as WAV."""

    edit: EditPlan
    wav: Path


@dataclass
class Pace:
    """When each thing was done last, and how long Blender is busy after a redraw was asked for: see `timer`."""

    redrawn_at_s: float = 0.0
    reconnected_at_s: float = 0.0
    watched_at_s: float = 0.0
    fetched_at_s: float = 0.0
    cost_s: float = 0.0
    is_drawing: bool = False
    is_due: bool = False
    """something is to be shown at the next redraw"""


@dataclass
class Session:
    """All of it. What is keyed by a number goes by the scene's `session_uid`."""

    synchronous: bool = False
    """run everything in the caller: without a window"""
    secrets: dict[str, str] = field(default_factory=dict)
    """environment variables for the bridge's process: in memory alone"""
    connection: Connection = field(default_factory=Connection)
    pace: Pace = field(default_factory=Pace)
    option_groups: dict[str, Any] = field(default_factory=dict)
    """the classes that draw the engines' options, by the scene's property: see `engine_options`"""

    # Of the file that is open
    tasks: Tasks = field(default_factory=Tasks)
    shots: Shots = field(default_factory=Shots)
    takes: Takes = field(default_factory=Takes)
    files: Files = field(default_factory=Files)
    fitted: dict[int, tuple[str, Grade]] = field(default_factory=dict)
    """the grade that was fitted to each scene's clips, and the cover that it goes by"""
    measured: dict[int, Measured] = field(default_factory=dict)
    """the last check of each scene"""
    plans: dict[int, Planned] = field(default_factory=dict)
    """what waits to be laid out on each scene"""
    proxies: set[Path] = field(default_factory=set)
    """proxies that are being made, or could not be made: they are not asked for again"""
    clicks: Any = None
    """what plays the clicks beside the song, while it does: an `aud.Handle`"""

    def clear(self) -> None:
        """Another file: nothing that was known of the last one counts, and nobody waits for its results."""
        self.tasks.cancel_all()
        self.tasks, self.shots, self.takes, self.files = Tasks(), Shots(), Takes(), Files()
        self.fitted, self.measured, self.plans, self.proxies = {}, {}, {}, set()


_session: Session | None = None


def begin(*, synchronous: bool) -> None:
    """Makes the session: the add-on is switched on."""
    global _session  # noqa: PLW0603 -- the one place where it is kept
    _session = Session(synchronous=synchronous)


def end() -> None:
    """Ends the session: the add-on is switched off."""
    global _session  # noqa: PLW0603
    session().clear()
    _session = None


def session() -> Session:
    """The session.

    Raises:
        RuntimeError: the add-on is switched off.
    """
    if _session is None:
        raise RuntimeError("Beatboard is switched off.")
    return _session


def settings_of(scene: Any) -> Any:
    """The scene's settings."""
    return scene.beatboard


def shot_list() -> Any:
    """The list of shots that the panels draw, as Blender's properties."""
    return bpy.context.window_manager.beatboard


def scene_of(context: Any) -> Any:
    """The scene that the sequencer shows."""
    return getattr(context, "sequencer_scene", None) or context.scene


def find_scene(session_uid: int) -> Any | None:
    """A scene by the number that it keeps over renaming and undo, if it is still there."""
    return next((scene for scene in bpy.data.scenes if scene.session_uid == session_uid), None)


def path_of(text: str) -> Path | None:
    """A path property's path; None if it is empty."""
    return Path(bpy.path.abspath(text)) if text.strip() else None
