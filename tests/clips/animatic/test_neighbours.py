"""Shots that would look like the ones beside them are framed otherwise."""

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from skimage import data

from blender_addon.core.clip_requests import clip_requests
from blender_addon.core.types import EditPlan, EnergyCurve, Excerpt, Framing, Neighbour, Shot, ShotKind
from bridge.clips.animatic import neighbours
from bridge.clips.animatic.study import studied
from tests.clips.animatic.animatic_world import Desk, cover, request

SIZES = [(160, 90), (90, 160)]


def neighbour(asked, **changes):
    found = Neighbour(asked.kind, asked.framing, asked.seed, asked.direction, asked.matched, False)
    return replace(found, **changes)


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("shot", Framing)
def test_a_shot_beside_one_of_its_own_kind_shows_something_else(tmp_path, size, shot):
    study = studied(Desk(tmp_path, data.astronaut()).file("c" * 64))
    asked = request(framing=shot, seed=3, width_px=size[0], height_px=size[1])
    alone, beside = (
        neighbours.told_apart(replace(asked, beside=others), study) for others in ((), (neighbour(asked),))
    )
    pictures = [neighbours._thumb(view, study) for view in (alone, beside)]
    assert neighbours.alike(pictures[0], pictures[0]) > 0.9
    assert neighbours.alike(*pictures) < 0.85


@pytest.mark.slow
def test_a_card_is_not_followed_by_the_card_that_ends_the_video(tmp_path):
    study = studied(Desk(tmp_path, cover(400)).file("c" * 64))
    asked = request(framing=Framing.WIDE, seed=1, width_px=90, height_px=160)
    ending = neighbour(asked, kind=ShotKind.COVER_END)
    view = neighbours.told_apart(replace(asked, beside=(ending,)), study)
    assert not view.is_card


def test_form_tells_pictures_apart_and_light_does_not():
    chance = np.random.default_rng(4)
    one, other = (cv2.GaussianBlur(chance.integers(0, 255, (54, 96, 3)).astype(np.uint8), (0, 0), 2) for _ in "12")
    one, other = (cv2.normalize(picture, None, 0, 255, cv2.NORM_MINMAX) for picture in (one, other))
    assert neighbours.alike(one, (one * 0.6 + 20).astype(np.uint8)) > 0.9
    assert neighbours.alike(one, np.roll(one, 6, axis=1)) > 0.8, "the camera moved a little"
    assert neighbours.alike(one, other) < neighbours._ALIKE
    flat = np.full_like(one, 90)
    assert neighbours.alike(flat, flat + 40) == 1.0, "two pictures of nothing"
    assert neighbours.alike(one, flat) == 0.0


@pytest.mark.parametrize("count", [2, 5, 6])
def test_between_two_neighbours_one_looks_at_the_other(count):
    kinds = [ShotKind.HERO_HOLD, *[ShotKind.MOTION] * (count - 2), ShotKind.COVER_END]
    shots = tuple(
        Shot(f"s{i:02d}", 24 * i, 24, 1, kind, Framing.WIDE, 0, "", "", i, 100) for i, kind in enumerate(kinds)
    )
    plan = EditPlan("a" * 64, "b" * 64, Excerpt(0.0, float(count), True), Fraction(24), 160, 90, shots)
    heard = SimpleNamespace(beats=(), energy=EnergyCurve(1.0, (0.5,)))
    asked = clip_requests(plan, heard, painter="cover", animator="camera")  # pyright: ignore[reportArgumentType] # beats and energy
    assert not asked[-1].beside, "the whole cover stays as it is"
    for before, after in pairwise(asked):
        looks = [one.seed for one in before.beside], [one.seed for one in after.beside]
        assert (after.seed in looks[0]) or (before.seed in looks[1])
    assert [one.meets_ending for one in asked[1].beside if one.seed == 0] == ([False] if count > 2 else [])
    others = clip_requests(plan, heard, painter="sdxl", animator="svd")  # pyright: ignore[reportArgumentType]
    assert not any(one.beside for one in others)
