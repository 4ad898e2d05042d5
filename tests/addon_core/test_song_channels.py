"""How a channel is shaped before something follows it."""

import pytest

from blender_addon.core.song_channels import Shape

HIT = [0.0] * 10 + [1.0] + [0.0] * 10


def test_without_a_shape_it_stays_as_it_is():
    assert Shape().of(HIT, 25) == HIT


def test_what_is_below_the_threshold_is_nothing_and_the_rest_is_stretched():
    assert Shape(threshold=0.5).of([0.2, 0.5, 0.75, 1.0], 25) == pytest.approx([0, 0, 0.5, 1])


def test_smoothing_makes_nothing_late():
    smooth = Shape(smoothing_s=0.2).of(HIT, 25)
    assert smooth == pytest.approx(smooth[::-1])
    assert sum(smooth) == pytest.approx(1)
    assert max(smooth) == pytest.approx(0.2)


def test_attack_and_release_take_their_time():
    step = [0.0] + [1.0] * 25 + [0.0] * 25
    followed = Shape(attack_s=0.2, release_s=0.4).of(step, 25)
    assert followed[5] == pytest.approx(0.632, abs=1e-3)
    assert followed[35] / followed[25] == pytest.approx(0.368, abs=1e-3)
