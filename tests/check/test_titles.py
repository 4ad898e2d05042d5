"""Whether `check` sees the plan's titles on the frames."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import matplotlib
import numpy as np
import pytest
from PIL import Image

from blender_addon.core.types import EditPlan, Excerpt, TitleLine
from bridge.check.report import Verdict
from bridge.check.title_measures import frame_of, title_measures
from bridge.render import title_drawing
from bridge.render.fonts import Font

FONT = Font(Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf")
PLAN = EditPlan("a", "b", Excerpt(0.0, 5.0, True), Fraction(24), 960, 540, ())
LABEL = (20, 90, 200)


def line(text, **changes):
    return replace(TitleLine(text, 12, 48, 12, 16, 0.1, 0.4, 60.0, (250, 200, 90)), **changes)


def picture(*lines):
    """A sky that grows lighter downwards, with grain, and lines over it."""
    rng = np.random.default_rng(0)
    sky = np.linspace((18, 40, 60), (60, 70, 90), 540)[:, None] + rng.normal(0, 4, (540, 960, 3))
    frame = Image.fromarray(np.clip(sky, 0, 255).astype(np.uint8)).convert("RGBA")
    for each in lines:
        drawn, left_px, top_px = title_drawing.draw(each, 960, 540, FONT)
        frame.alpha_composite(drawn, (max(0, left_px), max(0, top_px)))
    return np.asarray(frame.convert("RGB"))


def verdict(frame, *lines):
    (measure,) = title_measures({frame_of(each): frame for each in lines}, replace(PLAN, titles=lines))
    return measure.verdict, measure.text


@pytest.mark.parametrize("text", ["Night Bus", "ililili", "منير", "WWWW", "...ill", "■■■■"])
@pytest.mark.parametrize("backing_rgb", [None, LABEL])
@pytest.mark.parametrize("size_px", [60.0, 20.0])
def test_lines_that_are_there_are_seen(text, backing_rgb, size_px):
    one = line(text, backing_rgb=backing_rgb, size_px=size_px)
    assert verdict(picture(one), one) == (Verdict.PASS, "1 of 1 lines")
    draft = np.asarray(cv2.resize(picture(one), (640, 360), interpolation=cv2.INTER_AREA), np.uint8)
    assert verdict(draft, one)[0] is Verdict.PASS


def test_lines_that_are_not_there_fail():
    one, two = line("Night"), line("By Day", bottom=0.2)
    assert verdict(picture(one), one, two) == (Verdict.FAIL, "1 of 2 lines")
    assert verdict(picture(), one, two) == (Verdict.FAIL, "0 of 2 lines")
    assert verdict(picture(), line("Night", backing_rgb=LABEL))[0] is Verdict.FAIL
    assert verdict(picture(line("Night", left=0.6)), one)[0] is Verdict.FAIL
    assert title_measures({}, replace(PLAN, titles=(one,)))[0].verdict is Verdict.FAIL, "the video ends before"
    assert title_measures({}, PLAN) == []


def test_a_line_is_looked_for_while_it_is_fully_there():
    one = line("Night")
    assert frame_of(one) in range(12 + 12, 12 + 48 - 16)
