"""Which beat is "the one", and whether the bars are whole ones, once they are found."""

import numpy as np
import pytest

from bridge.song.alternative import Reading
from bridge.song.bar_correction import correct_bars
from bridge.song.bar_decoder import Bar, Meter
from bridge.song.bar_weights import PHASE_WEIGHTS, WEIGHTS
from bridge.song.downbeat_phase import phase_scores, settle, shifted
from bridge.song.features import CUE_RATE_HZ, CUES, Features
from tests.song.song_synth import grid

SIX_EIGHT, TWELVE_EIGHT, COMMON = Meter(2, 3), Meter(4, 3), Meter(4, 4)


def heard(cues: dict[str, dict[float, float]], bar_s: float = 2.0, first_sound_s: float = 0.0) -> Features:
    """Cues by name, then strengths by where in the bar they fall, in seconds; bars begin at 1 s."""
    table = np.zeros((1800, len(CUES)))
    for name, strengths in cues.items():
        for part_s, strength in strengths.items():
            at = np.round(np.arange(1.0 + part_s, 34.5, bar_s) * CUE_RATE_HZ).astype(int)
            for near in (-1, 0, 1):
                table[at + near, CUES.index(name)] = strength
    flat = np.ones((36, 2))
    return Features(table, flat, np.array([0.2, 1.5]), flat, np.array([0.5, 5.0]), first_sound_s, 35.0)


def song_with_one_at(beat: int, **more: float) -> Features:
    """New chords on "the one", kick on it and on the eighth before beat 3, cymbals with the snare after it."""
    at = 0.5 * beat
    return heard(
        {
            "onset": {0.5 * n: 1.0 for n in range(4)},
            "kick": {at: 1.0, (at + 0.75) % 2: 0.8},
            "chord": {at: 2.5},
            "bass": {at: 2.5},
            "air": {(at + 0.5) % 2: 0.8, (at + 1.5) % 2: 0.8},
        },
        **more,
    )


@pytest.mark.parametrize("beat", range(4))
def test_the_one_goes_where_chords_and_kicks_say(beat):
    settled = settle(grid(), song_with_one_at(beat), PHASE_WEIGHTS)
    assert (settled.times_s == grid().times_s).all()
    assert (settled.positions == grid(-beat).positions).all()


def test_the_one_stays_where_nothing_speaks_for_another():
    assert (settle(grid(2), heard({}), PHASE_WEIGHTS).positions == grid(2).positions).all()
    on_all = heard({"onset": {0.5 * n: 1.0 for n in range(4)}, "chord": {0.5 * n: 2.0 for n in range(4)}})
    assert (settle(grid(1), on_all, PHASE_WEIGHTS).positions == grid(1).positions).all()


def test_where_the_song_begins_speaks_for_the_one():
    began, later = (phase_scores(grid(1), heard({}, first_sound_s=at_s), PHASE_WEIGHTS) for at_s in (1.01, 1.2))
    assert (began - later).tolist() == pytest.approx([0, PHASE_WEIGHTS.opening, 0, 0])


@pytest.mark.parametrize("reading", [grid(meter=3), grid(meter=2), grid(count=11), grid(count=0)])
def test_other_bars_and_short_songs_stay_as_they_are(reading):
    assert settle(reading, song_with_one_at(2), PHASE_WEIGHTS) is reading


def test_a_waltz_with_one_bar_of_four_stays_as_it_is():
    positions = np.concatenate([grid(meter=3, count=30).positions, [1, 2, 3, 4], grid(meter=3, count=30).positions])
    reading = Reading(grid().times_s, positions)
    assert settle(reading, song_with_one_at(2), PHASE_WEIGHTS) is reading


def test_a_shifted_reading_counts_up_to_its_first_one():
    assert shifted(grid(count=6), 1).positions.tolist() == [4, 1, 2, 3, 4, 1]
    assert shifted(grid(2, count=6), 3).positions.tolist() == [4, 1, 2, 3, 4, 1]
    assert shifted(grid(count=6), 0).positions.tolist() == grid(count=6).positions.tolist()
    assert shifted(Reading(grid(count=4).times_s, np.array([1, 2, 1, 2])), 1).positions.tolist() == [2, 1, 2, 1]


def bars(count: int, meter: Meter = SIX_EIGHT, start: int = 50, length: int = 100) -> list[Bar]:
    return [Bar(start + length * n, start + length * (n + 1), meter) for n in range(count)]


THIRDS = {"onset": {n / 3: 0.8 for n in range(6)}}
ALIKE = {"chord": {0.0: 2.0}, "bass": {0.0: 2.0}}
IN_PAIRS = {"chord": {0.0: 2.5, 2.0: 0.2}, "bass": {0.0: 2.5}}


def test_six_eight_stays_where_its_thirds_are_heard_and_its_bars_are_alike():
    assert correct_bars(bars(14), heard(THIRDS | ALIKE), WEIGHTS) == bars(14)


def test_half_bars_become_bars_that_begin_with_the_strong_one():
    paired = correct_bars(bars(14), heard(THIRDS | IN_PAIRS, bar_s=4.0), WEIGHTS)
    assert paired == bars(7, TWELVE_EIGHT, length=200)
    later = correct_bars(bars(14)[1:], heard(THIRDS | IN_PAIRS, bar_s=4.0), WEIGHTS)
    assert later == bars(14)[1:2] + bars(6, TWELVE_EIGHT, start=250, length=200)


def test_slow_beats_without_thirds_are_twice_as_many():
    assert correct_bars(bars(14), heard({"onset": {0.0: 1.0, 1.0: 1.0}} | ALIKE), WEIGHTS) == bars(14, COMMON)


def test_other_beats_without_thirds_are_half_bars():
    plain = heard({"onset": {0.0: 1.0, 0.6: 1.0}} | ALIKE, bar_s=1.2)
    assert correct_bars(bars(20, length=60), plain, WEIGHTS) == bars(10, TWELVE_EIGHT, length=120)


def test_among_bars_of_four_beats_pairs_keep_to_their_grid():
    long, weak_first = bars(2, TWELVE_EIGHT, length=200), heard(IN_PAIRS, bar_s=4.0)
    rest = bars(8, start=450)
    assert correct_bars(long + rest, weak_first, WEIGHTS) == bars(6, TWELVE_EIGHT, length=200)
    before, after = bars(7), bars(2, TWELVE_EIGHT, start=750, length=200)
    assert correct_bars(before + after, weak_first, WEIGHTS) == before[:1] + bars(
        5, TWELVE_EIGHT, start=150, length=200
    )


def test_a_few_compound_bars_in_a_song_stay():
    song = bars(6, COMMON) + bars(5, start=650)
    assert correct_bars(song, heard(IN_PAIRS, bar_s=4.0), WEIGHTS) == song


FAST, HALF_BARS = 80, {"onset": {0.4 * n: 1.0 for n in range(8)}, "chord": {0.0: 2.0}, "bass": {0.0: 2.0}}


def fast(between: float = 0.0, second: float = 0.0) -> Features:
    """150 beats a minute, or 75: as much between the beats, and on every second of the fast bars' downbeats."""
    onsets = HALF_BARS["onset"] | {0.4 * n + 0.2: between for n in range(8)}
    return heard(HALF_BARS | {"onset": onsets, "chord": {0.0: 2.0, 1.6: second}}, bar_s=3.2)


def test_fast_half_bars_between_whose_beats_nothing_happens_are_counted_at_half_the_tempo():
    song = bars(16, COMMON, length=FAST)
    assert correct_bars(song, fast(), WEIGHTS) == bars(8, COMMON, length=2 * FAST)
    assert correct_bars(song[1:], fast(), WEIGHTS) == bars(8, COMMON, length=2 * FAST)[1:]
    assert correct_bars(song[:-1], fast(), WEIGHTS) == bars(7, COMMON, length=2 * FAST)


@pytest.mark.parametrize("unlike", [{"between": 0.5}, {"second": 2.0}])
def test_fast_bars_stay_where_eighths_are_heard_or_every_bar_has_its_downbeat(unlike):
    assert correct_bars(bars(16, COMMON, length=FAST), fast(**unlike), WEIGHTS) == bars(16, COMMON, length=FAST)


def test_bars_that_are_not_fast_are_never_halved():
    slow = heard({"onset": {0.5 * n: 1.0 for n in range(8)}, "chord": {0.0: 2.0}}, bar_s=4.0)
    assert correct_bars(bars(14, COMMON), slow, WEIGHTS) == bars(14, COMMON)
    assert correct_bars([], slow, WEIGHTS) == []


def test_plain_clicks_keep_their_tempo():
    song, clicks = bars(16, COMMON, length=FAST), heard({"onset": {0.4 * n: 1.0 for n in range(4)}}, bar_s=1.6)
    clicks.cues[song[0].start, CUES.index("chord")] = 3.0  # the song's beginning
    clicks.cues[song[-1].start, CUES.index("chord")] = 0.5
    assert correct_bars(song, clicks, WEIGHTS) == song
