"""What decides on beats and bars, and how a reading is put to the test."""

import numpy as np
import pytest

from bridge.song.alternative import Reading, agreement, penalty
from bridge.song.audio import Audio
from bridge.song.bar_decoder import METRICAL_POSITIONS, BarModel, Meter, best_path
from bridge.song.bar_weights import WEIGHTS
from bridge.song.features import CUE_RATE_HZ, CUES, Features, compute_features
from bridge.song.spectra import SAMPLE_RATE_HZ, compute_spectra
from tests.song.song_synth import grid, noise, pop_song


@pytest.mark.slow
def test_accents_tell_the_strong_from_the_weak():
    rng = np.random.default_rng(3)
    sound = np.zeros(20 * SAMPLE_RATE_HZ, np.float32)
    for n, start in enumerate(range(0, len(sound), SAMPLE_RATE_HZ // 2)):
        burst = noise(rng, 0.1, 0.02)
        sound[start : start + len(burst)] += (0.5 if n % 2 == 0 else 0.1) * burst
    features = compute_features(compute_spectra(Audio(sound[:, None], SAMPLE_RATE_HZ)))
    strong, weak = (features.cues[start:-CUE_RATE_HZ:CUE_RATE_HZ].mean(axis=0) for start in (50, 25))
    onset, accent = CUES.index("onset"), CUES.index("accent")
    assert strong[accent] > 3 * weak[accent] > 0
    assert strong[onset] < 1.5 * weak[onset]


@pytest.mark.parametrize(("against", "meter"), [(-0.5, Meter(4, 4)), (0.0, Meter(4, 3))])
def test_a_slow_compound_bar_hears_the_beats_that_it_leaves_out(against, meter):
    cues = np.zeros((1500, len(CUES)))
    for width in (-1, 0, 1):
        cues[15 + width :: 15, CUES.index("onset")] = 1.0  # 200 a minute, all alike
    flat = np.ones((30, 2))
    features = Features(cues, flat, np.array([0.2, 1.5]), flat, np.array([0.5, 5.0]), 0.0, 30.0)
    model = BarModel(
        cues=dict.fromkeys(CUES, (0.0,) * len(METRICAL_POSITIONS)) | {"onset": (1.0, 1.0, 1.0, 0.2, 0.0, against)},
        beat=-0.5,
        bar=(0.0, -9.0, -9.0, 0.0, -9.0),
        tempo=0.0,
        bar_length=0.0,
        tempo_prior=-6.0,
        usual_bpm=150.0,
        any_tempo=0.0,
        tempo_change=100.0,
        tempo_jump=20.0,
        meter_change=10.0,
        opening=0.0,
    )
    assert {bar.meter for bar in best_path(features, model)} == {meter}


@pytest.mark.parametrize("bpm", [51, 90, 130])
def test_six_eight_is_known_from_ballads_to_jigs(bpm):
    cues, eighths = np.zeros((2000, len(CUES))), np.arange(0, 2000, CUE_RATE_HZ * 20 / bpm)
    for name, strengths in (
        ("onset", (1.0, 0.6, 0.6, 0.9, 0.6, 0.6)),
        ("kick", (1.0, 0.0, 0.0, 0.0, 0.0, 0.0)),
        ("snare", (0.0, 0.0, 0.0, 1.0, 0.0, 0.0)),
        ("chord", (2.0, 0.0, 0.0, 0.0, 0.0, 0.0)),
    ):
        for n, at in enumerate(np.round(eighths).astype(int)):
            cues[max(0, at - 1) : at + 2, CUES.index(name)] = strengths[n % 6]
    flat = np.ones((40, 2))
    bars = best_path(Features(cues, flat, np.array([0.2, 1.5]), flat, np.array([0.5, 5.0]), 0.0, 40.0), WEIGHTS)
    assert {bar.meter for bar in bars} == {Meter(2, 3)}
    assert np.mean([bar.end - bar.start for bar in bars]) == pytest.approx(CUE_RATE_HZ * 120 / bpm, rel=0.02)


@pytest.mark.parametrize(("between", "begins_with_the_music"), [(1.0, True), (2.0, False)])
def test_a_song_begins_on_its_downbeat_unless_much_speaks_against_it(between, begins_with_the_music):
    cues = np.zeros((1500, len(CUES)))
    for at in range(60, 1500, 13):
        cues[at - 1 : at + 2, CUES.index("onset")] = 0.6 if (at - 60) % 26 == 0 else 0.6 * between
    flat = np.ones((30, 2))
    features = Features(cues, flat, np.array([0.2, 1.5]), flat, np.array([0.5, 5.0]), 1.2, 30.0)
    first = best_path(features, WEIGHTS)[0]
    assert (abs(first.start - 60) <= 3) is begins_with_the_music


def test_agreement_asks_for_the_same_beat_at_the_same_position():
    late = Reading(np.append(grid().times_s[:32], grid().times_s[32:] + 0.2), grid().positions)
    assert agreement(grid(), grid(start_s=1.05)).all()
    assert not agreement(grid(), grid(start_s=1.25)).any()
    assert not agreement(grid(), grid(first=2)).any()
    assert agreement(grid(), late).tolist() == [1.0] * 32 + [0.0] * 32
    assert not agreement(grid(), Reading(np.zeros(0), np.zeros(0, int))).any()
    assert agreement(grid(count=2), Reading(np.array([1.0]), np.array([1]))).tolist() == [1.0, 0.0]


def test_the_penalty_is_on_the_beats_and_higher_on_downbeats():
    cost = penalty(grid(count=8), 400)
    downbeat, middle, other = (cost[METRICAL_POSITIONS.index(name)] for name in ("downbeat", "middle", "other"))
    assert downbeat[50] == downbeat[52] > downbeat[75] == middle[75] == other[50] > 0
    assert not cost[:, 60].any()
    assert not cost[[METRICAL_POSITIONS.index("between"), METRICAL_POSITIONS.index("quarter")]].any()
    assert penalty(grid(count=1000), 10).shape == (len(METRICAL_POSITIONS), 10)  # beats after the end


def test_a_clear_song_is_read_the_same_in_spite_of_a_penalty_and_otherwise_of_a_high_one():
    features = compute_features(compute_spectra(pop_song(bars=(("full", 12),)).audio))
    found = best_path(features, WEIGHTS)
    starts = np.array([bar.start for bar in found]) / CUE_RATE_HZ
    reading = Reading(starts, np.ones(len(starts), int))
    cost = penalty(reading, len(features.cues))
    again = {bar.start for bar in best_path(features, WEIGHTS, cost)}
    elsewhere = {bar.start for bar in best_path(features, WEIGHTS, 20 * cost)}
    assert len(again & {bar.start for bar in found}) > 0.8 * len(found)
    assert len(elsewhere & {bar.start for bar in found}) < 0.2 * len(found)
