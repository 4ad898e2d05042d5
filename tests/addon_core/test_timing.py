from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blender_addon.core import timing


@given(st.floats(0, 36000), st.sampled_from(timing.FRAME_RATES))
def test_the_nearest_frame_is_at_most_half_a_frame_away(time_s, fps):
    frame = timing.frame_at(time_s, fps)
    assert abs(Fraction(time_s) * fps - frame) <= Fraction(1, 2)


def test_ntsc_does_not_drift_over_an_hour():
    assert timing.frame_at(3600.0, Fraction(30000, 1001)) == 107892


@pytest.mark.parametrize(
    ("text", "fps"), [("24", 24), ("29.97", Fraction(30000, 1001)), ("30000/1001", Fraction(30000, 1001))]
)
def test_customary_spellings_of_rates(text, fps):
    assert timing.parse_fps(text) == fps


@pytest.mark.parametrize("text", ["23", "0", "1/0", "fast", "-24", "nan"])
def test_other_rates_are_refused(text):
    with pytest.raises(ValueError, match="is not one of 24, 25"):
        timing.parse_fps(text)
