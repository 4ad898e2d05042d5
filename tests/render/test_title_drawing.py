"""Lines that Blender's text can't set: which these are, and how they are drawn."""

from fractions import Fraction
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from blender_addon.core.types import EditPlan, Excerpt, TitleLine
from bridge.common import files
from bridge.common.errors import BadInput
from bridge.render import title_drawing
from bridge.render.fonts import Font

FONT = Font(Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf")
PLAN = EditPlan("a", "b", Excerpt(0.0, 5.0, True), Fraction(24), 960, 540, ())
NAME = "منير"


def line(text, **changes):
    return TitleLine(text, 2, 8, 2, 3, 0.1, 0.4, 60.0, (250, 200, 90), **changes)


@pytest.mark.parametrize(
    "text",
    [
        "ليالي",
        "לילה",
        "रात्रि",
        "กลางคืน",
        "រាត្រី",
        "மழை",
        "x\u0327\u0301",
        "♥\ufe0f",
        "a\u200db",
        "ᠮᠣᠩᠭᠣᠯ",
        "\u1112\u119e",
    ],
)
def test_letters_that_change_by_their_neighbours_need_shaping(text):
    assert title_drawing.needs_shaping(text)


@pytest.mark.parametrize("text", ["Night Bus", "Ёлка", "Ελλάδα", "夜に駆ける", "한국", "Cafe\u0301", "Łódź 1 & 2", ""])
def test_letters_in_a_row_need_none(text):
    assert not title_drawing.needs_shaping(text)


def test_joined_letters_run_from_the_right(tmp_path):
    """The ink is that of the letters' joined forms, written out in the order seen; not of lone ones in a row."""
    joined = "\ufeae\ufef4\ufee8\ufee3"  # final reh, medial yeh, medial noon, initial meem

    def ink(text):
        mask = ImageFont.truetype(str(FONT.path), 60, layout_engine=ImageFont.Layout.BASIC).getmask(text)
        return np.array(mask).reshape(mask.size[::-1])

    picture, _, _ = title_drawing.draw(line(NAME, backing_rgb=(0, 0, 0)), 960, 540, FONT)
    drawn = np.array(picture)[..., 0]
    rows, columns = np.nonzero(drawn > 40)
    drawn = drawn[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    likeness = [
        np.corrcoef(np.array(Image.fromarray(drawn).resize((mask.shape[1], mask.shape[0]))).ravel(), mask.ravel())[0, 1]
        for mask in (ink(joined), ink(joined[::-1]), ink(NAME[::-1]))
    ]
    assert likeness[0] > 0.7
    assert max(likeness[1:]) < 0.6


def test_a_picture_lies_where_the_text_would(tmp_path):
    """Latin letters, which both can set: the ink is where Pillow measures it for the text."""
    picture, left_px, top_px = title_drawing.draw(line("Night"), 960, 540, FONT)
    ink = np.array(picture)[..., 3] > 128
    rows, columns = np.nonzero(ink & (np.array(picture)[..., 0] > 200))
    face, wanted = FONT.face(60), Image.new("L", (960, 540))
    baseline = 540 * 0.6 - face.getmetrics()[1]
    ImageDraw.Draw(wanted).text((96, baseline), "Night", fill=255, font=face, anchor="ls")
    there = np.nonzero(np.array(wanted) > 128)
    found = (columns.min() + left_px, rows.min() + top_px, columns.max() + left_px, rows.max() + top_px)
    assert found == pytest.approx((there[1].min(), there[0].min(), there[1].max(), there[0].max()), abs=1)


def test_only_what_must_be_is_drawn_and_its_file_is_named_by_its_content(tmp_path):
    plain, drawn = title_drawing.with_pictures([line("Night"), line(NAME)], PLAN, FONT, tmp_path / "titles")
    assert plain == line("Night")
    assert drawn.picture
    (path,) = (tmp_path / "titles").iterdir()
    assert path.name == f"{files.sha256_of(path)}.png" == f"{drawn.picture.sha256}.png"
    picture, left_px, top_px = title_drawing.draw(drawn, 960, 540, FONT)
    center = (left_px + picture.width / 2 - 480, 270 - top_px - picture.height / 2)
    assert drawn.picture.center_px == center


def test_a_face_of_a_collection_is_drawn_too(tmp_path, monkeypatch):
    monkeypatch.setattr(Font, "is_collection", True)
    (drawn,) = title_drawing.with_pictures([line("Night")], PLAN, FONT, tmp_path)
    assert drawn.picture


def test_without_a_shaper_the_way_out_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(title_drawing.features, "check", lambda _name: False)
    with pytest.raises(BadInput, match="takes the library FriBiDi; install it"):
        title_drawing.with_pictures([line(NAME)], PLAN, FONT, tmp_path)


def test_a_label_and_a_shadow_lie_under_the_letters():
    label = np.array(title_drawing.draw(line(NAME, backing_rgb=(20, 90, 200)), 960, 540, FONT)[0])
    inside = label[label[..., 3] == 255]
    assert (inside == (20, 90, 200, 255)).all(axis=1).mean() > 0.5
    assert (inside == (250, 200, 90, 255)).all(axis=1).any()
    shadow = np.array(title_drawing.draw(line(NAME), 960, 540, FONT)[0])
    around = shadow[(shadow[..., 3] > 10) & (shadow[..., 3] < 100) & (shadow[..., 0] < 60)]
    assert len(around) > 500
    assert shadow[0, :, 3].max() <= 2, "the shadow isn't cut off"
