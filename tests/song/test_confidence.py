"""How sure the ear says it is."""

import numpy as np
import pytest

from bridge.song.alternative import Reading
from bridge.song.bar_weights import WEIGHTS
from bridge.song.confidence import rate
from bridge.song.features import CUE_RATE_HZ, CUES, Features
from tests.song.song_synth import grid

LAGS_S = np.arange(0.27, 1.26, 0.01)


def heard(contrast: float = 0.5, fit: float = 1.0, chord: float = 0.5) -> Features:
    """Onsets and changes of chord where the grid has beats and downbeats."""
    cues = np.zeros((1700, len(CUES)))
    found = np.round(grid().times_s * CUE_RATE_HZ).astype(int)
    cues[found, CUES.index("onset")] = contrast / (1 - len(found) / len(cues))
    cues[found[::4], CUES.index("chord")] = chord
    return Features(cues, np.full((34, len(LAGS_S)), fit), LAGS_S, np.ones((34, 2)), np.array([0.5, 5.0]), 1.0, 33.0)


def confidence(features: Features, alternative: Reading | None = None) -> float:
    return rate(grid(), alternative or grid(), features, WEIGHTS).confidence


def test_a_reading_is_surer_where_its_alternative_has_the_same_beats():
    halves = Reading(grid().times_s, np.append(grid().positions[:32], grid(2).positions[32:]))
    same, half, none = (confidence(heard(), alternative) for alternative in (grid(), halves, grid(2)))
    assert same > half > none
    beats = rate(grid(), halves, heard(), WEIGHTS).confidences
    assert beats[0] > beats[32] > beats[-1]


def test_the_nearer_another_one_is_the_less_sure():
    sure, near, wrong = (confidence(heard(chord=chord)) for chord in (1.0, 0.2, -1.0))
    assert sure > 0.9
    assert sure - 0.05 > near > wrong + 0.1


@pytest.mark.parametrize("unlike", [{"contrast": 0.03}, {"contrast": -0.2}, {"fit": 0.05}])
def test_where_there_is_no_beat_nothing_else_makes_sure(unlike):
    assert confidence(heard(chord=2.0, **unlike)) < 0.1


def test_a_plain_beat_is_enough():
    plain, loud = confidence(heard(contrast=0.35, fit=0.65)), confidence(heard(contrast=0.8))
    assert plain == pytest.approx(loud, abs=0.02)


def test_a_grid_of_less_than_two_bars_is_hardly_trusted():
    assert rate(grid(count=7), grid(), heard(), WEIGHTS).confidences.tolist() == [0.1] * 7
    assert rate(grid(count=0), grid(), heard(), WEIGHTS).confidence == 0.0
