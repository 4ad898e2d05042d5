"""The vote of the models."""

import numpy as np
import pytest

from bridge.song.committee import Reading, agreement, elect, support


def grid(period_s: float = 0.5, start_s: float = 1.0, first: int = 0, count: int = 64) -> Reading:
    return Reading(start_s + period_s * np.arange(count), (np.arange(count) + first) % 4 + 1)


def test_the_most_usual_reading_is_elected():
    half_tempo, off_beat = grid(1.0, count=32), grid(start_s=1.25)
    assert elect([half_tempo, grid(), off_beat, grid(start_s=1.01), grid()]) in (1, 3, 4)
    assert elect([half_tempo, off_beat, grid(1.0, count=32)]) in (0, 2)


def test_the_first_is_elected_where_all_agree():
    assert elect([grid(), grid(), grid()]) == 0
    assert elect([grid()]) == 0


def test_agreement_counts_beats_and_downbeats():
    assert agreement(grid(), grid(start_s=1.05)) == 1.0
    assert agreement(grid(), grid(start_s=1.25)) == 0.0
    assert agreement(grid(), grid(first=2)) == pytest.approx(0.5)  # all beats, no downbeat
    assert agreement(grid(), grid(1.0, count=32)) == pytest.approx(2 / 3, abs=0.01)  # half of each
    assert agreement(grid(), Reading(np.zeros(0), np.zeros(0, int))) == 0.0


def test_support_is_the_share_with_the_same_beat_at_the_same_position():
    late = Reading(np.append(grid().times_s[:32], grid().times_s[32:] + 0.2), grid().positions)
    shares = support(grid(), [grid(), late, grid(first=1)])
    assert shares[:32] == pytest.approx(2 / 3)
    assert shares[32:] == pytest.approx(1 / 3)
    assert not support(grid(), []).any()
    assert not support(grid(), [Reading(np.zeros(0), np.zeros(0, int))]).any()
    single = Reading(np.array([1.0]), np.array([1]))
    assert support(grid(), [single])[:2].tolist() == [1.0, 0.0]
