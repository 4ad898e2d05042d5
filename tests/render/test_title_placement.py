"""Where title and artist go, when, and in which colour."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import matplotlib
import numpy as np
import pytest

from blender_addon.core.platforms import SafeArea
from blender_addon.core.types import EditPlan, Excerpt, Framing, PaletteColor, Shot, ShotKind
from bridge.plan.storyboard import Storyboard
from bridge.render import text_placement, title_placement
from bridge.render.fonts import Font

pytestmark = pytest.mark.slow

FONT = Font(Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf")
PALETTE = (PaletteColor((20, 60, 80), 0.6, "deep teal"), PaletteColor((240, 170, 90), 0.4, "warm amber"))
SIZES = ((960, 540), (540, 960), (600, 600), (600, 750))


def plan(width_px=960, height_px=540, *, frames=120, hold=12, kind=ShotKind.HERO_HOLD, fps=Fraction(24)) -> EditPlan:
    shot = Shot("s01", 0, frames, 1, kind, Framing.WIDE, hold, "", "", 0, 90)
    return EditPlan("a", "b", Excerpt(0.0, 5.0, True), fps, width_px, height_px, (shot,))


def picture(width_px, height_px, calm_from=0.0, calm_to=0.45):
    """Gravel, and a calm dark sky over a part of the height."""
    gravel = np.random.default_rng(0).integers(0, 255, (height_px // 6, width_px // 6, 3), np.uint8)
    frame = cv2.resize(gravel, (width_px, height_px), interpolation=cv2.INTER_NEAREST)
    frame[round(calm_from * height_px) : round(calm_to * height_px)] = (18, 40, 60)
    return np.asarray(frame, np.uint8)


def boxes(lines, width_px, height_px):
    """Left, top, right, bottom of each line's letters in pixels, by Pillow."""
    found = []
    for line in lines:
        font = FONT.face(line.size_px)
        baseline = height_px * (1 - line.bottom) - font.getmetrics()[1]
        left, top, right, bottom = font.getbbox(line.text, anchor="ls")
        x = line.left * width_px
        found.append((x + left, baseline + top, x + right, baseline + bottom))
    return found


@pytest.mark.parametrize(("width_px", "height_px"), SIZES)
@pytest.mark.parametrize("calm", [(0.0, 0.45), (0.5, 0.95)])
def test_the_text_is_where_it_is_calm_and_inside_the_margins(width_px, height_px, calm):
    edit = plan(width_px, height_px)
    lines = title_placement.plan_titles(
        edit, "Last Light", "Beatboard", [picture(width_px, height_px, *calm)], PALETTE, FONT
    )
    assert [line.text for line in lines][-1] == "Beatboard"
    for left, top, right, bottom in boxes(lines, width_px, height_px):
        assert 0.06 * width_px <= left < right <= 0.94 * width_px
        assert calm[0] * height_px - 1 <= top < bottom <= calm[1] * height_px + 1
        assert 0.08 * height_px <= top < bottom <= 0.92 * height_px


def test_the_text_keeps_clear_of_a_platforms_buttons():
    edit, safe = plan(1080, 1920), SafeArea(0.06, 0.14, 0.16, 0.35)
    lines = title_placement.plan_titles(
        edit, "Last Light", "Beatboard", [picture(1080, 1920, 0.6, 1.0)], PALETTE, FONT, safe
    )
    for left, top, right, bottom in boxes(lines, 1080, 1920):
        assert 0.16 * 1080 - 1 <= left < right <= 0.84 * 1080 + 1
        assert 0.14 * 1920 - 1 <= top < bottom <= 0.66 * 1920


@pytest.mark.parametrize("sky", [(18, 40, 60), (235, 225, 210), (120, 120, 120), (240, 170, 90)])
def test_the_color_can_be_read(sky):
    frame = picture(960, 540)
    frame[:243] = sky
    (line,) = title_placement.plan_titles(plan(), "Night", "", [frame], PALETTE, FONT)
    ((left, top, right, bottom),) = boxes([line], 960, 540)
    behind = frame[int(top) : int(bottom) + 1, int(left) : int(right) + 1].reshape(-1, 3)
    assert text_placement.contrast(line.rgb, behind) >= 4.5


def test_contrast_is_the_standards():
    white = np.full((10, 3), 255, np.uint8)
    assert text_placement.contrast((0, 0, 0), white) == pytest.approx(21)
    assert text_placement.contrast((119, 119, 119), white) == pytest.approx(4.48, abs=0.01)
    assert text_placement.contrast((255, 255, 255), white) == 1


def test_a_long_title_fits_and_keeps_its_words():
    text = "The Very Long and Winding Name of a Song That Nobody Will Ever Remember"
    lines = title_placement.plan_titles(plan(540, 960), text, "", [picture(540, 960)], PALETTE, FONT)
    assert " ".join(line.text for line in lines) == text
    assert all(right <= 0.93 * 540 for _, _, right, _ in boxes(lines, 540, 960))


@pytest.mark.parametrize(
    ("edit", "span"),
    [
        (plan(frames=240), (12, 108, True)),
        (plan(frames=60), (12, 44, True)),
        (plan(frames=48), (0, 44, False)),
        (plan(frames=120, hold=48, kind=ShotKind.COVER_END), (0, 68, False)),
        (plan(frames=14), None),
        (replace(plan(), shots=()), None),
    ],
)
def test_when_it_is_shown(edit, span):
    assert title_placement.title_span(edit) == span


def test_it_is_gone_before_the_first_cut_and_the_last_frame():
    for frames in range(10, 200, 7):
        for kind in (ShotKind.HERO_HOLD, ShotKind.COVER_END):
            edit = plan(frames=frames, hold=min(12, frames // 2), kind=kind)
            for line in title_placement.plan_titles(edit, "A", "B", [picture(960, 540)], PALETTE, FONT):
                assert line.start_frame + line.frame_count < frames
                assert line.fade_in_frames + line.fade_out_frames <= line.frame_count


def test_no_text_no_lines():
    assert title_placement.plan_titles(plan(), "", "", [picture(960, 540)], PALETTE, FONT) == ()


def test_where_nothing_is_calm_the_text_has_a_label():
    gravel = picture(960, 540, 0.0, 0.0)
    lines = title_placement.plan_titles(plan(), "Night", "By Day", [gravel], PALETTE, FONT)
    for line in lines:
        assert line.backing_rgb is not None
        assert text_placement.contrast(line.rgb, np.array([line.backing_rgb], np.uint8)) >= 4.5
    calm = title_placement.plan_titles(plan(), "Night", "By Day", [picture(960, 540)], PALETTE, FONT)
    assert all(line.backing_rgb is None for line in calm)


@pytest.mark.parametrize(
    ("title", "artist", "texts"),
    [
        (None, None, ("Board", "Someone")),
        ("Mine", None, ("Mine", "Someone")),
        (" ", None, ("", "Someone")),
        (None, "", ("Board", "")),
        ("", "", ("", "")),
    ],
)
def test_what_is_not_said_is_the_storyboards_and_an_empty_text_is_none(title, artist, texts):
    assert title_placement.texts_of(title, artist, Storyboard(title="Board ", artist="Someone")) == texts


def test_an_artist_can_stand_alone():
    frames = [picture(960, 540)]
    lines = title_placement.plan_titles(plan(), "", "Someone", frames, PALETTE, FONT)
    assert [line.text for line in lines] == ["Someone"]


def test_letters_with_marks_are_as_unicode_composes_them():
    """So that a text strip can set most of them."""
    assert title_placement.texts_of("Cafe\u0301", "", Storyboard()) == ("Caf\u00e9", "")


def test_lines_from_the_right_are_flush_right():
    lines = title_placement.plan_titles(plan(), "ليالي الشتاء", "منير", [picture(960, 540)], PALETTE, FONT)
    assert np.ptp([right for _, _, right, _ in boxes(lines, 960, 540)]) < 4
