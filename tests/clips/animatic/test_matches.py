"""Matched cuts and whole subjects: direction, place and framing, measured in the pictures."""

from dataclasses import replace
from fractions import Fraction
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from blender_addon.core.clip_requests import clip_requests
from blender_addon.core.types import EditPlan, EnergyCurve, Excerpt, Framing, Shot, ShotKind
from bridge.clips import registry
from bridge.clips.camera_words import moving_prompt
from tests.clips.animatic.animatic_world import Desk, request

pytestmark = pytest.mark.slow

WIDTH, HEIGHT = 240, 136
PAIRS = [(Framing.WIDE, Framing.MEDIUM), (Framing.MEDIUM, Framing.CLOSE), (Framing.DETAIL, Framing.WIDE)]


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path)


def film(desk, **changes):
    asked = request(width_px=WIDTH, height_px=HEIGHT, **changes)
    engine = registry.load(asked)
    still = next(iter(engine.painter.paint([asked], desk)))
    return list(engine.animator.animate(asked, still, desk).frames)


def drift(before, after):
    """The median horizontal optical flow in pixels: where most of the picture goes."""
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in (before, after)]
    there = np.zeros((*grey[0].shape, 2), np.float32)
    return float(np.median(flow.calc(grey[0], grey[1], there)[..., 0]))


def figure(frame):
    """Where the red figure's head and body are seen, as shares of the frame; left, right, top, bottom."""
    red = frame.astype(int)
    rows, columns = np.nonzero((red[..., 0] - red[..., 1] > 90) & (red[..., 0] - red[..., 2] > 60))
    width, height = frame.shape[1], frame.shape[0]
    return columns.min() / width, (columns.max() + 1) / width, rows.min() / height, (rows.max() + 1) / height


@pytest.mark.parametrize("direction", [1, -1])
@pytest.mark.parametrize("framings", PAIRS)
@pytest.mark.parametrize(("motion", "count"), [(80, 48), (170, 36)])
def test_the_picture_goes_on_the_same_way_over_a_matched_cut(desk, direction, framings, motion, count):
    pair = [
        film(desk, direction=direction, matched=matched, framing=framing, motion=motion, frame_count=count, seed=seed)
        for matched, framing, seed in zip(("out", "in"), framings, (3, 4), strict=True)
    ]
    drifts = [drift(pair[0][-5], pair[0][-1]), drift(pair[1][0], pair[1][4])]
    assert all(-direction * moved > 0.15 for moved in drifts), drifts


def test_the_figure_is_at_one_place_on_both_sides_of_the_cut(desk):
    for direction in (1, -1):
        ends = [
            film(desk, direction=direction, matched=matched, framing=framing, motion=120, frame_count=36)[at]
            for matched, framing, at in (("out", Framing.WIDE, -1), ("in", Framing.MEDIUM, 0))
        ]
        places = [sum(figure(frame)[:2]) / 2 for frame in ends]
        assert places[0] == pytest.approx(places[1], abs=0.1), places


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_medium_shot_keeps_the_figure_from_its_head_down(desk, seed):
    """The frame is lower than the figure is high: what is cut is at its feet."""
    left, right, top, bottom = figure(film(desk, framing=Framing.MEDIUM, frame_count=1, seed=seed)[0])
    assert 0.02 < left < right < 0.98
    assert 0.01 < top < bottom
    assert bottom - top > 0.6, "and is no wide shot"


def shots(kinds, acts, holds):
    return tuple(
        Shot(f"s{i}", 24 * i, 24, act, kind, Framing.WIDE, hold, "", "", 7 + i, 100)
        for i, (kind, act, hold) in enumerate(zip(kinds, acts, holds, strict=True))
    )


def test_which_cuts_are_matched():
    kinds = [ShotKind.HERO_HOLD, *[ShotKind.MOTION] * 7, ShotKind.COVER_END]
    made = shots(kinds, (1, 1, 1, 1, 2, 2, 2, 3, 3), (12, 0, 0, 0, 0, 0, 0, 0, 24))
    plan = EditPlan("a", "b", Excerpt(0, 9, True), Fraction(24), WIDTH, HEIGHT, made)
    analysis = SimpleNamespace(beats=(), energy=EnergyCurve(1.0, (0.5,)))
    asked = clip_requests(plan, analysis, painter="cover", animator="camera")  # pyright: ignore[reportArgumentType] # beats and energy
    assert [one.matched for one in asked] == ["", "out", "in", "", "out", "in", "", "", ""]
    assert [one.direction for one in asked] == [0, -1, -1, 0, 1, 1, 0, 0, 0]
    resting = replace(plan, shots=tuple(replace(shot, hold_frames=6) for shot in made))
    assert not any(one.direction for one in clip_requests(resting, analysis, painter="cover", animator="camera"))  # pyright: ignore[reportArgumentType]


def test_models_that_read_camera_words_are_told_the_direction():
    asked = request(prompt="a lighthouse, waves")
    assert moving_prompt(asked) == "a lighthouse, waves"
    assert moving_prompt(replace(asked, direction=-1)) == "the camera trucks left, a lighthouse, waves"
    assert moving_prompt(request(prompt="", direction=1)) == "the camera trucks right"
