"""What of the cover each shot shows."""

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from blender_addon.core.types import Framing, ShotKind
from bridge.clips.animatic import cover_painter, framing
from bridge.clips.animatic.camera import ROOM
from tests.clips.animatic.animatic_world import Desk, cover, request

SHAPES = [(160, 90), (90, 160)]


def at_rest(study, size, seed=1, **changes):
    """Left, top, right, bottom of what the frame shows before the camera moves, in widths of the cover."""
    asked = request(width_px=size[0], height_px=size[1], seed=seed, **changes)
    view = framing.framed(asked, study, np.random.default_rng(seed))
    half = np.array([1, view.aspect]) * view.width / ROOM / 2
    return np.concatenate([view.center - half, view.center + half])


def titled(text, at, size_px, picture=None):
    """A cover with a title, and where that is: left, top, right, bottom, in widths of the cover."""
    image = Image.fromarray(cover(400) if picture is None else picture)
    font = ImageFont.load_default(size_px)
    draw = ImageDraw.Draw(image)
    draw.text(at, text, font=font, fill=(250, 245, 230))
    return np.asarray(image), np.array(draw.textbbox(at, text, font=font)) / image.width


@pytest.mark.parametrize("size", [(160, 90), (90, 160)])
@pytest.mark.parametrize("shot", [Framing.CLOSE, Framing.DETAIL])
def test_a_close_shot_does_not_cut_what_matters_at_its_edge(tmp_path, size, shot):
    picture = np.full((400, 400, 3), (60, 90, 100), np.uint8)
    for x, y, color in ((130, 120, (230, 60, 40)), (290, 250, (240, 210, 60))):
        cv2.circle(picture, (x, y), 20, color, -1)
    study = framing.studied(Desk(tmp_path, picture).file("c" * 64))
    for seed in range(12):
        asked = request(framing=shot, width_px=size[0], height_px=size[1], seed=seed)
        view = framing.framed(asked, study, np.random.default_rng(seed))
        x, y = view.center
        half = np.array([1, view.aspect]) * view.width / ROOM / 2
        for middle in ((130 / 400, 120 / 400), (290 / 400, 250 / 400)):
            off = np.abs(np.array(middle) - (x, y))
            assert (off < half - 0.05).all() or (off > half + 0.05).any()


@pytest.mark.parametrize("size", SHAPES)
@pytest.mark.parametrize(("text", "at"), [("HARBOUR", (12, 30)), ("NIGHTS", (160, 340))])
@pytest.mark.parametrize(("kind", "shot"), [
    (ShotKind.HERO_HOLD, Framing.MEDIUM), *((ShotKind.MOTION, shot) for shot in Framing)
])  # fmt: skip
def test_a_title_is_whole_or_out_of_the_picture(tmp_path, size, text, at, kind, shot):
    """Even one at the cover's margin, where the frame has to reach beyond the cover for it."""
    picture, title = titled(text, at, 50)
    study = framing.studied(Desk(tmp_path, picture).file("c" * 64))
    for seed in range(6):
        left, top, right, bottom = at_rest(study, size, seed, kind=kind, framing=shot)
        whole = left < title[0] and top < title[1] and right > title[2] and bottom > title[3]
        out = left > title[2] or right < title[0] or top > title[3] or bottom < title[1]
        assert whole or out


def test_a_cover_without_letters_is_framed_as_the_shot_asks(tmp_path):
    """Nothing moves the frame: it lies on the cover, as wide as close shots are."""
    study = framing.studied(Desk(tmp_path).file("c" * 64))
    assert not study.lines
    left, top, right, bottom = at_rest(study, (160, 90), framing=Framing.CLOSE)
    assert right - left == pytest.approx(0.52)
    assert min(left, top) > 0
    assert max(right, bottom) < 1


@pytest.mark.parametrize("size", SHAPES)
def test_around_the_frame_at_the_covers_margin_there_is_more_of_it(tmp_path, size):
    """Not its mirror image, where the camera has its room: the title would be there twice."""
    paper = np.full((400, 400, 3), (60, 90, 100), np.uint8)
    picture, title = titled("HARBOUR", (8, 180), 60, paper)
    path = Desk(tmp_path, picture).file("c" * 64)
    study = framing.studied(path)
    asked = request(width_px=size[0], height_px=size[1], framing=Framing.WIDE)
    view = framing.framed(asked, study, np.random.default_rng([1, 2]))
    assert view.center[0] - view.width / 2 < 0 or size[0] > size[1]
    still = cover_painter._still(asked, path).rgb
    light = cv2.resize(still.astype(np.float32), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA).mean(axis=2) > 150
    share = light.mean() * view.width**2 * view.aspect
    whole = (picture.mean(axis=2) > 150).mean()
    assert share == pytest.approx(whole, rel=0.2)
    assert title[2] - title[0] > 0.5
