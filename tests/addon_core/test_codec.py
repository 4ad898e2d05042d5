from fractions import Fraction

import pytest

from blender_addon.core import codec, types
from blender_addon.core.types import Beat, EditPlan, Excerpt, Framing, Shot, ShotKind

SHOT = Shot("s01", 0, 48, 1, ShotKind.HERO_HOLD, Framing.WIDE, 12, "a lighthouse", "text", 7, 80, ("start",))
PLAN = EditPlan("a" * 64, "b" * 64, Excerpt(0.5, 30.25, True), Fraction(30000, 1001), 1920, 1080, (SHOT,))


def test_a_plan_survives_the_round_trip():
    assert codec.loads(EditPlan, codec.dumps(PLAN)) == PLAN


def test_derived_values_are_written_and_ignored_when_read():
    grid = types.SongAnalysis(
        "a" * 64,
        2.0,
        120.0,
        4,
        (Beat(0.1, 1, 1, 0.9), Beat(0.6, 1, 2, 0.8)),
        (),
        types.EnergyCurve(0.1, (0.0, 1.0)),
        None,
        (types.DrumGap(0.2, 0.3), types.DrumGap(1.0, 1.5)),
        0.5,
        "test-1",
    )
    data = codec.encode(grid)
    assert data["downbeats_s"] == [0.1]
    assert data["drum_gap"] == [1.0, 1.5]
    assert codec.decode(types.SongAnalysis, data) == grid


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fps": "fast"}, r"EditPlan\.fps: 'fast' is not a Fraction"),
        ({"width_px": "wide"}, r"EditPlan\.width_px: expected int"),
        ({"width_px": True}, r"EditPlan\.width_px: expected int"),
        ({"shots": [{}]}, r"EditPlan\.shots\[0\]: field 'id' is missing"),
        ({"colour": 1}, "unknown field 'colour'"),
    ],
)
def test_what_does_not_fit_is_named(change, message):
    with pytest.raises(codec.DecodeError, match=message):
        codec.decode(EditPlan, codec.encode(PLAN) | change)


def test_canonical_text_does_not_depend_on_the_order_of_keys():
    assert codec.dumps({"b": 1, "a": (1, 2)}) == codec.dumps({"a": [1, 2], "b": 1})
