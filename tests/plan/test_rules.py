"""The rules of an edit, formulated here once more on their own, hold for any song."""

import math
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blender_addon.core import rules
from blender_addon.core.lyrics import SungLine, SungWord
from blender_addon.core.rules import Rule
from blender_addon.core.timing import FRAME_RATES
from blender_addon.core.types import (
    NEUTRAL_GRADE,
    Beat,
    CoverLook,
    DrumGap,
    EnergyCurve,
    Framing,
    Section,
    SectionRole,
    ShotKind,
    SongAnalysis,
)
from bridge.common.errors import BadInput
from bridge.plan import clip_requests, explain, plan_edit
from bridge.plan.motion import motions
from bridge.plan.storyboard import BoardShot, Storyboard

LOOK = CoverLook("c" * 64, (), ("deep teal", "warm amber light"), NEUTRAL_GRADE)
CLOSENESS = [Framing.WIDE, Framing.MEDIUM, Framing.CLOSE, Framing.DETAIL]
SHORTEST_S = Fraction(7, 10)


def make_song(
    bar_lengths_s, *, meter=4, first_s=0.0, tail_s=0.0, levels=None, sections=(), drop=None, gaps=(), pickup=0
):
    """A song from its bars. `levels` is the energy of each bar; `sections` are (first bar, role); `drop` is a bar."""
    times = [first_s]
    for length_s in bar_lengths_s:
        times.append(times[-1] + length_s)
    beats = [Beat(first_s - 0.3 * n, 0, meter - n + 1, 1.0) for n in range(pickup, 0, -1) if first_s > 0.3 * n]
    for bar, (start_s, end_s) in enumerate(pairwise(times), 1):
        beats += [Beat(start_s + (end_s - start_s) * n / meter, bar, n + 1, 1.0) for n in range(meter)]
    beats.append(Beat(times[-1], len(times), 1, 1.0))
    edges = [bar for bar, _ in sections] + [len(bar_lengths_s)]
    levels = levels or [0.5] * len(bar_lengths_s)
    return SongAnalysis(
        song_sha256="a" * 64,
        duration_s=times[-1] + tail_s,
        tempo_bpm=60 * meter / sorted(bar_lengths_s)[len(bar_lengths_s) // 2],
        meter=meter,
        beats=tuple(beats),
        sections=tuple(
            Section(times[edges[i]], times[edges[i + 1]], "A", role, 0.5) for i, (_, role) in enumerate(sections)
        ),
        energy=curve(times, levels),
        drop_s=None if drop is None else times[drop],
        drum_gaps=tuple(DrumGap(times[first], times[last]) for first, last in gaps),
        confidence=1.0,
        tracker="hand",
    )


def curve(times, levels, hop_s=0.25):
    values, bar = [], 0
    for i in range(math.ceil(times[-1] / hop_s)):
        while bar < len(levels) - 1 and times[bar + 1] <= i * hop_s:
            bar += 1
        values.append(levels[bar])
    return EnergyCurve(hop_s, tuple(values))


@st.composite
def songs(draw, shortest_bar_s=0.75, longest_s=600.0):
    """Any song with bars: steady, live, with changes of tempo and meter, short or long."""
    random = Random(draw(st.integers(0, 2**32)))
    meter = draw(st.sampled_from([2, 3, 4, 6]))
    bar_count = draw(st.one_of(st.integers(1, 40), st.integers(1, 40), st.integers(40, 300)))
    bar_s = draw(st.floats(shortest_bar_s * 1.15, 5.0))
    live = draw(st.sampled_from([0.0, 0.01, 0.1]))
    lengths, total_s = [], 0.0
    for _ in range(bar_count):
        if random.random() < 0.02:
            bar_s = max(shortest_bar_s * 1.15, min(5.0, bar_s * random.choice([0.5, 0.8, 1.3, 2.0])))
        pause_s = 6.0 if live and random.random() < 0.01 else 0.0
        lengths.append(bar_s * (1 + random.uniform(-live, live)) + pause_s)
        total_s += lengths[-1]
        if total_s > longest_s - 5:
            break
    bar_count = len(lengths)
    starts = sorted({0, *random.sample(range(bar_count), min(bar_count, draw(st.integers(0, 12))))})
    roles = [random.choice(list(SectionRole)) for _ in starts]
    loudness = {bar: random.random() for bar in starts}
    levels = [
        min(1.0, max(0.0, loudness[max(s for s in starts if s <= bar)] + random.gauss(0, 0.05)))
        for bar in range(bar_count)
    ]
    gaps = [
        (bar, min(bar_count, bar + random.randint(1, 4))) for bar in random.sample(range(bar_count), min(3, bar_count))
    ]
    return make_song(
        lengths,
        meter=meter,
        first_s=draw(st.floats(0, 4)),
        tail_s=draw(st.floats(0, 4)),
        levels=levels,
        sections=list(zip(starts, roles, strict=True)) if draw(st.booleans()) else (),
        drop=draw(st.one_of(st.none(), st.integers(0, bar_count))),
        gaps=gaps if draw(st.booleans()) else (),
        pickup=draw(st.integers(0, meter - 1)),
    )


FRAME_RATE = st.sampled_from(FRAME_RATES)
LENGTH_S = st.sampled_from([12.0, 30.0, 60.0])
thorough = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def positions(plan, song, times):
    """The exact place, in frames of the video, of each time in the song."""
    return [(Fraction(time_s) - Fraction(plan.excerpt.start_s)) * plan.fps for time_s in times]


def cuts_of(plan):
    return [shot.start_frame for shot in plan.shots[1:]]


def inside(plan, place):
    return Fraction(1, 2) <= place < plan.frame_count - Fraction(1, 2)


def has_cut(plan, place):
    return any(abs(cut - place) <= Fraction(1, 2) + Fraction(1, 10**6) for cut in cuts_of(plan))


def to_grid(song, time_s):
    """The downbeat nearest to a time."""
    return min(song.downbeats_s, key=lambda downbeat: abs(downbeat - time_s))


def jump(before, after):
    return abs(CLOSENESS.index(before.framing) - CLOSENESS.index(after.framing))


@pytest.mark.slow
@thorough
@given(songs(), FRAME_RATE, LENGTH_S)
def test_every_rule_holds_for_any_song(song, fps, length_s):
    plan = plan_edit(song, LOOK, fps=fps, length_s=length_s)
    downbeats = positions(plan, song, song.downbeats_s)
    shots = list(plan.shots)

    # 1: every cut is the frame nearest to a downbeat, and the shots follow each other
    for cut in cuts_of(plan):
        assert min(abs(cut - downbeat) for downbeat in downbeats) <= Fraction(1, 2) + Fraction(1, 10**6)
    assert shots[0].start_frame == 0
    assert all(before.start_frame + before.frame_count == after.start_frame for before, after in pairwise(shots))
    assert all(shot.frame_count >= math.floor(SHORTEST_S * fps) for shot in shots)

    # 2: from a downbeat to a downbeat, at most as long as asked; all of a song that fits; the drop inside; three acts
    excerpt = plan.excerpt
    assert excerpt.start_s in song.downbeats_s
    assert excerpt.end_s in song.downbeats_s
    assert excerpt.end_s - excerpt.start_s <= length_s + 1e-5
    if song.downbeats_s[-1] - song.downbeats_s[0] <= length_s:
        assert (excerpt.start_s, excerpt.end_s) == (song.downbeats_s[0], song.downbeats_s[-1])
    assert excerpt.fades_out == (song.duration_s - excerpt.end_s > 0.05)
    assert abs(plan.frame_count - (Fraction(excerpt.end_s) - Fraction(excerpt.start_s)) * fps) <= Fraction(501, 1000)
    acts = [shot.act for shot in shots]
    assert acts == sorted(acts)
    assert set(acts) == ({1, 2, 3} if len(acts) > 2 else {1, 3} if len(acts) == 2 else {3})

    # 3: the hero rests for a beat (at most for half of its shot), then moves
    if len(shots) > 1:
        assert shots[0].kind is ShotKind.HERO_HOLD
        assert shots[0].hold_frames == pytest.approx(beat_hold(plan, song, shots[0]), abs=1)

    # 4: the drop is a cut, and no other cut jumps as far
    if song.drop_s is not None and can_hold(song, song.drop_s, length_s):
        (place,) = positions(plan, song, [song.drop_s])
        assert inside(plan, place)
        assert has_cut(plan, place)
        jumps = {after.start_frame: jump(before, after) for before, after in pairwise(shots)}
        at_drop = jumps.pop(min(jumps, key=lambda cut: abs(cut - place)))
        assert all(other < at_drop for other in jumps.values())

    # 5: a cut ends the longest drum gap of the excerpt
    ends = [(gap, positions(plan, song, [gap.end_s])[0]) for gap in song.drum_gaps]
    ends = [(gap, place) for gap, place in ends if inside(plan, place)]
    if ends:
        longest = max(round(gap.end_s - gap.start_s, 1) for gap, _ in ends)
        first = min(place for gap, place in ends if round(gap.end_s - gap.start_s, 1) == longest)
        assert has_cut(plan, first)

    # 6: a section inside the excerpt starts with a new shot; the first chorus holds for a beat
    for section in song.sections:
        (place,) = positions(plan, song, [section.start_s])
        assert not inside(plan, place) or has_cut(plan, place)
    hit = hit_of(plan, song)
    for index, shot in enumerate(shots[1:-1], 1):
        assert shot.kind is ShotKind.MOTION
        assert shot.hold_frames == pytest.approx(beat_hold(plan, song, shot) if index == hit else 0, abs=index == hit)

    # 8: louder shots move more, always; no two neighbours are framed alike
    energies = [energy_of(shot, plan, song) for shot in shots]
    by_energy = sorted(zip(energies, [shot.motion for shot in shots], strict=True))
    assert all((low[1] < high[1]) == (low[0] < high[0]) for low, high in pairwise(by_energy) if low[0] != high[0])
    assert all(before.framing is not after.framing for before, after in pairwise(shots))

    # 9: one template, seeds fixed and different
    assert all(shot.prompt.endswith(", deep teal, warm amber light, " + Storyboard().style) for shot in shots)
    assert all("a lone figure" in shot.prompt for shot in shots)
    assert len({shot.seed for shot in shots}) == len(shots)
    assert plan_edit(song, LOOK, fps=fps, length_s=length_s) == plan

    # 10: the last shot, and no other, turns into the cover and rests on it
    assert [shot.kind for shot in shots].count(ShotKind.COVER_END) == 1
    assert shots[-1].kind is ShotKind.COVER_END
    assert min(fps, shots[-1].frame_count // 2) <= shots[-1].hold_frames <= shots[-1].frame_count // 2 + 1

    assert rules.broken(plan, song) == ()


def beat_hold(plan, song, shot):
    start_s = plan.excerpt.start_s + float(shot.start_frame / plan.fps)
    later = [beat.time_s - start_s for beat in song.beats if beat.time_s > start_s + float(0.6 / plan.fps)]
    beat_s = later[0] if later and later[0] <= 2 else 0.5
    return min(beat_s * plan.fps, shot.frame_count // 2)


def can_hold(song, drop_s, length_s):
    """Whether an excerpt can have a bar before the drop and one after it."""
    bars = song.downbeats_s
    at = bars.index(to_grid(song, drop_s))
    return 0 < at < len(bars) - 1 and bars[at + 1] - bars[at - 1] <= length_s


def hit_of(plan, song):
    """The index of the shot that opens the first chorus; 0 or None if there is nothing to hold."""
    choruses = [
        place
        for section in song.sections
        if section.role is SectionRole.CHORUS
        for place in positions(plan, song, [section.start_s])
        if -1 < place < plan.frame_count - 1
    ]
    if not choruses:
        return None
    starts = [shot.start_frame for shot in plan.shots]
    return min(range(len(starts)), key=lambda index: abs(starts[index] - min(choruses)))


def energy_of(shot, plan, song):
    start_s = plan.excerpt.start_s + float(shot.start_frame / plan.fps)
    return song.energy.mean(start_s, start_s + float(shot.frame_count / plan.fps))


@pytest.mark.slow
@thorough
@given(songs(shortest_bar_s=0.15, longest_s=90.0), FRAME_RATE)
def test_very_short_bars_make_no_very_short_shots(song, fps):
    plan = plan_edit(song, LOOK, fps=fps)
    has_bars = song.downbeats_s[-1] - song.downbeats_s[0] >= SHORTEST_S
    if has_bars:
        assert all(shot.frame_count >= math.floor(SHORTEST_S * fps) for shot in plan.shots)
    assert rules.broken(plan, song) == ()
    if has_bars and song.drop_s is not None and plan.excerpt.start_s + 1.5 < song.drop_s < plan.excerpt.end_s - 1.5:
        (place,) = positions(plan, song, [song.drop_s])
        assert min(abs(cut - place) for cut in cuts_of(plan)) <= SHORTEST_S * fps + 1


def test_a_drop_with_which_the_song_ends_need_not_be_shown():
    song = make_song([0.1875] * 3, meter=2, first_s=1.0, drop=3)
    plan = plan_edit(song, LOOK, fps=Fraction(24))
    assert plan.excerpt.end_s < song.duration_s - 0.5
    assert rules.broken(plan, song) == ()


@settings(thorough, max_examples=40)
@given(st.floats(0.1, 600), st.integers(0, 3), st.floats(0, 1), FRAME_RATE)
def test_songs_without_bars_are_cut_on_an_even_grid(duration_s, beat_count, place, fps):
    beats = tuple(Beat(min(duration_s, place * duration_s + 0.1 * n), 1, n + 1, 0.1) for n in range(beat_count))
    song = SongAnalysis("a" * 64, duration_s, 0.0, 4, beats, (), EnergyCurve(0.1, ()), None, (), 0.0, "hand")
    plan = plan_edit(song, LOOK, fps=fps)
    assert plan.excerpt.start_s >= 0
    assert plan.excerpt.end_s <= min(duration_s, plan.excerpt.start_s + 30) + 1e-6
    assert plan.excerpt.end_s - plan.excerpt.start_s > min(duration_s, 30) - 4.01
    assert any("even grid" in reason for reason in plan.shots[0].why)
    assert len({shot.frame_count for shot in plan.shots[1:-1]}) <= 2 or fps.denominator > 1
    assert plan.shots[-1].kind is ShotKind.COVER_END
    assert rules.broken(plan, song) == ()


def test_calm_parts_have_long_shots_and_loud_parts_short_ones():
    levels = [0.1] * 6 + [0.9] * 8
    song = make_song([2.0] * 14, levels=levels, sections=[(0, SectionRole.INTRO), (6, SectionRole.CHORUS)], drop=6)
    plan = plan_edit(song, LOOK)
    calm = [float(shot.frame_count / plan.fps) for shot in plan.shots if shot.end_frame <= 12 * 24]
    loud = [float(shot.frame_count / plan.fps) for shot in plan.shots[:-1] if shot.start_frame >= 12 * 24]
    assert min(calm) >= 4
    assert max(loud) <= 2


@pytest.mark.slow
@settings(thorough, max_examples=60)
@given(st.floats(60, 180), st.sampled_from([2, 3, 4]), st.integers(0, 2**32))
def test_the_pace_follows_the_energy(bpm, meter, seed):
    """Over any song of loud and calm blocks, calm shots are longer than loud ones."""
    random, bar_s = Random(seed), meter * 60 / bpm
    blocks = [random.choice([0.1, 0.9]) for _ in range(math.ceil(60 / (4 * bar_s)))]
    song = make_song([bar_s] * (4 * len(blocks)), meter=meter, levels=[level for level in blocks for _ in range(4)])
    plan = plan_edit(song, LOOK, length_s=60)
    lengths = {True: [], False: []}
    for shot in plan.shots[1:-1]:
        energy = energy_of(shot, plan, song)
        if not 0.25 < energy < 0.75:
            lengths[energy > 0.5].append(float(shot.frame_count / plan.fps))
    if lengths[True] and lengths[False]:
        calm, loud = (sum(lengths[key]) / len(lengths[key]) for key in (False, True))
        assert calm > loud or calm == pytest.approx(bar_s, abs=0.05)


def test_motion_is_about_80_where_it_is_calm_and_180_in_a_chorus():
    song = make_song(
        [2.0] * 14, levels=[0.1] * 6 + [0.9] * 8, sections=[(0, SectionRole.INTRO), (6, SectionRole.CHORUS)]
    )
    motions = [shot.motion for shot in plan_edit(song, LOOK).shots]
    assert min(motions) in range(70, 91)
    assert max(motions) in range(170, 191)


def test_a_long_song_is_cut_to_an_excerpt_around_its_drop():
    levels = [0.3] * 40 + [0.1] * 8 + [1.0] * 16 + [0.2] * 40
    sections = [(0, SectionRole.VERSE), (40, SectionRole.BREAK), (48, SectionRole.CHORUS), (64, SectionRole.OUTRO)]
    song = make_song([2.0] * 104, levels=levels, sections=sections, drop=48)
    excerpt = plan_edit(song, LOOK).excerpt
    assert excerpt.end_s - excerpt.start_s >= 24
    assert song.drop_s is not None
    assert 0.2 <= (song.drop_s - excerpt.start_s) / (excerpt.end_s - excerpt.start_s) <= 0.75
    assert song.energy.mean(excerpt.start_s, excerpt.start_s + 6) < 0.5
    assert excerpt.fades_out


def test_a_drop_near_the_songs_start_is_still_a_cut():
    levels = [1.0] + [0.1] * 5 + [0.9] * 40
    song = make_song([2.0] * 46, levels=levels, sections=[(1, SectionRole.VERSE), (16, SectionRole.CHORUS)], drop=1)
    plan = plan_edit(song, LOOK)
    assert plan.excerpt.start_s == 0
    assert plan.shots[1].start_frame == 48


def test_energies_that_round_to_one_motion_are_told_apart():
    energies = [0.1, 0.9, 0.5, 0.5001, 0.5002, 0.5003] + [0.5 + n / 10**6 for n in range(1, 80)]
    by_energy = [motion for _, motion in sorted(zip(energies, motions(energies), strict=True))]
    assert all(low < high for low, high in pairwise(by_energy))
    assert by_energy[0] >= 1
    assert by_energy[-1] <= 255


def test_the_storyboard_is_obeyed():
    board = Storyboard(
        subject="a keeper",
        style="ink drawing",
        shots=(
            BoardShot("one", bars=3, seed=11, motion=200, framing=Framing.DETAIL),
            BoardShot("two"),
            BoardShot("three", bars=1),
        ),
    )
    song = make_song([2.0] * 14, levels=[0.1] * 6 + [0.9] * 8)
    plan = plan_edit(song, LOOK, board)
    first, second, third, fourth = plan.shots[:4]
    assert (first.frame_count, first.seed, first.motion, first.framing) == (144, 11, 200, Framing.DETAIL)
    assert third.frame_count == 48
    assert (
        first.prompt
        == "extreme close-up, detail of a keeper, one, a vast open landscape, deep teal, warm amber light, ink drawing"
    )
    assert [", one, " in fourth.prompt, ", two, " in second.prompt] == [True, True]
    assert fourth.seed != 11


def test_lengths_that_do_not_fit_are_said_so():
    board = Storyboard(shots=tuple(BoardShot("p", bars=8) for _ in range(4)))
    plan = plan_edit(make_song([2.0] * 12), LOOK, board)
    assert sum(shot.frame_count for shot in plan.shots) == 24 * 24
    assert plan.shots[0].frame_count == 8 * 48
    assert any("find no room" in reason for reason in plan.shots[-1].why)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"length_s": 0}, "length of 0 s"),
        ({"length_s": float("nan")}, "length of nan s"),
        ({"length_s": 1.0}, "No bar of the song fits into a video of 1 s; ask for a length of at least 2.1 s"),
        ({"width_px": 1921}, "both sides must be even"),
        ({"height_px": 0}, "both sides must be even"),
        ({"fps": Fraction(23)}, "choose one of these"),
    ],
)
def test_what_can_not_be_planned_is_said_so(options, sentence):
    with pytest.raises(BadInput, match=sentence):
        plan_edit(make_song([2.0] * 40), LOOK, **options)


def test_a_song_without_length_is_refused():
    song = SongAnalysis("a" * 64, 0.0, 0.0, 4, (), (), EnergyCurve(0.1, ()), None, (), 0.0, "hand")
    with pytest.raises(BadInput, match="nothing to cut"):
        plan_edit(song, LOOK)


SONG = make_song(
    [2.0] * 14,
    levels=[0.1, 0.2, 0.1, 0.2, 0.1, 0.2] + [0.9] * 5 + [0.5] * 3,
    sections=[(0, SectionRole.INTRO), (6, SectionRole.CHORUS), (11, SectionRole.OUTRO)],
    drop=6,
    gaps=[(4, 6), (8, 9)],
)
PLAN = plan_edit(SONG, LOOK)


def change(index, **fields):
    shots = list(PLAN.shots)
    shots[index] = replace(shots[index], **fields)
    return replace(PLAN, shots=tuple(shots))


def merge(cut):
    """The plan without the cut at a frame."""
    index = next(i for i, shot in enumerate(PLAN.shots) if shot.start_frame == cut)
    before, after = PLAN.shots[index - 1 : index + 1]
    merged = replace(before, frame_count=before.frame_count + after.frame_count)
    return replace(PLAN, shots=(*PLAN.shots[: index - 1], merged, *PLAN.shots[index + 1 :]))


def move(index, frames):
    """The plan with the start of a shot moved."""
    shots = list(PLAN.shots)
    before, after = shots[index - 1], shots[index]
    shots[index - 1] = replace(before, frame_count=before.frame_count + frames)
    shots[index] = replace(after, start_frame=after.start_frame + frames, frame_count=after.frame_count - frames)
    return replace(PLAN, shots=tuple(shots))


def drop_index():
    return next(i for i, shot in enumerate(PLAN.shots) if shot.start_frame == 288)


def paced(bars):
    """A plan whose shots have these lengths in bars, all else being alike."""
    shots, start = [], 0
    for number, length in enumerate(bars):
        shots.append(replace(PLAN.shots[0], id=f"s{number + 1:02d}", start_frame=start, frame_count=48 * length))
        start = shots[-1].end_frame
    return replace(PLAN, shots=tuple(shots))


FAULTS = {
    "a late cut": (Rule.DOWNBEATS, lambda: move(2, 3), "3 frames after its downbeat"),
    "an early cut": (Rule.DOWNBEATS, lambda: move(2, -1), "1 frame before its downbeat"),
    "a hole": (Rule.DOWNBEATS, lambda: replace(PLAN, shots=PLAN.shots[:2] + PLAN.shots[3:]), "Nothing is shown for"),
    "a black start": (Rule.DOWNBEATS, lambda: replace(PLAN, shots=PLAN.shots[1:]), "Nothing is shown for the first"),
    "off the song's grid": (
        Rule.EXCERPT,
        lambda: replace(PLAN, excerpt=replace(PLAN.excerpt, start_s=0.2, end_s=28.2)),
        "does not start on a downbeat",
    ),
    "too short": (Rule.EXCERPT, lambda: replace(PLAN, shots=PLAN.shots[:-1]), "do not end where the excerpt ends"),
    "a needless fade": (
        Rule.EXCERPT,
        lambda: replace(PLAN, excerpt=replace(PLAN.excerpt, fades_out=True)),
        "audio fades",
    ),
    "acts out of order": (Rule.EXCERPT, lambda: change(0, act=3), "comes after act 3"),
    "no hero": (Rule.HOLDS, lambda: change(0, kind=ShotKind.MOTION), "not the hero's"),
    "no hold": (Rule.HOLDS, lambda: change(0, hold_frames=2), "not held"),
    "no hit": (Rule.HOLDS, lambda: change(drop_index(), hold_frames=0), "first chorus opens without"),
    "no cut on the drop": (Rule.DROP, lambda: merge(288), "No cut lies on the drop"),
    "a soft drop": (Rule.DROP, lambda: change(drop_index(), framing=Framing.CLOSE), "Harder than the drop's cut"),
    "a gap that ends uncut": (Rule.DRUM_GAP, lambda: merge(288), "drums come back"),
    "a section without its shot": (Rule.SECTIONS, lambda: merge(528), "outro A starts without a new shot"),
    "a split first bar": (Rule.SECTIONS, lambda: move(drop_index() + 1, -24), "splits the first bar"),
    "a lingering loud shot": (Rule.PACE, lambda: paced([2, 1, 3, 5, 3]), "lasts far longer"),
    "a lame chorus": (Rule.MOTION, lambda: change(drop_index(), motion=20), "moves less"),
    "motion out of range": (Rule.MOTION, lambda: change(0, motion=0), "not 1 to 255"),
    "another style": (Rule.PROMPTS, lambda: change(1, prompt="a cat, watercolour"), "shared style"),
    "a wild seed": (Rule.PROMPTS, lambda: change(1, seed=-1), "not 0 to"),
    "no ending": (Rule.ENDING, lambda: change(-1, kind=ShotKind.MOTION), "does not turn into the cover"),
    "no rest": (Rule.ENDING, lambda: change(-1, hold_frames=0), "does not rest"),
    "an early ending": (Rule.ENDING, lambda: change(1, kind=ShotKind.COVER_END), "before the video's end"),
}


@pytest.mark.parametrize(("rule", "faulty", "sentence"), FAULTS.values(), ids=FAULTS)
def test_a_broken_rule_is_named(rule, faulty, sentence):
    assert rules.broken(PLAN, SONG) == ()
    assert any(found.rule is rule and sentence in found.sentence for found in rules.broken(faulty(), SONG))


def test_an_edit_without_shots_is_named():
    assert [found.sentence for found in rules.broken(replace(PLAN, shots=()), SONG)] == ["The edit has no shots."]


@pytest.mark.slow
@settings(thorough, max_examples=40)
@given(songs(longest_s=120), FRAME_RATE)
def test_requests_carry_the_beats_and_the_energy(song, fps):
    plan = plan_edit(song, LOOK, fps=fps)
    requests = clip_requests(
        plan, song, painter="cover", animator="camera", options=[("b", "2"), ("a", "1")], character_sha256="f"
    )
    assert [request.shot_id for request in requests] == [shot.id for shot in plan.shots]
    places = positions(plan, song, [beat.time_s for beat in song.beats])
    for request, shot in zip(requests, plan.shots, strict=True):
        assert 0 in request.accents
        assert list(request.accents) == sorted(set(request.accents))
        for accent in request.accents:
            assert 0 <= accent < request.frame_count
            assert min(abs(shot.start_frame + accent - place) for place in places) <= Fraction(501, 1000)
        within = [p for p in places if shot.start_frame + 1 <= p <= shot.end_frame - 1]
        assert len(request.accents) >= len({round(place) for place in within})
        assert len(request.energy) >= 2
        assert min(request.energy) >= min(song.energy.values) - 1e-4
        assert max(request.energy) <= max(song.energy.values) + 1e-4
        assert request.options == (("a", "1"), ("b", "2"))
        assert (request.character_sha256, request.cover_sha256) == ("f", LOOK.cover_sha256)
        assert (request.motion, request.framing, request.hold_frames) == (shot.motion, shot.framing, shot.hold_frames)


def test_energy_samples_span_the_clip():
    song = make_song([2.0] * 14, levels=[bar / 14 for bar in range(14)])
    song = replace(song, energy=EnergyCurve(28.0, (0.0, 1.0)))
    plan = plan_edit(song, LOOK)
    for request, shot in zip(clip_requests(plan, song, painter="p", animator="a"), plan.shots, strict=True):
        assert request.energy[0] == pytest.approx(shot.start_frame / (28 * 24), abs=1e-4)
        assert request.energy[-1] == pytest.approx((shot.end_frame - 1) / (28 * 24), abs=1e-4)


def test_a_plan_is_explained_shot_by_shot():
    told = explain(PLAN, SONG)
    assert told.summary[0] == f"{len(PLAN.shots)} shots in 28.0 s, 672 frames of 1920x1080 at 24 fps."
    assert [row.id for row in told.rows] == [shot.id for shot in PLAN.shots]
    assert sum(row.bars or 0 for row in told.rows) == 14
    drop = told.rows[drop_index()]
    assert drop.start_s == 12.0
    for reason in ("the drop", "chorus starts", "one beat held", "the drums come back"):
        assert reason in drop.why
    assert told.broken == ()


def test_no_cut_parts_a_sung_word_where_another_downbeat_will_do():
    song = make_song([2.0] * 14, levels=[0.4] * 4 + [0.9] * 10)
    plain = plan_edit(song, LOOK)
    cuts_s = [plain.excerpt.start_s + float(shot.start_frame / plain.fps) for shot in plain.shots[1:]]
    sung_s = cuts_s[len(cuts_s) // 2]

    def cut_at(start_s, end_s):
        words = (SungWord("Oh", start_s, end_s),)
        edit = plan_edit(song, LOOK, lyrics=(SungLine("Oh", start_s, end_s, words),))
        return sung_s in [edit.excerpt.start_s + float(shot.start_frame / edit.fps) for shot in edit.shots]

    assert not cut_at(sung_s - 0.4, sung_s + 0.4)
    assert cut_at(sung_s, sung_s + 0.4), "a cut where a word starts parts nothing"
