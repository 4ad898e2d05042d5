from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blender_addon.core import reading_names, regrid
from blender_addon.core.types import Beat, DrumGap, EnergyCurve, Section, SectionRole, SongAnalysis


def grid(
    meter: int = 4,
    bars: int = 8,
    pickup: int = 0,
    beat_s: float = 0.5,
    start_s: float = 0.25,
    cut_bar: int | None = None,
) -> SongAnalysis:
    """Bars of `meter` beats after a pick-up; `cut_bar` is two beats long."""
    positions = [meter - pickup + i + 1 for i in range(pickup)]
    numbers = [0] * pickup
    for bar in range(1, bars + 1):
        length = 2 if bar == cut_bar else meter
        positions += range(1, length + 1)
        numbers += [bar] * length
    beats = tuple(
        Beat(start_s + i * beat_s, bar, position, 0.9)
        for i, (bar, position) in enumerate(zip(numbers, positions, strict=True))
    )
    duration_s = beats[-1].time_s + beat_s
    downbeats_s = [beat.time_s for beat in beats if beat.position == 1]
    middle_s = downbeats_s[bars // 2]
    return SongAnalysis(
        song_sha256="0" * 64,
        duration_s=duration_s,
        tempo_bpm=60 / beat_s,
        meter=meter,
        beats=beats,
        sections=(
            Section(0.0, middle_s, "A", SectionRole.VERSE, 0.2),
            Section(middle_s, duration_s, "B", SectionRole.CHORUS, 0.9),
        ),
        energy=EnergyCurve(0.5, (0.2, 0.4, 0.9, 1.0)),
        drop_s=middle_s,
        drum_gaps=(DrumGap(1.0, 2.01), DrumGap(3.0, 4.03)),
        confidence=0.8,
        tracker="bars-1",
    )


def positions(analysis: SongAnalysis) -> list[int]:
    return [beat.position for beat in analysis.beats]


def well_formed(analysis: SongAnalysis) -> None:
    times_s = [beat.time_s for beat in analysis.beats]
    assert times_s == sorted(set(times_s))
    assert all(0 <= time_s < analysis.duration_s for time_s in times_s)
    bar = 0
    for beat in analysis.beats:
        bar += beat.position == 1
        assert beat.bar == bar
    assert analysis.sections[0].start_s == 0
    assert analysis.sections[-1].end_s == analysis.duration_s
    for a, b in zip(analysis.sections, analysis.sections[1:], strict=False):
        assert a.end_s == b.start_s
        assert b.start_s in analysis.downbeats_s
    assert analysis.drop_s is None or analysis.drop_s in analysis.downbeats_s


def test_shift_moves_the_one_later():
    shifted = regrid.with_downbeat_shift(grid(), 1)
    assert positions(shifted)[:6] == [4, 1, 2, 3, 4, 1]
    assert shifted.beats[0].bar == 0
    well_formed(shifted)


def test_shift_moves_the_one_earlier():
    assert positions(regrid.with_downbeat_shift(grid(), -1))[:5] == [2, 3, 4, 1, 2]


def test_shift_by_a_bar_changes_nothing():
    assert regrid.with_downbeat_shift(grid(), 4).beats == grid().beats
    assert regrid.with_downbeat_shift(grid(pickup=2), -4).beats == grid(pickup=2).beats


def test_shift_there_and_back():
    assert regrid.with_downbeat_shift(regrid.with_downbeat_shift(grid(pickup=1), 1), -1).beats == grid(pickup=1).beats


def with_half_tempo() -> SongAnalysis:
    """A song that may be counted at half its tempo, too."""
    heard = grid(bars=9)
    half = regrid.as_reading(regrid.half_tempo(heard), 0.6)
    return replace(heard, readings=(regrid.as_reading(heard, 0.8), half))


def test_a_reading_is_chosen_and_left_again_without_a_trace():
    heard = with_half_tempo()
    half = regrid.with_reading(heard, 2)
    well_formed(half)
    assert (half.tempo_bpm, half.confidence, regrid.reading_of(half)) == (60, 0.6, 2)
    assert half.beats == regrid.half_tempo(heard).beats
    assert regrid.with_reading(half, 1) == heard
    assert regrid.reading_of(regrid.with_downbeat_shift(heard, 1)) == 0


@pytest.mark.parametrize("number", [0, 3])
def test_a_reading_that_is_not_there_is_refused(number):
    with pytest.raises(IndexError):
        regrid.with_reading(with_half_tempo(), number)


def test_readings_are_told_by_what_is_unlike():
    heard = grid(bars=8)
    others = [
        regrid.double_tempo(heard),
        regrid.with_downbeat_shift(heard, 2),
        regrid.with_downbeat_at(heard, heard.beats[4].time_s + 0.25),
    ]
    told = [reading_names.difference(regrid.as_reading(one, 0.3), regrid.as_reading(heard, 0.5)) for one in others]
    assert told == ["240 bpm", "the one 2 beats later", "half a beat later"]


def test_a_choice_is_told_while_it_is_open_and_another_is_likely():
    heard = with_half_tempo()
    assert reading_names.choice(heard) == ("Read as 120 bpm, 4 beats a bar; 60 bpm is nearly as likely: `--reading 2`.")
    assert reading_names.choice(regrid.with_reading(heard, 2)) == ""
    unlikely = replace(heard.readings[1], share=0.1)
    assert reading_names.choice(replace(heard, readings=(heard.readings[0], unlikely))) == ""


def test_sections_have_the_tempo_and_the_confidence_of_their_own_beats():
    heard = grid()
    middle_s = heard.sections[1].start_s
    slowed = [
        replace(b, time_s=middle_s + 1.5 * (b.time_s - middle_s), confidence=0.5) if b.time_s > middle_s else b
        for b in heard.beats
    ]
    sections = regrid.rebuilt(replace(heard, duration_s=100.0), slowed).sections
    assert [section.tempo_bpm for section in sections] == pytest.approx([120, 80])
    assert sections[0].confidence == pytest.approx(0.9)
    assert sections[1].confidence < 0.65


def test_half_tempo_makes_one_bar_of_two():
    half = regrid.half_tempo(grid())
    assert half.tempo_bpm == pytest.approx(60)
    assert half.meter == 4
    assert [b.time_s for b in half.beats[:3]] == [0.25, 1.25, 2.25]
    assert positions(half)[:5] == [1, 2, 3, 4, 1]
    well_formed(half)


def test_half_tempo_pairs_bars_so_that_sections_start_on_downbeats():
    analysis = grid(bars=10)  # the second section starts with bar 6
    half = regrid.half_tempo(analysis)
    assert analysis.drop_s in half.downbeats_s
    assert half.drop_s == analysis.drop_s
    assert positions(half)[:4] == [3, 4, 1, 2]


def test_half_tempo_of_a_waltz():
    half = regrid.half_tempo(grid(meter=3))
    assert half.meter == 3
    assert positions(half)[:4] == [1, 2, 3, 1]
    well_formed(half)


def test_double_tempo_makes_two_bars_of_one():
    double = regrid.double_tempo(grid(pickup=1))
    assert double.tempo_bpm == pytest.approx(240)
    assert double.meter == 4
    assert positions(double)[:7] == [3, 4, 1, 2, 3, 4, 1]
    well_formed(double)


def test_double_then_half_is_the_same_grid():
    assert regrid.half_tempo(regrid.double_tempo(grid())).beats == grid().beats


def test_tap_makes_the_nearest_beat_a_downbeat():
    tapped = regrid.with_downbeat_at(grid(), 0.25 + 6 * 0.5 + 0.06)
    assert 0.25 + 6 * 0.5 in tapped.downbeats_s
    assert tapped.downbeats_s[0] == pytest.approx(1.25)
    well_formed(tapped)


def test_tap_between_beats_moves_the_grid_by_half_a_beat():
    tapped = regrid.with_downbeat_at(grid(), 2.52)
    assert 2.5 in tapped.downbeats_s
    assert tapped.tempo_bpm == pytest.approx(120)
    well_formed(tapped)


def test_a_moved_bar_bends_the_grid_up_to_its_neighbours_and_no_further():
    heard = grid()  # bars every 2 s from 0.25 s on
    bent = regrid.bent(heard, {4.25: 4.65})
    assert bent.downbeats_s[:4] == pytest.approx((0.25, 2.25, 4.65, 6.25))
    inside = [beat.time_s for beat in bent.beats if 2.25 <= beat.time_s < 6.25]
    assert inside == pytest.approx([2.25, 2.85, 3.45, 4.05, 4.65, 5.05, 5.45, 5.85])
    outside = [(a.time_s, b.time_s) for a, b in zip(heard.beats, bent.beats, strict=True) if not 2 < a.time_s < 6.2]
    assert all(a == b for a, b in outside)
    well_formed(bent)
    assert regrid.bent(heard, {}).beats == heard.beats


def test_sections_and_the_drop_go_along_with_their_bar():
    heard = grid()
    on = heard.downbeats_s[3]
    edge = replace(heard.sections[0], end_s=on), replace(heard.sections[-1], start_s=on)
    heard = replace(heard, sections=edge, drop_s=on)
    bent = regrid.bent(heard, {on: on + 1.2})
    assert bent.drop_s == bent.sections[1].start_s == bent.sections[0].end_s == pytest.approx(on + 1.2)


@pytest.mark.parametrize("to_s", [2.2, 6.3])
def test_no_bar_passes_another(to_s):
    with pytest.raises(ValueError, match="before or after"):
        regrid.bent(grid(), {4.25: to_s})


def test_another_meter_from_a_bar_on():
    changed = regrid.with_change_at(grid(), 4.3, meter=3)
    assert changed.downbeats_s[:5] == pytest.approx((0.25, 2.25, 4.25, 5.75, 7.25))
    assert [beat.time_s for beat in changed.beats] == [beat.time_s for beat in grid().beats]
    well_formed(changed)


def test_another_tempo_from_a_bar_on():
    changed = regrid.with_change_at(grid(), 4.2, tempo_bpm=60)
    assert changed.downbeats_s[:4] == pytest.approx((0.25, 2.25, 4.25, 8.25))
    assert changed.beats[-1].time_s >= changed.duration_s - 1
    both = regrid.with_change_at(grid(), 4.2, meter=3, tempo_bpm=60)
    assert both.downbeats_s[2:4] == pytest.approx((4.25, 7.25))
    well_formed(changed)


def test_tap_far_outside_still_gives_a_grid():
    well_formed(regrid.with_downbeat_at(grid(), 1000.0))
    well_formed(regrid.with_downbeat_at(grid(), -1000.0))


def test_no_beats_stay_none():
    empty = replace(grid(), beats=(), drop_s=None)
    for other in (
        regrid.with_downbeat_shift(empty, 1),
        regrid.half_tempo(empty),
        regrid.double_tempo(empty),
        regrid.with_downbeat_at(empty, 1.0),
    ):
        assert other == empty


def test_gaps_alike_to_a_tenth_of_a_second_count_as_one_and_the_first_is_taken():
    assert grid().drum_gap == (1.0, 2.01)


@given(
    meter=st.integers(2, 7),
    bars=st.integers(1, 12),
    pickup=st.integers(0, 1),
    cut_bar=st.one_of(st.none(), st.integers(1, 12)),
    shift=st.integers(-9, 9),
    tap_s=st.floats(-1, 40),
)
def test_every_reading_is_well_formed(meter, bars, pickup, cut_bar, shift, tap_s):
    analysis = grid(meter, bars, pickup, cut_bar=cut_bar)
    for other in (
        regrid.with_downbeat_shift(analysis, shift),
        regrid.half_tempo(analysis),
        regrid.double_tempo(analysis),
        regrid.with_downbeat_at(analysis, tap_s),
        regrid.with_downbeat_at(regrid.half_tempo(regrid.with_downbeat_shift(analysis, shift)), tap_s),
    ):
        well_formed(other)
