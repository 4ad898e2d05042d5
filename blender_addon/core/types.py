# SPDX-License-Identifier: GPL-3.0-or-later
"""The types that both sides speak. Standard library only, so that Blender's Python can load it.

Times are seconds (`_s`), intervals half-open, frame rates `Fraction`, pixels `_px`. Everything here is a
frozen dataclass and goes to JSON and back through `codec`.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from typing import ClassVar

PROTOCOL_VERSION = 3


@dataclass(frozen=True, slots=True)
class Beat:
    """One beat of the song's grid."""

    time_s: float
    bar: int
    """1-based; the beats of a pick-up bar have bar 0"""
    position: int
    """in the bar, 1-based: 1 is the downbeat"""
    confidence: float
    """0-1: how likely the downbeats around this beat are downbeats of the song"""


class SectionRole(StrEnum):
    """What a section does in the song."""

    INTRO = "intro"
    VERSE = "verse"
    CHORUS = "chorus"
    BREAK = "break"
    OUTRO = "outro"


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the song. Starts and ends on downbeats (or at the song's ends)."""

    start_s: float
    end_s: float
    label: str
    """A, B, ...; repeats share one"""
    role: SectionRole
    energy: float
    """0-1, the mean of the energy curve"""
    tempo_bpm: float = 0.0
    """the median over the section; 0.0 if it has no two beats"""
    confidence: float = 0.0
    """0-1: how likely a downbeat in it is a downbeat of the song; 0.0 if it has none"""


@dataclass(frozen=True, slots=True)
class EnergyCurve:
    """Perceived loudness over time, normalised over the song."""

    hop_s: float
    values: tuple[float, ...]
    """0-1; `values[i]` is centred on `i * hop_s`"""

    def mean(self, start_s: float, end_s: float) -> float:
        """The mean over [start_s, end_s); at least one value is used. 0.0 for an empty curve."""
        if not self.values:
            return 0.0
        first = min(max(0, round(start_s / self.hop_s)), len(self.values) - 1)
        last = max(first + 1, min(len(self.values), round(end_s / self.hop_s)))
        return sum(self.values[first:last]) / (last - first)


@dataclass(frozen=True, slots=True)
class DrumGap:
    """A silence between two drum hits: ends on the hit that breaks it."""

    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class SongReading:
    """One way to count the song: the level of its beat, its phase, its meter. All that changes with it is here."""

    share: float
    """0-1: how likely its downbeats are the song's, beside the other readings"""
    tempo_bpm: float
    meter: int
    times_s: tuple[float, ...]
    """of its beats, in order"""
    positions: tuple[int, ...]
    """of its beats in the bar"""
    confidences: tuple[float, ...]
    """of its beats"""
    sections: tuple[Section, ...]
    drop_s: float | None


@dataclass(frozen=True, slots=True)
class SongAnalysis:
    """What the ear heard. Every list is in order of time."""

    DERIVED: ClassVar[tuple[str, ...]] = ("downbeats_s", "drum_gap")

    song_sha256: str
    duration_s: float
    tempo_bpm: float
    """the median over the song; 0.0 if no beat was found"""
    meter: int
    """beats in most bars"""
    beats: tuple[Beat, ...]
    sections: tuple[Section, ...]
    energy: EnergyCurve
    drop_s: float | None
    """the downbeat of the largest rise in loudness"""
    drum_gaps: tuple[DrumGap, ...]
    confidence: float
    """0-1: how likely a downbeat of this grid is a downbeat of the song"""
    tracker: str
    """the tracker's name and version, as in "bars-1" """
    readings: tuple[SongReading, ...] = ()
    """what was heard, then the likeliest other ways to count it; none without beats. See `regrid.with_reading`"""

    @property
    def downbeats_s(self) -> tuple[float, ...]:
        return tuple(beat.time_s for beat in self.beats if beat.position == 1)

    @property
    def drum_gap(self) -> tuple[float, float] | None:
        """Start and end of the longest drum gap; the first of those that are alike to a tenth of a second."""
        if not self.drum_gaps:
            return None
        longest = max(self.drum_gaps, key=lambda gap: round(gap.end_s - gap.start_s, 1))
        return (longest.start_s, longest.end_s)


@dataclass(frozen=True, slots=True)
class PaletteColor:
    """One colour of the cover."""

    rgb: tuple[int, int, int]
    """sRGB, 0-255"""
    weight: float
    """0-1, its share of the cover"""
    name: str
    """a plain English name, as in "dusty rose" """


IDENTITY_MATRIX = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


@dataclass(frozen=True, slots=True)
class Grade:
    """One colour transform, in sRGB-encoded values 0-1: the matrix first, then a curve per channel.

    Only what the compositor does cheaply and exactly.
    """

    matrix: tuple[float, ...] = IDENTITY_MATRIX
    """row-major 3x3"""
    curves: tuple[tuple[float, ...], ...] = ((0.0, 1.0), (0.0, 1.0), (0.0, 1.0))
    """red, green, blue: outputs at evenly spaced inputs from 0 to 1, linear in between"""
    strength: float = 1.0
    """0 leaves the picture alone, 1 is the whole grade"""

    @property
    def is_neutral(self) -> bool:
        straight = all(
            abs(value - i / (len(curve) - 1)) < 1e-6 for curve in self.curves for i, value in enumerate(curve)
        )
        return self.strength == 0.0 or (straight and self.matrix == IDENTITY_MATRIX)


NEUTRAL_GRADE = Grade()


class Graded(StrEnum):
    """How much of the grade some frames get: it fades while the last shot turns into the cover."""

    WHOLLY = "wholly"
    FADING = "fading"
    NOT = "not"


@dataclass(frozen=True, slots=True)
class Texture:
    """Textures that a cover's era gave it, each an amount: 0 is none of it."""

    grain: float = 0.0
    """the standard deviation of brightness in the mid-tones, as a share of the range (0.02 is 5 of 255)"""
    halation: float = 0.0
    """0-1: how strongly highlights glow warm"""
    vignette: float = 0.0
    """0-1: the share of light that the corners lack"""
    fade: float = 0.0
    """0-1: the sRGB-encoded level of black"""


@dataclass(frozen=True, slots=True)
class CoverLook:
    """What the eye saw on the cover."""

    cover_sha256: str
    palette: tuple[PaletteColor, ...]
    """heaviest first"""
    words: tuple[str, ...]
    """for prompts, as in "deep teal", "warm amber light", "low key" """
    grade: Grade
    texture: Texture = Texture()
    """what the edit gets of the cover's texture"""
    size_px: tuple[int, int] = (0, 0)
    """width, height; zeros if it was looked at before this was noted"""


class ShotKind(StrEnum):
    """What a shot does in the video."""

    HERO_HOLD = "hero-hold"
    """opens the video: frozen, then it moves"""
    MOTION = "motion"
    COVER_END = "cover-end"
    """turns into the cover and rests on it"""


class Ending(StrEnum):
    """How the whole cover stands in the last frame."""

    AUTO = "auto"
    """as large as fits, if that leaves nothing beside it that isn't certain; else as a card"""
    CARD = "card"
    """with room around it, on a ground of its own colours"""
    FULL = "full"
    """as large as fits"""


class Treatment(StrEnum):
    """What a shot is drawn with, in the cover's own colours."""

    NONE = "none"
    DUOTONE = "duotone"
    """shadows in one colour, lights in another"""
    MONO = "mono"
    """black and white, hard"""
    HALFTONE = "halftone"
    """dots of ink"""
    GLOW = "glow"
    """lights bloom"""
    FIELD = "field"
    """light through a field of two colours"""
    SPLIT = "split"
    """channels that stand apart on the shot's first frames"""


class Treatments(StrEnum):
    """How far treatments may go."""

    NONE = "none"
    GENTLE = "gentle"
    """the picture keeps its colours"""
    BOLD = "bold"
    """prints and tones too"""


class Framing(StrEnum):
    """How close the camera is."""

    WIDE = "wide"
    MEDIUM = "medium"
    CLOSE = "close"
    DETAIL = "detail"


@dataclass(frozen=True, slots=True)
class OwnMedia:
    """A picture or a part of a clip of the user's, which a shot shows."""

    path: str
    """on the user's machine"""
    start_s: float | None = None
    """where in the clip the shot begins; None for a picture"""


@dataclass(frozen=True, slots=True)
class Shot:
    """One shot of the plan, on exact frames counted from 0 at the excerpt's first frame."""

    id: str
    """stable over replans and edits, as in "s03" """
    start_frame: int
    frame_count: int
    act: int
    """1, 2 or 3"""
    kind: ShotKind
    framing: Framing
    hold_frames: int
    """frames at the start (at the end for `COVER_END`) during which the picture rests"""
    prompt: str
    negative_prompt: str
    seed: int
    """0 to 2**31 - 1"""
    motion: int
    """1-255, the scale of Stable Video Diffusion's motion buckets"""
    why: tuple[str, ...] = ()
    """for people: the reasons for this cut, as in "chorus starts", "the drop" """
    treatment: Treatment = Treatment.NONE
    media: OwnMedia | None = None
    """what was chosen for it from the user's material"""

    @property
    def end_frame(self) -> int:
        """One past the last frame."""
        return self.start_frame + self.frame_count


@dataclass(frozen=True, slots=True)
class Excerpt:
    """The part of the song that is used: from a downbeat to a downbeat."""

    start_s: float
    end_s: float
    fades_out: bool
    """true if the song goes on after the excerpt's end"""


@dataclass(frozen=True, slots=True)
class TitlePicture:
    """A line of text, drawn: a PNG that is transparent around it, in pixels of the plan's frame."""

    sha256: str
    center_px: tuple[float, float]
    """of the picture, to the right of the frame's centre and up from it"""


@dataclass(frozen=True, slots=True)
class TitleLine:
    """One line of text over the picture."""

    text: str
    start_frame: int
    frame_count: int
    fade_in_frames: int
    fade_out_frames: int
    left: float
    """where the text starts, as a share of the frame's width"""
    bottom: float
    """the lowest point of its letters' boxes, as a share of the frame's height from below"""
    size_px: float
    """the em, in pixels of the plan's frame"""
    rgb: tuple[int, int, int]
    """sRGB, 0-255"""
    backing_rgb: tuple[int, int, int] | None = None
    """of a label behind the text, where the picture has no calm place"""
    picture: TitlePicture | None = None
    """shown in place of the text, where Blender's text can't set it"""
    is_sung: bool = False
    """one of the song's words, not the title"""


@dataclass(frozen=True, slots=True)
class EditPlan:
    """The edit: which part of the song, and the shots on it, without a gap or an overlap."""

    song_sha256: str
    cover_sha256: str
    excerpt: Excerpt
    fps: Fraction
    width_px: int
    height_px: int
    shots: tuple[Shot, ...]
    titles: tuple[TitleLine, ...] = ()
    ending: Ending = Ending.AUTO

    @property
    def frame_count(self) -> int:
        return self.shots[-1].end_frame if self.shots else 0


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A shot on the other side of a cut: what of it shapes its framing."""

    kind: ShotKind
    framing: Framing
    seed: int
    direction: int
    matched: str
    meets_ending: bool
    """it is followed by the whole cover, which it must not look like either"""


@dataclass(frozen=True, slots=True)
class ClipRequest:
    """All that shapes a clip's pixels. Equal requests give equal clips, so its hash names the clip."""

    painter: str
    """what makes the still: a name from `beatboard engines`"""
    animator: str
    """what makes it move: another"""
    shot_id: str
    kind: ShotKind
    framing: Framing
    prompt: str
    negative_prompt: str
    seed: int
    motion: int
    frame_count: int
    hold_frames: int
    fps: Fraction
    width_px: int
    height_px: int
    cover_sha256: str
    character_sha256: str | None = None
    """the character sheet's image, if there is one"""
    accents: tuple[int, ...] = ()
    """frames of this clip on which a beat falls"""
    energy: tuple[float, ...] = ()
    """0-1, at evenly spaced times over the clip, first and last frame included"""
    options: tuple[tuple[str, str], ...] = ()
    """of painter and animator, sorted by name; see `options`"""
    into: str = ""
    """the id of the shot whose keyframe this one ends on; that shot has to be asked for too"""
    direction: int = 0
    """1 or -1: the camera travels to the right or left, on over a matched cut; 0: as the engine likes"""
    matched: str = ""
    """with a direction: "out" if the matched cut ends this shot, "in" if it starts it; what matters is in the middle
    there"""
    ending: Ending = Ending.AUTO
    """of the shot that ends the video"""
    beside: tuple[Neighbour, ...] = ()
    """the shots that this one must not look like, or the cut between them would not be seen"""
    draft_for_px: int | None = None
    """width of the video that this clip is a draft of, so that it shows what that one will; None: it is no draft"""

    @property
    def engine(self) -> str:
        """Both, for people, as in "sdxl+svd"."""
        return f"{self.painter}+{self.animator}"


@dataclass(frozen=True, slots=True)
class Clip:
    """A finished clip, a file in the store."""

    sha256: str
    request: ClipRequest
    frame_count: int
    fps: Fraction
    width_px: int
    height_px: int
    seconds_taken: float
    flow_px: float
    """mean optical flow, in pixels per second at a width of 1000 px"""
    likeness: float | None = None
    """0-1, of the keyframe to the character's sheet or to the other shots' keyframes; None if it was not compared"""
    handle_frames: int = 0
    """frames that the file has on top of `frame_count`, before what the shot shows and as many after it"""


class JobState(StrEnum):
    """Where a job is; the last three are final."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Job:
    """One clip's way through the bridge. Ends in exactly one of done, failed, cancelled."""

    id: str
    state: JobState
    request: ClipRequest
    progress: float = 0.0
    """0-1"""
    stage: str = ""
    """what is being done, for people: "painting", "animating", "encoding" """
    error: str = ""
    """what happened and what to do next, if it failed"""
    clip: Clip | None = None
    attempts: int = 0
    notes: tuple[str, ...] = field(default=())
    """what was done to make it work, as in "out of memory: retried with offload" """
