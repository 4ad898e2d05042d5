"""The option `into_next`: which shots end on the next one's keyframe."""

from dataclasses import replace
from fractions import Fraction

import pytest

from blender_addon.core.clip_requests import clip_requests
from blender_addon.core.types import EditPlan, EnergyCurve, Excerpt, Framing, Shot, ShotKind, SongAnalysis

SHOTS = tuple(Shot(f"s{i}", i * 24, 24, 1, ShotKind.MOTION, Framing.WIDE, 0, "p", "", i, 90) for i in range(3))
PLAN = EditPlan("a" * 64, "b" * 64, Excerpt(0, 3, False), Fraction(24), 160, 90, SHOTS)
SONG = SongAnalysis("a" * 64, 3.0, 120.0, 4, (), (), EnergyCurve(0.5, (0.5,)), None, (), 0.9, "made-1")


@pytest.mark.parametrize(("wish", "into"), [
    ("", ["", "", ""]),
    ("no", ["", "", ""]),
    ("yes", ["s1", "s2", ""]),
    ("s1", ["", "s2", ""]),
    ("s0, s1", ["s1", "s2", ""]),
    ("s2", ["", "", ""]),
])  # fmt: skip
def test_which_shots_end_on_the_next_ones_keyframe(wish, into):
    requests = clip_requests(PLAN, SONG, painter="cover", animator="wan", options=(("into_next", wish), ("steps", "9")))
    assert [request.into for request in requests] == into
    meets = (("handles", "0"),) if any(into) else ()
    assert {request.options for request in requests} == {(*meets, ("steps", "9"))}, "the same for all"


def test_handles_that_were_asked_for_stay():
    settings = (("handles", "4"), ("into_next", "yes"))
    assert clip_requests(PLAN, SONG, painter="cover", animator="wan", options=settings)[0].options == (
        ("handles", "4"),
    )
    moved = replace(PLAN, shots=SHOTS[1:])
    assert clip_requests(moved, SONG, painter="cover", animator="wan", options=(("into_next", "s0"),))[0].into == ""
