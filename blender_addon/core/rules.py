# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of an edit, their limits, and which of them a plan breaks. Pure: standard library only.

The planner follows them by itself; an editor may break any of them by hand. The panel and `beatboard check` then say
which, and where. `docs/rules.md` says what each means, and which gives way where two can't both hold.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from .timing import frame_at
from .types import EditPlan, Framing, SectionRole, Shot, ShotKind, SongAnalysis

DEFAULT_LENGTH_S = 30.0
LENGTHS_S = (1.0, 3600.0)
"""how long a video can be asked to be, at most; from here on a pair is the lowest and the highest that is allowed"""
MIN_SHOT_S = 0.7
"""shorter shots flash by; a moment that asks for a cut is served by one that is nearer than this"""
MAX_BAR_S = 10.0
"""neighbouring downbeats further apart than this are not a bar"""
LONGEST_BEAT_S = 2.0
DROP_MARGIN_S = 0.5
"""so near to an end of the excerpt the drop still counts as inside, and so near to the song's end it needs no place"""
OPENING_S = 2.5
"""the first shot likes to be at least this long: it rests, then starts to move"""
CALM_SHOT_S, LOUD_SHOT_S = 4.8, 1.9
"""how long a shot likes to be where the excerpt is calmest, and where it is loudest"""
LONGEST_SHOT_S = 40.0
"""longer shots are not considered, unless they are one bar or asked for"""
LINGERS = 2.5
"""a shot lasts far longer than another from this ratio on: one bar and two may stand side by side"""
CALMER, CLEARLY_CALMER = 0.1, 0.2
"""how far mean energies must be apart for motion, and for the pace, to be held against them"""
FULL_ENERGY_RANGE = 0.3
"""an excerpt whose energies differ by less is not stretched to the whole range of lengths and of motion"""
CALM_MOTION, LOUD_MOTION = 80, 180
"""of the calmest and the loudest shot, on the scale of Stable Video Diffusion's motion buckets"""
MOTIONS = (1, 255)
DEFAULT_MOTION = 127
"""of a shot that nobody planned"""
SEEDS = (0, 2**31 - 1)
ENDING_S = 4.5
"""the last shot likes to be this long"""
SHORTEST_ENDING_S = 3.0
"""a shorter last shot has no time to turn into the cover and rest"""
RESTS_S = (1.0, 2.0)
"""how long the last shot rests on the cover: a bar, within these bounds"""
FRAMING_STEPS = {Framing.WIDE: 0, Framing.MEDIUM: 1, Framing.CLOSE: 2, Framing.DETAIL: 3}


class Rule(StrEnum):
    """A rule by its name, as messages say it; in the order of `docs/rules.md`."""

    DOWNBEATS = "Every cut lies on a downbeat"
    EXCERPT = "The excerpt stands on its own"
    HOLDS = "The opening holds still, then moves"
    DROP = "The hardest cut lies on the drop"
    DRUM_GAP = "A cut meets the drums' return"
    SECTIONS = "A new section starts a new shot"
    PACE = "Calm shots are long, loud ones short"
    MOTION = "Louder shots move more"
    PROMPTS = "Prompts share one style"
    ENDING = "The video ends on the cover"


@dataclass(frozen=True, slots=True)
class Violation:
    """One rule that a plan breaks, at one place."""

    rule: Rule
    frame: int
    """where, counted from 0 at the excerpt's first frame"""
    sentence: str
    """for people: what is wrong"""


def broken(plan: EditPlan, analysis: SongAnalysis, filled: Sequence[range] = ()) -> tuple[Violation, ...]:
    """Every rule that the plan breaks, in order of time. Rules about bars are not judged where no bars were heard.

    On the `filled` frames something else than the shots is shown.
    """
    if not plan.shots:
        return (Violation(Rule.EXCERPT, 0, "The edit has no shots."),)
    edit = _Edit(plan, analysis, filled)
    found = [violation for rule in _RULES for violation in rule(edit)]
    return tuple(sorted(found, key=lambda violation: violation.frame))


def has_bars(analysis: SongAnalysis) -> bool:
    """Whether the song's downbeats make bars that an edit can hold on to."""
    times = analysis.downbeats_s
    if len(times) < 2 or times[-1] - times[0] < MIN_SHOT_S:
        return False
    return any(later - earlier <= MAX_BAR_S for earlier, later in pairwise(times))


def downbeat_frames(plan: EditPlan, analysis: SongAnalysis) -> tuple[int, ...]:
    """The frame nearest to each downbeat of the song; those before the excerpt are negative."""
    return tuple(_frame(plan, time_s) for time_s in analysis.downbeats_s)


def frames_off(frame: int, plan: EditPlan, analysis: SongAnalysis) -> int:
    """How far a frame is from the nearest downbeat's frame: positive if late. 0 where no bars were heard."""
    if not has_bars(analysis):
        return 0
    return frame - _nearest_downbeat(plan, analysis, plan.excerpt.start_s + float(frame / plan.fps))


def shot_energy(shot: Shot, plan: EditPlan, analysis: SongAnalysis) -> float:
    """The song's mean energy over a shot, 0-1."""
    start_s = plan.excerpt.start_s
    return analysis.energy.mean(
        start_s + float(shot.start_frame / plan.fps), start_s + float(shot.end_frame / plan.fps)
    )


def hardness(before: Shot, after: Shot) -> float:
    """How hard the cut between two shots is: steps of framing (0-3), then the jump of motion (below 1)."""
    steps = abs(FRAMING_STEPS[before.framing] - FRAMING_STEPS[after.framing])
    return steps + abs(before.motion - after.motion) / 255


def beat_frames(frame: int, plan: EditPlan, analysis: SongAnalysis) -> int:
    """How many frames the beat lasts that starts at a frame; half a second where no beat follows within two."""
    start_s = plan.excerpt.start_s + float(frame / plan.fps)
    near = [beat.time_s for beat in analysis.beats if start_s - 1 <= beat.time_s <= start_s + LONGEST_BEAT_S]
    lengths = [length for time_s in near if (length := _frame(plan, time_s) - frame) > 0]
    return min(lengths, default=max(1, round(plan.fps / 2)))


def _frame(plan: EditPlan, time_s: float) -> int:
    return frame_at(time_s - plan.excerpt.start_s, plan.fps)


def _nearest_downbeat(plan: EditPlan, analysis: SongAnalysis, time_s: float) -> int:
    """The frame of the downbeat nearest to a time of the song."""
    return _frame(plan, min(analysis.downbeats_s, key=lambda downbeat_s: abs(downbeat_s - time_s)))


@dataclass(frozen=True, slots=True)
class _Start:
    """A section's start inside the video."""

    frame: int
    name: str
    role: SectionRole


class _Edit:
    """A plan on its song, with what most rules ask for. Without bars, nothing of the song asks for a cut."""

    def __init__(self, plan: EditPlan, analysis: SongAnalysis, filled: Sequence[range] = ()) -> None:
        self.plan, self.analysis, self.shots, self.filled = plan, analysis, plan.shots, filled
        self.has_bars = has_bars(analysis)
        self.downbeats = downbeat_frames(plan, analysis) if self.has_bars else ()
        edges = {edge for shot in plan.shots for edge in (shot.start_frame, shot.end_frame)}
        self.cuts = sorted(edges - {0, plan.frame_count})
        self.energies = {shot.id: shot_energy(shot, plan, analysis) for shot in plan.shots}
        self.starts = self._starts()
        self.gap_end = self._gap_end()
        drop = self._downbeat(analysis.drop_s) if analysis.drop_s is not None and self.has_bars else 0
        self.drop = drop if self.is_inside(drop) else None

    def is_inside(self, frame: int) -> bool:
        return 0 < frame < self.plan.frame_count

    def is_filled(self, start: int, end: int) -> bool:
        """Whether something else than the shots is shown on all of these frames."""
        left = set(range(start, end))
        return bool(left) and not left.difference(*self.filled)

    def is_served(self, frame: int) -> bool:
        """Whether a moment that asks for a cut has one, or the video's edge, closer than the shortest shot."""
        near = math.ceil(MIN_SHOT_S * self.plan.fps)
        return any(abs(edge - frame) <= near for edge in (0, self.plan.frame_count, *self.cuts))

    def could_be_cut(self, shot: Shot) -> bool:
        """Whether its bars allow for two halves: no bar is longer than one."""
        inside = [frame for frame in self.downbeats if shot.start_frame < frame < shot.end_frame]
        longest = max(after - before for before, after in pairwise((shot.start_frame, *inside, shot.end_frame)))
        return longest <= shot.frame_count / 2 + 1

    def with_a_bar_more(self, shot: Shot) -> float:
        """Its length in frames if it went on by a bar, over a cut that nothing asks for; infinite without one."""
        asked = {0, self.plan.frame_count, self.drop, self.gap_end, *(start.frame for start in self.starts)}
        lengths = []
        if shot.start_frame not in asked:
            lengths += [shot.end_frame - frame for frame in self.downbeats if frame < shot.start_frame][-1:]
        if shot.end_frame not in asked:
            lengths += [frame - shot.start_frame for frame in self.downbeats if frame > shot.end_frame][:1]
        return min(lengths, default=math.inf)

    def _downbeat(self, time_s: float) -> int:
        return _nearest_downbeat(self.plan, self.analysis, time_s)

    def _starts(self) -> list[_Start]:
        if not self.has_bars:
            return []
        starts = [
            _Start(self._downbeat(section.start_s), f"{section.role} {section.label}", section.role)
            for section in self.analysis.sections
        ]
        return [start for start in starts if 0 <= start.frame < self.plan.frame_count]

    def _gap_end(self) -> int | None:
        """The downbeat's frame that ends the longest drum gap of the excerpt; the first of those alike."""
        if not self.has_bars:
            return None
        ends = [
            (round(gap.end_s - gap.start_s, 1), -gap.start_s, frame)
            for gap in self.analysis.drum_gaps
            if self.is_inside(frame := self._downbeat(gap.end_s))
        ]
        return max(ends)[2] if ends else None


def _cuts_on_downbeats(edit: _Edit) -> list[Violation]:
    found = []
    for cut in edit.cuts:
        off = frames_off(cut, edit.plan, edit.analysis)
        if off:
            distance = f"{abs(off)} frame{'s' * (abs(off) > 1)} {'after' if off > 0 else 'before'}"
            found.append(Violation(Rule.DOWNBEATS, cut, f"The cut is {distance} its downbeat."))
    return found + _holes(edit)


def _holes(edit: _Edit) -> list[Violation]:
    found = []
    first = edit.shots[0].start_frame
    if first and not edit.is_filled(0, first):
        found.append(Violation(Rule.DOWNBEATS, 0, f"Nothing is shown for the first {first} frames."))
    for before, after in pairwise(edit.shots):
        missing = after.start_frame - before.end_frame
        if missing and not edit.is_filled(before.end_frame, after.start_frame):
            what = "Nothing is shown" if missing > 0 else "Two shots overlap"
            sentence = f"{what} for {abs(missing)} frames between {before.id} and {after.id}."
            found.append(Violation(Rule.DOWNBEATS, before.end_frame, sentence))
    return found


def _excerpt(edit: _Edit) -> list[Violation]:
    found = []
    plan, analysis, end = edit.plan, edit.analysis, edit.plan.frame_count
    if frames_off(0, plan, analysis):
        found.append(Violation(Rule.EXCERPT, 0, "The excerpt does not start on a downbeat."))
    if frames_off(end, plan, analysis):
        found.append(Violation(Rule.EXCERPT, end, "The excerpt does not end on a downbeat."))
    if end != _frame(plan, plan.excerpt.end_s):
        found.append(Violation(Rule.EXCERPT, end, "The shots do not end where the excerpt ends."))
    drop_s = analysis.drop_s
    if drop_s is not None and drop_s > analysis.duration_s - DROP_MARGIN_S:
        drop_s = None  # the song ends with it: there is nothing after it to show
    earliest_s, latest_s = plan.excerpt.start_s - DROP_MARGIN_S, plan.excerpt.end_s + DROP_MARGIN_S
    if drop_s is not None and not earliest_s <= drop_s <= latest_s:
        found.append(Violation(Rule.EXCERPT, 0, f"The excerpt leaves out the drop at {drop_s:.1f} s of the song."))
    if plan.excerpt.fades_out and plan.excerpt.end_s >= analysis.duration_s:
        found.append(Violation(Rule.EXCERPT, end, "The audio fades although the song ends with the video."))
    return found + _three_acts(edit)


def _three_acts(edit: _Edit) -> list[Violation]:
    found = [
        Violation(Rule.EXCERPT, after.start_frame, f"Act {after.act} comes after act {before.act}.")
        for before, after in pairwise(edit.shots)
        if after.act < before.act
    ]
    missing = sorted({1, 2, 3} - {shot.act for shot in edit.shots})
    if len(edit.shots) >= 3 and missing:
        found.append(Violation(Rule.EXCERPT, 0, f"The video has no act {missing[0]}."))
    return found


def _holds(edit: _Edit) -> list[Violation]:
    if len(edit.shots) == 1:
        return []
    found = []
    hero = edit.shots[0]
    if hero.kind is not ShotKind.HERO_HOLD:
        found.append(Violation(Rule.HOLDS, 0, "The first shot is not the hero's."))
    elif not _holds_beat_or_bar(hero, edit):
        found.append(Violation(Rule.HOLDS, 0, "The first frame is not held for one beat or one bar."))
    first_chorus = min((start.frame for start in edit.starts if start.role is SectionRole.CHORUS), default=0)
    for shot in edit.shots[1:-1]:
        if shot.start_frame == first_chorus and not _holds_beat_or_bar(shot, edit):
            found.append(Violation(Rule.HOLDS, first_chorus, "The first chorus opens without holding its first frame."))
    return found


def _holds_beat_or_bar(shot: Shot, edit: _Edit) -> bool:
    """A hold longer than half of its shot is cut down to that."""
    bars = [frame - shot.start_frame for frame in edit.downbeats if frame > shot.start_frame]
    lengths = [beat_frames(shot.start_frame, edit.plan, edit.analysis), *bars[:1]]
    return any(abs(shot.hold_frames - min(length, max(1, shot.frame_count // 2))) <= 1 for length in lengths)


def _drop(edit: _Edit) -> list[Violation]:
    if edit.drop is None:
        return []
    if not edit.is_served(edit.drop):
        return [Violation(Rule.DROP, edit.drop, "No cut lies on the drop.")]
    cuts = {after.start_frame: hardness(before, after) for before, after in pairwise(edit.shots)}
    hardest = cuts.pop(edit.drop, math.inf)
    return [
        Violation(Rule.DROP, frame, "Harder than the drop's cut.") for frame, hard in cuts.items() if hard >= hardest
    ]


def _drum_gap(edit: _Edit) -> list[Violation]:
    if edit.gap_end is None or edit.is_served(edit.gap_end):
        return []
    return [
        Violation(
            Rule.DRUM_GAP, edit.gap_end, "The drums come back after their longest silence, and no cut meets them."
        )
    ]


def _sections(edit: _Edit) -> list[Violation]:
    found = []
    for start in edit.starts:
        if not edit.is_served(start.frame):
            found.append(Violation(Rule.SECTIONS, start.frame, f"The section {start.name} starts without a new shot."))
        bar_end = min((frame for frame in edit.downbeats if frame > start.frame), default=start.frame)
        found += [
            Violation(Rule.SECTIONS, cut, f"The cut splits the first bar of the section {start.name}.")
            for cut in edit.cuts
            if start.frame < cut < bar_end
        ]
    return found


def _pace(edit: _Edit) -> list[Violation]:
    """A loud shot that could be cut does not last far longer than a clearly calmer one that could be longer."""
    if not edit.has_bars:
        return []
    inner = edit.shots[:-1]
    stretched = {shot.id: edit.with_a_bar_more(shot) for shot in inner}
    found = []
    for loud in inner:
        hurried = [
            calm.id
            for calm in inner
            if edit.energies[calm.id] < edit.energies[loud.id] - CLEARLY_CALMER
            and LINGERS * calm.frame_count < loud.frame_count
            and stretched[calm.id] <= loud.frame_count
        ]
        if hurried and edit.could_be_cut(loud):
            sentence = f"{loud.id} is louder than {hurried[0]}, yet lasts far longer."
            found.append(Violation(Rule.PACE, loud.start_frame, sentence))
    return found


def _motion(edit: _Edit) -> list[Violation]:
    found = []
    for shot in edit.shots:
        if not MOTIONS[0] <= shot.motion <= MOTIONS[1]:
            sentence = f"The motion of {shot.id} is {shot.motion}, not {MOTIONS[0]} to {MOTIONS[1]}."
            found.append(Violation(Rule.MOTION, shot.start_frame, sentence))
        calmer = [
            other.id
            for other in edit.shots
            if edit.energies[other.id] < edit.energies[shot.id] - CALMER and other.motion > shot.motion
        ]
        if calmer:
            found.append(
                Violation(Rule.MOTION, shot.start_frame, f"{shot.id} is louder than {calmer[0]}, but moves less.")
            )
    return found


def _prompts(edit: _Edit) -> list[Violation]:
    """The template ends in the palette and the style: the tail that most prompts share."""
    tails = [shot.prompt.rsplit(",", 1)[-1].strip() for shot in edit.shots]
    style = Counter(tails).most_common(1)[0][0]
    found = [
        Violation(
            Rule.PROMPTS, shot.start_frame, f'The prompt of {shot.id} does not end in the shared style "{style}".'
        )
        for shot, tail in zip(edit.shots, tails, strict=True)
        if tail != style
    ]
    return found + [
        Violation(
            Rule.PROMPTS, shot.start_frame, f"The seed of {shot.id} is {shot.seed}, not {SEEDS[0]} to {SEEDS[1]}."
        )
        for shot in edit.shots
        if not SEEDS[0] <= shot.seed <= SEEDS[1]
    ]


def _ending(edit: _Edit) -> list[Violation]:
    last = edit.shots[-1]
    found = [
        Violation(Rule.ENDING, shot.start_frame, f"{shot.id} turns into the cover before the video's end.")
        for shot in edit.shots[:-1]
        if shot.kind is ShotKind.COVER_END
    ]
    if last.kind is not ShotKind.COVER_END:
        found.append(Violation(Rule.ENDING, last.start_frame, "The last shot does not turn into the cover."))
    elif last.hold_frames < 1:
        found.append(Violation(Rule.ENDING, last.end_frame, "The video does not rest on the cover."))
    return found


_RULES = (
    _cuts_on_downbeats,
    _excerpt,
    _holds,
    _drop,
    _drum_gap,
    _sections,
    _pace,
    _motion,
    _prompts,
    _ending,
)
