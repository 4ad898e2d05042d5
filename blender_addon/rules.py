# SPDX-License-Identifier: GPL-3.0-or-later
"""The ten rules of an edit, and which of them a plan breaks. Pure: standard library only.

The planner follows them by itself; an editor may break any of them by hand. The panel and `beatboard check` then say
which, and where. Where rules conflict, the lower one in this list gives way:

1. cuts on downbeats, the excerpt's ends on downbeats (rules 1 and 2), always
2. what the storyboard or the editor asks for
3. no shot shorter than `MIN_SHOT_S`
4. the cut on the drop (rule 4)
5. sections start shots (rule 6)
6. a cut ends the drum gap (rule 5)
7. the ending is long enough to turn into the cover and rest (rule 10)
8. the pace (rule 7)

A moment of the song that asks for a cut (drop, section, drum gap) is served by any cut closer to it than
`MIN_SHOT_S`: this matters only where bars are shorter than that. A video of a single shot ends on the cover, so it
opens without a hold (rule 10 before rule 3).
"""

import math
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise

from .protocol import EditPlan, Framing, SectionRole, Shot, ShotKind, SongAnalysis
from .timing import frame_at

MIN_SHOT_S = 0.7
"""shorter shots flash by"""
MAX_BAR_S = 10.0
"""neighbouring downbeats further apart than this are not a bar"""
SAME_ENERGY = 0.1
"""shots whose mean energies differ by less sound equally loud"""
FRAMING_STEPS = {Framing.WIDE: 0, Framing.MEDIUM: 1, Framing.CLOSE: 2, Framing.DETAIL: 3}


@dataclass(frozen=True, slots=True)
class Violation:
    """One rule that a plan breaks, at one place."""

    rule: int
    """1 to 10, as in the project's design"""
    frame: int
    """where, counted from 0 at the excerpt's first frame"""
    sentence: str
    """for people: what is wrong"""


def broken(plan: EditPlan, analysis: SongAnalysis) -> tuple[Violation, ...]:
    """Every rule that the plan breaks, in order of time. Rules about bars are not judged where no bars were heard."""
    if not plan.shots:
        return (Violation(2, 0, "The edit has no shots."),)
    found: list[Violation] = []
    for rule in _RULES:
        found += rule(plan, analysis)
    return tuple(sorted(found, key=lambda violation: (violation.frame, violation.rule)))


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
    return min((frame - downbeat for downbeat in downbeat_frames(plan, analysis)), key=abs)


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
    """How many frames the beat lasts that starts at a frame; half a second where no beat follows."""
    beats = sorted(_frame(plan, beat.time_s) for beat in analysis.beats)
    later = [beat for beat in beats if beat > frame]
    length = (later[0] if later else frame) - frame
    longest = math.ceil(2 * plan.fps)
    return length if 0 < length <= longest else max(1, round(plan.fps / 2))


def _frame(plan: EditPlan, time_s: float) -> int:
    return frame_at(time_s - plan.excerpt.start_s, plan.fps)


def _cuts(plan: EditPlan) -> list[int]:
    """Every frame inside the video at which the picture changes."""
    edges = {edge for shot in plan.shots for edge in (shot.start_frame, shot.end_frame)}
    return sorted(edges - {0, plan.frame_count})


def _nearest_downbeat(plan: EditPlan, analysis: SongAnalysis, time_s: float) -> int:
    nearest = min(analysis.downbeats_s, key=lambda downbeat: abs(downbeat - time_s))
    return _frame(plan, nearest)


def _is_inside(frame: int, plan: EditPlan) -> bool:
    return 0 < frame < plan.frame_count


def _is_served(frame: int, plan: EditPlan) -> bool:
    """Whether a moment that asks for a cut has one, or the video's edge, closer than the shortest shot."""
    near = math.ceil(MIN_SHOT_S * plan.fps)
    exact = frame in _cuts(plan)
    return exact or any(abs(edge - frame) < near for edge in [0, plan.frame_count, *_cuts(plan)])


def _starts(plan: EditPlan, analysis: SongAnalysis) -> list[tuple[int, str, SectionRole]]:
    """The frames inside the video at which a section starts."""
    starts = [
        (_nearest_downbeat(plan, analysis, section.start_s), f"{section.role} {section.label}", section.role)
        for section in analysis.sections
    ]
    return [start for start in starts if _is_inside(start[0], plan)]


def _gap_end(plan: EditPlan, analysis: SongAnalysis) -> int | None:
    """The downbeat's frame that ends the longest drum gap of the excerpt."""
    ends = [
        (round(gap.end_s - gap.start_s, 1), -gap.start_s, frame)
        for gap in analysis.drum_gaps
        if _is_inside(frame := _nearest_downbeat(plan, analysis, gap.end_s), plan)
    ]
    return max(ends)[2] if ends else None


def _cuts_on_downbeats(plan: EditPlan, analysis: SongAnalysis) -> list[Violation]:
    found = [
        Violation(1, cut, f"The cut is {abs(off)} frame{'s' * (abs(off) > 1)} {'after' if off > 0 else 'before'} "
                  "its downbeat.")
        for cut in _cuts(plan)
        if (off := frames_off(cut, plan, analysis))
    ]  # fmt: skip
    for before, after in pairwise(plan.shots):
        missing = after.start_frame - before.end_frame
        if missing:
            what = "Nothing is shown" if missing > 0 else "Two shots overlap"
            found.append(
                Violation(1, before.end_frame, f"{what} for {abs(missing)} frames between {before.id} and {after.id}.")
            )
    if plan.shots[0].start_frame:
        found.append(Violation(1, 0, f"Nothing is shown for the first {plan.shots[0].start_frame} frames."))
    return found


def _excerpt(plan: EditPlan, analysis: SongAnalysis) -> list[Violation]:
    found = []
    excerpt, end = plan.excerpt, plan.frame_count
    if has_bars(analysis):
        if frames_off(0, plan, analysis):
            found.append(Violation(2, 0, "The excerpt does not start on a downbeat."))
        if frames_off(end, plan, analysis):
            found.append(Violation(2, end, "The excerpt does not end on a downbeat."))
    if end != _frame(plan, excerpt.end_s):
        found.append(Violation(2, end, "The shots do not end where the excerpt ends."))
    if analysis.drop_s is not None and not excerpt.start_s - 0.5 <= analysis.drop_s <= excerpt.end_s + 0.5:
        found.append(Violation(2, 0, f"The excerpt leaves out the drop at {analysis.drop_s:.1f} s of the song."))
    if excerpt.fades_out and excerpt.end_s >= analysis.duration_s:
        found.append(Violation(2, end, "The audio fades although the song ends with the video."))
    return found + _three_acts(plan)


def _three_acts(plan: EditPlan) -> list[Violation]:
    found = [
        Violation(2, after.start_frame, f"Act {after.act} comes after act {before.act}.")
        for before, after in pairwise(plan.shots)
        if after.act < before.act
    ]
    missing = sorted({1, 2, 3} - {shot.act for shot in plan.shots})
    if len(plan.shots) >= 3 and missing:
        found.append(Violation(2, 0, f"The video has no act {missing[0]}."))
    return found


def _holds(plan: EditPlan, analysis: SongAnalysis) -> list[Violation]:
    if len(plan.shots) == 1:
        return []
    found = []
    hero = plan.shots[0]
    if hero.kind is not ShotKind.HERO_HOLD:
        found.append(Violation(3, 0, "The first shot is not the hero's."))
    elif not _holds_beat_or_bar(hero, plan, analysis):
        found.append(Violation(3, 0, "The first frame is not held for one beat or one bar."))
    choruses = (
        [start for start, _, role in _starts(plan, analysis) if role is SectionRole.CHORUS]
        if has_bars(analysis)
        else []
    )
    if choruses and not _opens_on_chorus(plan, analysis):
        for shot in plan.shots[1:-1]:
            if shot.start_frame == min(choruses) and not _holds_beat_or_bar(shot, plan, analysis):
                found.append(Violation(3, shot.start_frame, "The first chorus opens without holding its first frame."))
    return found


def _opens_on_chorus(plan: EditPlan, analysis: SongAnalysis) -> bool:
    return any(
        section.role is SectionRole.CHORUS and _nearest_downbeat(plan, analysis, section.start_s) == 0
        for section in analysis.sections
    )


def _holds_beat_or_bar(shot: Shot, plan: EditPlan, analysis: SongAnalysis) -> bool:
    """A hold longer than half of its shot is cut down to that."""
    bars = [frame - shot.start_frame for frame in downbeat_frames(plan, analysis) if frame > shot.start_frame]
    lengths = [beat_frames(shot.start_frame, plan, analysis), *bars[:1]]
    return any(abs(shot.hold_frames - min(length, max(1, shot.frame_count // 2))) <= 1 for length in lengths)


def _drop(plan: EditPlan, analysis: SongAnalysis) -> list[Violation]:
    if analysis.drop_s is None or not has_bars(analysis):
        return []
    drop = _nearest_downbeat(plan, analysis, analysis.drop_s)
    if not _is_inside(drop, plan):
        return []
    if not _is_served(drop, plan):
        return [Violation(4, drop, "No cut lies on the drop.")]
    pairs = list(pairwise(plan.shots))
    at_drop = [hardness(before, after) for before, after in pairs if after.start_frame == drop]
    return [
        Violation(4, after.start_frame, "This cut is harder than the cut on the drop.")
        for before, after in pairs
        if at_drop and after.start_frame != drop and hardness(before, after) >= at_drop[0]
    ]


def _drum_gap(plan: EditPlan, analysis: SongAnalysis) -> list[Violation]:
    end = _gap_end(plan, analysis) if has_bars(analysis) else None
    if end is None or _is_served(end, plan):
        return []
    return [Violation(5, end, "The drums come back after their longest silence, and no cut meets them.")]


def _sections(plan: EditPlan, analysis: SongAnalysis) -> list[Violation]:
    if not has_bars(analysis):
        return []
    found = []
    downbeats = downbeat_frames(plan, analysis)
    for start, name, _ in _starts(plan, analysis):
        if not _is_served(start, plan):
            found.append(Violation(6, start, f"The section {name} starts without a new shot."))
        bar_end = min((frame for frame in downbeats if frame > start), default=start)
        found += [
            Violation(6, cut, f"The cut splits the first bar of the section {name}.")
            for cut in _cuts(plan)
            if start < cut < bar_end
        ]
    return found


def _pace(plan: EditPlan, analysis: SongAnalysis) -> list[Violation]:
    """A loud shot that could be cut is not more than twice as long as a clearly calmer one that could be longer."""
    if not has_bars(analysis):
        return []
    inner = plan.shots[:-1]
    energies = {shot.id: shot_energy(shot, plan, analysis) for shot in inner}
    calm = [shot for shot in inner if _could_be_longer(shot, plan, analysis)]
    found = []
    for loud in inner:
        hurried = [
            shot for shot in calm
            if energies[shot.id] < energies[loud.id] - 2 * SAME_ENERGY and 2 * shot.frame_count < loud.frame_count
        ]  # fmt: skip
        if hurried and _bars_in(loud, plan, analysis) > 1:
            found.append(
                Violation(
                    7, loud.start_frame, f"{loud.id} is louder than {hurried[0].id}, yet lasts more than twice as long."
                )
            )
    return found


def _bars_in(shot: Shot, plan: EditPlan, analysis: SongAnalysis) -> int:
    return sum(shot.start_frame <= frame < shot.end_frame for frame in downbeat_frames(plan, analysis))


def _could_be_longer(shot: Shot, plan: EditPlan, analysis: SongAnalysis) -> bool:
    """Whether one of its edges is there for the pace alone."""
    asked = {start for start, _, _ in _starts(plan, analysis)} | {0, plan.frame_count, _gap_end(plan, analysis)}
    if analysis.drop_s is not None:
        asked.add(_nearest_downbeat(plan, analysis, analysis.drop_s))
    return not {shot.start_frame, shot.end_frame} <= asked


def _motion(plan: EditPlan, analysis: SongAnalysis) -> list[Violation]:
    energies = [shot_energy(shot, plan, analysis) for shot in plan.shots]
    found = []
    for shot, energy in zip(plan.shots, energies, strict=True):
        if not 1 <= shot.motion <= 255:
            found.append(Violation(8, shot.start_frame, f"The motion of {shot.id} is {shot.motion}, not 1 to 255."))
        calmer = [
            other for other, level in zip(plan.shots, energies, strict=True)
            if level < energy - SAME_ENERGY and other.motion > shot.motion
        ]  # fmt: skip
        if calmer:
            found.append(Violation(8, shot.start_frame, f"{shot.id} is louder than {calmer[0].id}, but moves less."))
    return found


def _prompts(plan: EditPlan, analysis: SongAnalysis) -> list[Violation]:  # noqa: ARG001 (all rules are called alike)
    """The template ends in the palette and the style: the tail that most prompts share."""
    tails = [shot.prompt.rsplit(",", 1)[-1].strip() for shot in plan.shots]
    style = Counter(tails).most_common(1)[0][0]
    found = [
        Violation(9, shot.start_frame, f'The prompt of {shot.id} does not end in the shared style "{style}".')
        for shot, tail in zip(plan.shots, tails, strict=True)
        if tail != style
    ]
    return found + [
        Violation(9, shot.start_frame, f"The seed of {shot.id} is {shot.seed}, not 0 to 2147483647.")
        for shot in plan.shots
        if not 0 <= shot.seed < 2**31
    ]


def _ending(plan: EditPlan, analysis: SongAnalysis) -> list[Violation]:  # noqa: ARG001 (all rules are called alike)
    last = plan.shots[-1]
    found = [
        Violation(10, shot.start_frame, f"{shot.id} turns into the cover before the video's end.")
        for shot in plan.shots[:-1]
        if shot.kind is ShotKind.COVER_END
    ]
    if last.kind is not ShotKind.COVER_END:
        found.append(Violation(10, last.start_frame, "The last shot does not turn into the cover."))
    elif last.hold_frames < 1:
        found.append(Violation(10, last.end_frame, "The video does not rest on the cover."))
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
