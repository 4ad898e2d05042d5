"""What decides on beats and bars, and how a reading is put to the test."""

import numpy as np

from bridge.song.bar_path import PLACES, best_path
from bridge.song.bar_weights import WEIGHTS
from bridge.song.evidence import CUE_RATE_HZ, gather
from bridge.song.hearing import listen
from bridge.song.rival import Reading, agreement, handicap
from tests.bridge.song_synth import pop_song


def grid(period_s: float = 0.5, start_s: float = 1.0, first: int = 0, count: int = 64) -> Reading:
    return Reading(start_s + period_s * np.arange(count), (np.arange(count) + first) % 4 + 1)


def test_agreement_asks_for_the_same_beat_at_the_same_position():
    late = Reading(np.append(grid().times_s[:32], grid().times_s[32:] + 0.2), grid().positions)
    assert agreement(grid(), grid(start_s=1.05)).all()
    assert not agreement(grid(), grid(start_s=1.25)).any()
    assert not agreement(grid(), grid(first=2)).any()
    assert agreement(grid(), late).tolist() == [1.0] * 32 + [0.0] * 32
    assert not agreement(grid(), Reading(np.zeros(0), np.zeros(0, int))).any()
    assert agreement(grid(count=2), Reading(np.array([1.0]), np.array([1]))).tolist() == [1.0, 0.0]


def test_the_price_is_on_the_beats_and_higher_on_downbeats():
    price = handicap(grid(count=8), 400)
    downbeat, middle, other = (price[PLACES.index(place)] for place in ("downbeat", "middle", "other"))
    assert downbeat[50] == downbeat[52] > downbeat[75] == middle[75] == other[50] > 0
    assert not price[:, 60].any()
    assert not price[[PLACES.index("between"), PLACES.index("quarter")]].any()
    assert handicap(grid(count=1000), 10).shape == (len(PLACES), 10)  # beats after the end


def test_a_clear_song_is_read_the_same_at_a_higher_price_and_otherwise_at_any():
    evidence = gather(listen(pop_song(bars=(("full", 12),)).audio))
    found = best_path(evidence, WEIGHTS)
    starts = np.array([bar.start for bar in found]) / CUE_RATE_HZ
    reading = Reading(starts, np.ones(len(starts), int))
    price = handicap(reading, len(evidence.cues))
    again = {bar.start for bar in best_path(evidence, WEIGHTS, price)}
    elsewhere = {bar.start for bar in best_path(evidence, WEIGHTS, 20 * price)}
    assert len(again & {bar.start for bar in found}) > 0.8 * len(found)
    assert len(elsewhere & {bar.start for bar in found}) < 0.2 * len(found)
