"""Title and artist as text strips: where they were planned, editable, and gone when they should be."""

from dataclasses import replace
from pathlib import Path

import bpy
import cv2
import matplotlib
import numpy as np
import pytest

from blender_addon.core.types import TitleLine
from blender_addon.scene import compat, render_settings, segments, timeline, titles
from bridge.render import title_drawing
from bridge.render.fonts import Font
from tests.addon_scene import edit_world as world

FONT = Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSerif.ttf"
SHAPED = Font(FONT.with_name("DejaVuSans.ttf"))
LINE = TitleLine("Night", 2, 8, 2, 3, 0.1, 0.4, 60.0, (250, 200, 90))
LENGTHS = (12, 18, 12)


@pytest.fixture
def edit(scene, song, tmp_path):
    plan = replace(
        world.plan(LENGTHS, width_px=480, height_px=270), titles=(LINE, replace(LINE, text="By", bottom=0.1))
    )
    timeline.build(scene, plan, world.analysis(), song_path=song, clips=world.make_clips(tmp_path / "clips", LENGTHS))
    titles.lay_out(scene, plan, FONT)
    render_settings.settings(scene)
    return scene


def picture(scene, tmp_path, frame):
    image = scene.render.image_settings
    image.media_type, image.file_format = "IMAGE", "PNG"
    scene.render.compositor_device, scene.render.filepath = "CPU", str(tmp_path / "drawn.png")
    scene.frame_set(frame)
    bpy.ops.render.render(write_still=True)
    found = cv2.imread(str(tmp_path / "drawn.png"))
    assert found is not None
    return np.ascontiguousarray(found[..., ::-1], np.uint8)


def letters(image, rgb):
    """Left, top, right, bottom of what has a colour."""
    rows, columns = np.nonzero((np.abs(image.astype(int) - rgb) < 12).all(axis=-1))
    return columns.min(), rows.min(), columns.max(), rows.max()


@pytest.mark.parametrize("is_draft", [False, True])
def test_letters_are_where_and_as_they_were_planned(scene, song, tmp_path, is_draft):
    plan = replace(world.plan(LENGTHS, width_px=960, height_px=540), titles=(LINE,))
    timeline.build(scene, plan, world.analysis(), song_path=song)  # dark placeholders
    titles.lay_out(scene, plan, FONT)
    render_settings.settings(scene)
    if is_draft:
        render_settings.draft(scene)
    ratio = scene.render.resolution_x / 960
    font = Font(FONT).face(LINE.size_px)
    baseline = 540 * (1 - LINE.bottom) - font.getmetrics()[1]
    left, top, right, bottom = font.getbbox(LINE.text, anchor="ls")
    expected = np.array([96 + left, baseline + top, 96 + right, baseline + bottom]) * ratio
    assert letters(picture(scene, tmp_path, 7), LINE.rgb) == pytest.approx(expected, abs=4)


def test_they_fade_and_are_gone(edit, tmp_path):
    strips = titles.strips(edit)
    assert [strip.text for strip in strips] == ["Night", "By"]
    assert [(compat.left(strip), compat.right(strip)) for strip in strips] == [(3, 11)] * 2
    curve = next(c for c in timeline.animation(edit) if c.data_path == strips[0].path_from_id("blend_alpha"))
    assert [round(curve.evaluate(frame), 2) for frame in (3, 5, 8, 11)] == [0.0, 1.0, 1.0, 0.0]
    with_titles = picture(edit, tmp_path, 42)
    for strip in strips:
        edit.sequence_editor.strips.remove(strip)
    assert np.array_equal(picture(edit, tmp_path, 42), with_titles)


def test_laid_out_twice_is_once_and_the_editors_own_stay_without_a_plan(edit):
    plan = replace(timeline.read(edit), titles=(LINE,))
    titles.lay_out(edit, plan, FONT)
    assert len(titles.strips(edit)) == 1
    assert len([c for c in timeline.animation(edit) if c.data_path.endswith("blend_alpha")]) == 1
    titles.strips(edit)[0].text = "Mine"
    titles.lay_out(edit, replace(plan, titles=()), FONT)
    assert [strip.text for strip in titles.strips(edit)] == ["Mine"]


def test_a_new_title_leaves_the_sung_words_and_new_words_leave_the_title(edit):
    plan, sung = timeline.read(edit), replace(LINE, text="La la", start_frame=20, is_sung=True)
    titles.lay_out(edit, replace(plan, titles=(sung, replace(sung, text="Lo", start_frame=30))), FONT)
    assert sorted(strip.text for strip in titles.strips(edit)) == ["By", "La la", "Lo", "Night"]
    assert len({strip.channel for strip in titles.strips(edit)}) == 2, "no channel for each of a hundred lines"
    titles.lay_out(edit, replace(plan, titles=(replace(LINE, text="Day"),)), FONT)
    assert sorted(strip.text for strip in titles.strips(edit)) == ["Day", "La la", "Lo"]


def names(scene):
    return [segment.name for segment in segments.segments(scene)]


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        lambda strip: setattr(strip, "text", "Day"),
        lambda strip: setattr(strip, "font_size", 61.0),
        lambda strip: setattr(strip, "color", (1, 0, 0, 1)),
        lambda strip: setattr(strip, "location", (0.2, 0.4)),
        lambda strip: setattr(strip, "font", bpy.data.fonts.load(str(FONT.with_name("DejaVuSans.ttf")))),
        lambda strip: compat.set_right(strip, 10),
    ],
)
def test_what_changes_a_title_names_its_segment_anew(edit, change):
    before = names(edit)
    assert names(edit) == before
    change(titles.strips(edit)[0])
    assert [a == b for a, b in zip(before, names(edit), strict=True)] == [False, True, True]


def test_the_saved_file_finds_the_font_beside_it(edit, tmp_path):
    own = tmp_path / "video.beatboard" / "font.ttf"
    own.parent.mkdir()
    own.write_bytes(FONT.read_bytes())
    titles.lay_out(edit, replace(timeline.read(edit), titles=(LINE,)), own)
    timeline.save(edit, tmp_path / "video.blend")
    assert titles.strips(edit)[0].font.filepath == "//video.beatboard/font.ttf"


def test_a_label_lies_behind_its_text(scene, song, tmp_path):
    label = replace(LINE, backing_rgb=(20, 90, 200))
    plan = replace(world.plan(LENGTHS, width_px=960, height_px=540), titles=(label,))
    timeline.build(scene, plan, world.analysis(), song_path=song)
    titles.lay_out(scene, plan, FONT)
    render_settings.settings(scene)
    drawn = picture(scene, tmp_path, 7)
    left, top, right, bottom = letters(drawn, LINE.rgb)
    box = letters(drawn, (20, 90, 200))
    assert box[0] < left < right < box[2]
    assert box[1] < top < bottom < box[3]


def drawn(plan, tmp_path, *lines):
    folder = tmp_path / "video.beatboard" / "titles"
    return replace(plan, titles=title_drawing.with_pictures(lines, plan, SHAPED, folder))


@pytest.mark.parametrize("is_draft", [False, True])
def test_a_drawn_line_lies_where_it_was_drawn(scene, song, tmp_path, is_draft):
    line = replace(LINE, text="ليالي")
    plan = drawn(world.plan(LENGTHS, width_px=960, height_px=540), tmp_path, line)
    timeline.build(scene, plan, world.analysis(), song_path=song)
    titles.lay_out(scene, plan, None, tmp_path / "video.beatboard" / "titles")
    (strip,) = titles.strips(scene)
    assert (strip.type, compat.left(strip), compat.right(strip)) == ("IMAGE", 3, 11)
    render_settings.settings(scene)
    if is_draft:
        render_settings.draft(scene)
    ratio = scene.render.resolution_x / 960
    image, left_px, top_px = title_drawing.draw(line, 960, 540, SHAPED)
    left, top, right, bottom = letters(np.asarray(image)[..., :3] * (np.asarray(image)[..., 3:] == 255), LINE.rgb)
    expected = np.array([left_px + left, top_px + top, left_px + right, top_px + bottom]) * ratio
    assert letters(picture(scene, tmp_path, 7), LINE.rgb) == pytest.approx(expected, abs=4 if is_draft else 1)


def test_drawn_lines_are_told_apart_by_content_and_found_beside_the_saved_file(edit, tmp_path):
    folder = tmp_path / "video.beatboard" / "titles"
    plan = timeline.read(edit)
    titles.lay_out(edit, drawn(plan, tmp_path, replace(LINE, text="ليالي")), FONT, folder)
    before = names(edit)
    titles.lay_out(edit, drawn(plan, tmp_path, replace(LINE, text="منير")), FONT, folder)
    assert [a == b for a, b in zip(before, names(edit), strict=True)] == [False, True, True]
    timeline.save(edit, tmp_path / "video.blend")
    ((strip, path),) = titles.pictures(edit).items()
    assert strip.directory.startswith("//video.beatboard/titles")
    assert path.is_file()
    with pytest.raises(FileNotFoundError, match="place the title again"):
        titles.lay_out(edit, drawn(plan, tmp_path, replace(LINE, text="منير")), FONT, tmp_path)
