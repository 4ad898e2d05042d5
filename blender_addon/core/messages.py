# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes over HTTP besides the protocol's own types. Standard library only; both sides import it."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from .options import Option
from .rules import DEFAULT_LENGTH_S
from .types import ClipRequest, CoverLook, EditPlan, Ending, Grade, Job, SongAnalysis, TitleLine, Treatments


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job to be queued."""

    request: ClipRequest
    id: str
    """made by the client, so that sending it again after a lost answer is harmless"""


@dataclass(frozen=True, slots=True)
class QueueStatus:
    """The queue as a whole."""

    paused: bool
    queued: int
    running: int
    seconds_left: float | None
    """None as long as an engine in it was never measured here"""


@dataclass(frozen=True, slots=True)
class NewJobs:
    """A batch: all of it is queued, or none."""

    jobs: tuple[NewJob, ...]


@dataclass(frozen=True, slots=True)
class JobIds:
    """Some jobs, in order."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Requests:
    """What an estimate is wanted for."""

    requests: tuple[ClipRequest, ...]


@dataclass(frozen=True, slots=True)
class Pause:
    """Whether queued jobs wait."""

    paused: bool


@dataclass(frozen=True, slots=True)
class Files:
    """Some files, by hash."""

    sha256s: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Jobs:
    """Jobs that changed, oldest change first."""

    revision: int
    """ask for what changed since this one next time"""
    more: bool
    """there is more: ask again at once"""
    jobs: tuple[Job, ...]


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a batch will take; null for what was never measured here."""

    seconds: float | None
    peak_memory_bytes: int | None


@dataclass(frozen=True, slots=True)
class EnginePart:
    """A painter or an animator: what it is, needs and can do, and whether it can run where the bridge is."""

    name: str
    description: str
    available: bool
    missing: str
    """what it lacks there and how to get it; empty if nothing"""
    needs_gpu: bool
    costs_money: bool
    paints_together: bool
    """a painter that paints a video's keyframes together, and compares them"""
    takes_last_frame: bool
    """an animator that can end a shot on a given picture, with some of its models at least"""
    takes_words: bool
    """an animator that reads the prompt"""
    options: tuple[Option, ...]
    memory: tuple[str, ...]
    """how each of its models runs on which size of GPU, for people; empty if it needs none"""
    licences: tuple[str, ...] = ()
    """the licence of each of its models' weights, for people"""


@dataclass(frozen=True, slots=True)
class Engines:
    """Every painter and animator, to be chosen apart, and the options that every clip has."""

    painters: tuple[EnginePart, ...] = ()
    animators: tuple[EnginePart, ...] = ()
    options: tuple[Option, ...] = ()

    def options_of(self, painter: str, animator: str) -> tuple[Option, ...]:
        """All that a painter and an animator have together, each name once; none if either is not known."""
        painters = [part for part in self.painters if part.name == painter]
        animators = [part for part in self.animators if part.name == animator]
        if not (painters and animators):
            return ()
        every = (*painters[0].options, *animators[0].options, *self.options)
        return tuple({option.name: option for option in every}.values())


@dataclass(frozen=True, slots=True)
class Health:
    """That the bridge lives, and which versions it speaks."""

    version: str
    protocol_version: int
    python: str
    launch: str
    """changes with each start of the bridge"""
    uptime_s: float
    fault: str
    """why no job can start, if so"""
    notice: str = ""
    """what happened at its start that its owner should know, as in "the queue's database was damaged ..." """


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file that is now in the store."""

    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class AnalyzeSong:
    """Arguments of the call "analyze"."""

    song_sha256: str
    tracker: str = "bars"


@dataclass(frozen=True, slots=True)
class DecodeSong:
    """Arguments of the call "wav": the song as a WAV file in the store, which Blender plays without a shift."""

    song_sha256: str


@dataclass(frozen=True, slots=True)
class FollowSong:
    """Arguments of the call "channels": the song's channels as an .npz in the store, by `song_channels.MEANINGS`."""

    song_sha256: str
    analysis: SongAnalysis
    """beats, bars, sections and drop are read there"""


@dataclass(frozen=True, slots=True)
class LookAtCover:
    """Arguments of the call "look"."""

    cover_sha256: str


@dataclass(frozen=True, slots=True)
class FitGrade:
    """Arguments of the call "grade": what brings an edit's clips to its cover's colours."""

    clips_sha256: tuple[str, ...]
    cover_sha256: str


@dataclass(frozen=True, slots=True)
class PlanEdit:
    """Arguments of the call "plan"."""

    analysis: SongAnalysis
    look: CoverLook
    storyboard_sha256: str | None = None
    """a TOML file"""
    length_s: float = DEFAULT_LENGTH_S
    width_px: int = 1920
    height_px: int = 1080
    fps: Fraction = Fraction(24)
    ending: Ending | None = None
    """the storyboard's if it is None; the treatments alike"""
    treatments: Treatments | None = None


@dataclass(frozen=True, slots=True)
class MakeRequests:
    """Arguments of the call "requests": what to submit for the shots of a plan."""

    plan: EditPlan
    analysis: SongAnalysis
    painter: str
    animator: str
    options: tuple[tuple[str, str], ...] = ()
    character_sha256: str | None = None


@dataclass(frozen=True, slots=True)
class PlaceTitle:
    """Arguments of the call "title": where title and artist go over a plan's opening, and in which colours."""

    plan: EditPlan
    title: str | None
    """the storyboard's if it is None, and none at all if it is empty; the artist alike"""
    artist: str | None
    look: CoverLook
    """with the grade as it is seen"""
    cover_sha256: str
    clip_sha256: str | None = None
    """of the shot that opens; the cover is looked at as long as there is none"""
    storyboard_sha256: str | None = None
    """says title and artist where these are None, and the font where none is named"""
    font_sha256: str | None = None
    """a TrueType or OpenType file or collection; one that suits the cover by default"""


@dataclass(frozen=True, slots=True)
class PlacedTitle:
    """Lines of text, none if there is nothing to write or no room for it."""

    lines: tuple[TitleLine, ...]
    """their pictures are in the store"""
    font_sha256: str
    """now in the store"""
    font_name: str
    """its file's"""


@dataclass(frozen=True, slots=True)
class Call:
    """One function of the bridge at work, in a process of its own."""

    id: str
    name: str
    done: bool = False
    progress: float = 0.0
    """0-1"""
    stage: str = ""
    error: str = ""
    """what happened and what to do next, if it failed"""
    result: Any = None
    """as its type in `CALLS` says, if it is done without an error"""


CALLS: dict[str, tuple[type, type]] = {
    "analyze": (AnalyzeSong, SongAnalysis),
    "wav": (DecodeSong, StoredFile),
    "channels": (FollowSong, StoredFile),
    "look": (LookAtCover, CoverLook),
    "grade": (FitGrade, Grade),
    "plan": (PlanEdit, EditPlan),
    "requests": (MakeRequests, Requests),
    "title": (PlaceTitle, PlacedTitle),
}
"""what can be called: the types of its arguments and of its result"""
