"""Which moment of the song a scene frame plays, wherever the song's strips lie."""

from dataclasses import replace
from fractions import Fraction

import pytest

from blender_addon.core.song_clock import Clock, SongStrip
from blender_addon.core.types import Excerpt

PLANNED = Excerpt(10.0, 20.0, True)
AS_PLANNED = SongStrip(1, 241, 1)


def clock(*songs: SongStrip, first_shot: int = 1) -> Clock:
    return Clock.of(PLANNED, Fraction(24), songs, first_shot)


@pytest.mark.parametrize(
    ("song", "first_shot", "start", "heard_s"),
    [
        (AS_PLANNED, 1, 1, 10.0),
        (AS_PLANNED, 49, 1, 10.0),
        (SongStrip(101, 341, 101), 101, 101, 10.0),
        (SongStrip(101, 341, 101), 125, 101, 10.0),
        (SongStrip(-49, 191, -49), -49, -49, 10.0),
        (SongStrip(13, 253, 13), 1, 1, 9.5),
        (SongStrip(-11, 229, -11), 1, 1, 10.5),
        (SongStrip(61, 241, 1), 1, 1, 10.0),
    ],
    ids=["as planned", "first shot deleted", "all moved", "all moved, first deleted", "all moved to the left",
         "song alone moved later", "song alone moved earlier", "song trimmed"],
)  # fmt: skip
def test_the_song_strip_is_the_clock(song, first_shot, start, heard_s):
    found = clock(song, first_shot=first_shot)
    assert found.start == start
    assert found.heard_at(first_shot) == replace(PLANNED, start_s=heard_s)


def test_of_a_song_that_is_used_twice_the_strip_under_the_shot_counts():
    found = clock(SongStrip(1, 121, 1), SongStrip(121, 241, 97))
    assert found.heard_at(60) == PLANNED
    assert found.heard_at(130) == replace(PLANNED, start_s=6.0)
    assert found.heard_at(400) == replace(PLANNED, start_s=6.0), "the nearest"


def test_where_another_song_is_heard_there_is_no_clock():
    found = clock(AS_PLANNED, SongStrip(241, 481, None))
    assert found.heard_at(240) == PLANNED
    assert found.heard_at(241) is None


def test_without_a_song_time_runs_as_planned():
    assert clock().heard_at(77) == PLANNED
