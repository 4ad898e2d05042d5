"""Where the song's words go, when, and in which colours."""

from dataclasses import replace

import numpy as np
import pytest

from blender_addon.core.lyrics import SungLine, SungWord
from blender_addon.core.types import ShotKind
from bridge.render import lyric_placement, text_placement
from tests.addon_scene import edit_world as world
from tests.render.test_title_placement import FONT, PALETTE, boxes, picture

pytestmark = pytest.mark.slow

START_S = 1.2345
ANALYSIS = world.analysis()
"""beats each half second from the excerpt's start"""


def plan(width_px=960, height_px=540, lengths=(48, 48, 48)):
    return world.plan(lengths, width_px=width_px, height_px=height_px)


def seen(edit, frame=None, faces=()):
    frame = picture(edit.width_px, edit.height_px, 0.5, 1.0) if frame is None else frame
    look = lyric_placement.Seen.of([frame])
    return lyric_placement.Shots(edit, lambda _: replace(look, faces=faces))


def place(edit, *lines, **how):
    fonts = {one.text: FONT for one in lines}
    found = lyric_placement.place(edit, ANALYSIS, lines, seen(edit, **how), PALETTE, fonts)
    return [line for line, _ in found.lines], found.left_out


def line(text="Hold on", start_s=1.0, end_s=2.0, words=()):
    return SungLine(text, START_S + start_s, START_S + end_s, words)


def test_a_line_comes_on_the_beat_nearest_to_its_first_syllable():
    ((one,), _) = place(plan(), line(start_s=1.1, end_s=2.6))
    assert (one.start_frame, one.start_frame + one.frame_count) == (24, round(2.6 * 24))
    assert one.is_sung
    late = SungWord("Hold", START_S + 1.45, START_S + 1.6)
    ((one,), _) = place(plan(), line(start_s=1.1, end_s=2.6, words=(late,)))
    assert one.start_frame == 36


def test_a_line_is_gone_when_the_next_one_comes():
    (first, second), _ = place(plan(), line(end_s=3.0), line("Come home", 2.0, 3.0))
    assert first.start_frame + first.frame_count == second.start_frame == 48


def test_words_outside_of_the_video_or_on_its_cover_are_not_shown():
    edit = plan()
    edit = replace(edit, shots=(*edit.shots[:-1], replace(edit.shots[-1], kind=ShotKind.COVER_END, hold_frames=24)))
    placed, _ = place(edit, line(start_s=-3, end_s=-1), line(start_s=5.0, end_s=7.0), line(start_s=0.5, end_s=1.5))
    assert [one.start_frame for one in placed] == [12]
    assert place(edit, line(start_s=5.0, end_s=7.0)) == ([], ())
    assert place(edit) == ([], ())


@pytest.mark.parametrize(("width_px", "height_px"), [(960, 540), (540, 960)])
@pytest.mark.parametrize("text", ["Hold on", "Every word that I never told you is a long one now", "夜の光" * 9])
def test_two_rows_at_most_inside_the_margins_where_it_is_calm(width_px, height_px, text):
    rows, _ = place(plan(width_px, height_px), line(text))
    assert 1 <= len(rows) <= 2
    assert "".join(row.text for row in rows).replace(" ", "") == text.replace(" ", "")
    for left, top, right, bottom in boxes(rows, width_px, height_px):
        assert 0.06 * width_px <= left < right <= 0.94 * width_px
        assert 0.5 * height_px - 2 <= top < bottom <= 0.92 * height_px


def test_it_leaves_its_place_where_that_has_become_busy():
    edit = plan(lengths=(48, 48, 48))
    above, below = (lyric_placement.Seen.of([picture(960, 540, *calm)]) for calm in ((0.0, 0.5), (0.5, 1.0)))
    shots = lyric_placement.Shots(edit, lambda shot_id: above if shot_id == "s01" else below)
    lines = (line(start_s=0.5, end_s=1.5), line("Come home", 2.5, 3.5))
    found = lyric_placement.place(edit, ANALYSIS, lines, shots, PALETTE, {one.text: FONT for one in lines})
    first, second = (one.bottom for one, _ in found.lines)
    assert first > 0.5 > second


def test_never_over_a_face_and_left_out_where_there_is_nothing_else():
    calm = np.full((540, 960, 3), 40, np.uint8)
    ((one,), _) = place(plan(), line(), frame=calm, faces=[(0.0, 0.5, 1.0, 1.0)])
    assert one.bottom > 0.5
    everywhere = place(plan(), line(), frame=calm, faces=[(0.0, 0.0, 1.0, 1.0)])
    assert everywhere == ([], ("Hold on",))


def test_not_over_the_title():
    calm = np.full((540, 960, 3), 40, np.uint8)
    edit = plan()
    ((first,), _) = place(edit, line(), frame=calm)
    edit = replace(edit, titles=(replace(first, is_sung=False),))
    ((second,), _) = place(edit, line(), frame=calm)
    (a,), (b,) = (boxes([one], 960, 540) for one in (first, second))
    assert b[3] <= a[1] or b[1] >= a[3]


@pytest.mark.parametrize("ground", ["dark", "light", "gravel"])
def test_it_can_be_read(ground):
    frames = {"dark": 30, "light": 220}
    gravel = np.random.default_rng(0).integers(0, 255, (540, 960, 3), np.uint8)
    frame = gravel if ground == "gravel" else np.full((540, 960, 3), frames[ground], np.uint8)
    ((one,), _) = place(plan(), line(), frame=frame)
    behind = np.array([one.backing_rgb], np.uint8) if one.backing_rgb else frame.reshape(-1, 3)
    assert text_placement.contrast(one.rgb, behind) >= 4.5
    assert (one.backing_rgb is not None) == (ground == "gravel")


def test_no_rows_label_lies_on_another_row():
    gravel = np.random.default_rng(0).integers(0, 255, (540, 960, 3), np.uint8)
    (first, second), _ = place(plan(), line("Every word that I never told you is a long one now"), frame=gravel)
    assert first.backing_rgb
    assert (first.bottom - second.bottom) * 540 >= sum(FONT.face(first.size_px).getmetrics()) + 0.44 * first.size_px


def test_all_lines_have_one_size_and_stay_where_they_were():
    calm = np.full((540, 960, 3), 40, np.uint8)
    rows, _ = place(plan(), line(), line("A much longer line of words than that", 2.0, 3.0), frame=calm)
    assert len({row.size_px for row in rows}) == 1
    assert rows[-1].bottom == pytest.approx(rows[0].bottom, abs=0.02)
    assert len({row.rgb for row in rows}) == 1
