"""Shots to strips and back, and what an editor may do in between."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blender_addon.core.strip_layout import SCENE_START, Strip, is_resized, lay_out, read_back
from blender_addon.core.types import Framing, Shot, ShotKind

TEXT = st.text("ab ,[]{}\"'\\\n\u00e4\u2603\U0001f600", max_size=12)
patient = settings(max_examples=80, deadline=None)


@st.composite
def shot_lists(draw, at_least=0):
    """Shots without gaps or with some, in order, each with an id of its own."""
    shots, start = [], 0
    count = draw(st.integers(at_least, 12))
    for number in range(count):
        start += draw(st.sampled_from([0, 0, 0, 7]))
        length = draw(st.integers(1, 300))
        kind = ShotKind.HERO_HOLD if number == 0 else ShotKind.COVER_END if number == count - 1 else ShotKind.MOTION
        shots.append(
            Shot(
                id=f"s{number + 1:02d}",
                start_frame=start,
                frame_count=length,
                act=draw(st.integers(1, 3)),
                kind=kind,
                framing=draw(st.sampled_from(list(Framing))),
                hold_frames=draw(st.integers(0, length)),
                prompt=draw(TEXT),
                negative_prompt=draw(TEXT),
                seed=draw(st.integers(0, 2**31 - 1)),
                motion=draw(st.integers(1, 255)),
                why=tuple(draw(st.lists(TEXT, max_size=3))),
            )
        )
        start += length
    return tuple(shots)


def shots_of(strips, **options):
    return [seen.shot for seen in read_back(strips, **options)]


@pytest.mark.slow
@patient
@given(shot_lists(), st.randoms())
def test_untouched_strips_give_back_the_very_shots(shots, random):
    strips = list(lay_out(shots))
    random.shuffle(strips)
    assert shots_of(strips) == list(shots)
    assert not any(seen.is_new for seen in read_back(strips))
    assert not any(is_resized(strip) for strip in strips)


@patient
@given(shot_lists())
def test_strips_lie_on_their_frames_in_their_acts_colour(shots):
    for strip, shot in zip(lay_out(shots), shots, strict=True):
        assert (strip.left, strip.right - strip.left) == (SCENE_START + shot.start_frame, shot.frame_count)
        assert strip.color_tag == {1: "COLOR_05", 2: "COLOR_02", 3: "COLOR_06"}[shot.act]
        assert all(type(value) in (str, int) for value in strip.properties.values())


edits = st.lists(
    st.tuples(
        st.sampled_from(["move", "trim", "split", "duplicate", "delete", "raise"]),
        st.integers(0, 100),
        st.integers(-200, 200),
        st.integers(0, 400),
    ),
    max_size=8,
)


def edited(strips, edits):
    """The strips after an editor's work, as Blender would leave them: copies keep all properties but the name."""
    strips = list(strips)
    for number, (verb, which, shift, length) in enumerate(edits, 1):
        if not strips:
            break
        index = which % len(strips)
        strip = strips[index]
        if verb == "move":
            strips[index] = replace(strip, left=strip.left + shift, right=strip.right + shift)
        elif verb == "trim":
            strips[index] = replace(strip, right=strip.left + 1 + length)
        elif verb == "split" and strip.right - strip.left > 1:
            middle = strip.left + 1 + length % (strip.right - strip.left - 1)
            strips[index] = replace(strip, right=middle)
            strips.append(replace(strip, left=middle, name=f"{strip.name}.{number:03}"))
        elif verb == "duplicate":
            strips.append(
                replace(
                    strip,
                    left=strip.left + shift,
                    right=strip.right + shift,
                    channel=strip.channel + 1,
                    name=f"{strip.name}.{number:03}",
                )
            )
        elif verb == "delete":
            del strips[index]
        elif verb == "raise":
            strips[index] = replace(strip, channel=strip.channel + 1)
    return strips


@pytest.mark.slow
@patient
@given(shot_lists(at_least=1), edits)
def test_after_any_edit_the_picture_is_the_one_that_blender_shows(shots, edits):
    strips = edited(lay_out(shots), edits)
    seen = read_back(strips)
    read = [item.shot for item in seen]
    assert len({shot.id for shot in read}) == len(read)
    assert all(before.end_frame <= after.start_frame for before, after in pairwise(read))
    assert all(shot.start_frame >= 0 and shot.frame_count >= 1 for shot in read)
    assert all(0 <= shot.hold_frames <= shot.frame_count for shot in read)
    shown = {frame: item.strip for item in seen for frame in range(item.shot.start_frame, item.shot.end_frame)}
    for frame in range(max(strip.right for strip in strips) if strips else 0):
        there = [strip for strip in strips if strip.left <= frame + SCENE_START < strip.right]
        top = max((strip.channel for strip in there), default=None)
        assert (shown[frame].channel if frame in shown else None) == top
        assert frame not in shown or shown[frame] in there
    kept = {strip.id for item in seen for strip in [item.strip]}
    assert {item.shot.id for item in seen if not item.is_new} == kept


@pytest.mark.slow
@patient
@given(shot_lists(at_least=1), edits)
def test_once_read_and_written_nothing_changes_any_more(shots, edits):
    read = shots_of(edited(lay_out(shots), edits))
    assert shots_of(lay_out(read)) == read


def shot(number, start, length, kind=ShotKind.MOTION, hold=0):
    return Shot(f"s{number:02d}", start, length, 2, kind, Framing.WIDE, hold, "p", "n", 5, 100, ("why",))


THREE = (
    shot(1, 0, 48, ShotKind.HERO_HOLD, 12),
    shot(2, 48, 48, ShotKind.MOTION, 12),
    shot(3, 96, 96, ShotKind.COVER_END, 40),
)


def test_a_split_shot_gets_a_new_id_and_keeps_its_hold_at_the_start():
    strips = list(lay_out(THREE))
    strips[1:2] = [replace(strips[1], right=73), replace(strips[1], left=73)]
    read = shots_of(strips)
    assert [shot.id for shot in read] == ["s01", "s02", "s02b", "s03"]
    assert [(shot.start_frame, shot.frame_count, shot.hold_frames) for shot in read[1:3]] == [(48, 24, 12), (72, 24, 0)]
    assert read[2].prompt == "p"


def test_of_a_split_ending_the_last_piece_turns_into_the_cover():
    strips = list(lay_out(THREE))
    strips[2:] = [replace(strips[2], right=145), replace(strips[2], left=145)]
    assert [(shot.kind, shot.hold_frames) for shot in shots_of(strips)[2:]] == [
        (ShotKind.MOTION, 0),
        (ShotKind.COVER_END, 40),
    ]


def test_a_copy_in_front_does_not_take_the_id():
    strips = list(lay_out(THREE[1:]))
    strips.append(replace(strips[0], left=1, right=25, name="s02.001"))
    assert [shot.id for shot in shots_of(strips)] == ["s02b", "s02", "s03"]


def test_new_ids_avoid_those_that_are_kept_for_takes():
    strips = list(lay_out(THREE))
    strips.append(replace(strips[1], left=300, right=348))
    assert shots_of(strips, reserved=["s02b", "s02c"])[-1].id == "s02d"
    again = lay_out(shots_of(strips))
    assert shots_of([*again, replace(again[-1], left=400, right=448)])[-1].id == "s02c"


def test_the_upper_strip_is_seen():
    low, high = lay_out(THREE[:2])
    over = replace(high, left=11, right=21, channel=5)
    read = shots_of([low, over])
    assert [(shot.id, shot.start_frame, shot.frame_count) for shot in read] == [
        ("s01", 0, 10),
        ("s02", 10, 10),
        ("s01b", 20, 28),
    ]
    assert shots_of([low, replace(over, left=-5, right=100)]) == [replace(THREE[1], start_frame=0, frame_count=99)]


def test_strangers_are_left_alone():
    (strip,) = lay_out(THREE[:1])
    others = [Strip("", 1, 20, 9), Strip("x", 1, 20, 9, properties={"id": "x"})]
    assert shots_of([*others, strip]) == [THREE[0]]


def test_settings_out_of_range_are_brought_into_it():
    (strip,) = lay_out(THREE[:1])
    wild = {
        "motion": 900,
        "seed": -4,
        "act": 9,
        "hold_frames": 10_000,
        "kind": "x",
        "framing": 3,
        "why": "{",
        "prompt": 7,
    }
    (read,) = shots_of([replace(strip, properties={**strip.properties, **wild})])
    assert read == Shot("s01", 0, 48, 3, ShotKind.MOTION, Framing.MEDIUM, 48, "7", "n", 0, 255, ())


def test_a_trimmed_strip_is_known_to_be_resized():
    (strip,) = lay_out(THREE[:1])
    assert is_resized(replace(strip, right=strip.right - 1))
    assert not is_resized(replace(strip, left=strip.left + 9, right=strip.right + 9))
