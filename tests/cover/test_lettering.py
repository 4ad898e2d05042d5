import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from bridge.cover.lettering import lettering


def ground(side_px=600):
    """A photograph's stand-in: soft large patches, fine texture."""
    chance = np.random.default_rng(6)
    patches = cv2.GaussianBlur(chance.normal(0, 1, (side_px, side_px, 3)), (0, 0), side_px / 12)
    texture = cv2.GaussianBlur(chance.normal(0, 1, (side_px, side_px, 1)), (0, 0), 1.5)[..., None]
    picture = 110 + 25 * patches / patches.std() + 10 * texture / texture.std()
    return np.clip(picture, 0, 255).astype(np.uint8)


def written(picture, lines):
    """Lines of (text, left and top, height of type) on it, and their boxes: left, top, right, bottom."""
    image, boxes = Image.fromarray(picture), []
    draw = ImageDraw.Draw(image)
    for text, at, size_px, color in lines:
        font = ImageFont.load_default(size_px)
        draw.text(at, text, font=font, fill=color)
        boxes.append(draw.textbbox(at, text, font=font))
    return np.asarray(image), boxes


@pytest.mark.parametrize("scale", [1, 3])
@pytest.mark.parametrize("color", [(245, 240, 225), (15, 10, 30)])
def test_finds_title_and_artist(color, scale):
    picture, boxes = written(ground(), [("Paper Birds", (30, 60), 90, color), ("THE LANTERNS", (180, 540), 30, color)])
    large = np.asarray(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC), np.uint8)
    found = lettering(large).lines
    for left, top, right, bottom in np.array(boxes) * scale:
        shown = np.zeros(large.shape[:2], bool)
        for line in found:
            shown[line.slices] = True
        assert shown[top:bottom, left:right].any(axis=0).mean() > 0.93
    largest = found[0]
    assert (largest.top_px + largest.bottom_px) / 2 == pytest.approx((boxes[0][1] + boxes[0][3]) / 2 * scale, rel=0.1)


def test_finds_nothing_where_nothing_is_written():
    noise = np.random.default_rng(1).integers(0, 255, (600, 600, 3), np.uint8)
    stones = np.asarray(cv2.GaussianBlur(noise, (0, 0), 3), np.uint8)
    discs = ground()
    for x, y in ((90, 100), (330, 240), (200, 420), (470, 480)):
        cv2.circle(discs, (x, y), 45, (250, 230, 90), -1, cv2.LINE_AA)
    fence = ground()
    for x in range(60, 540, 50):
        cv2.rectangle(fence, (x, 150), (x + 14, 400), (30, 20, 15), -1)
    for picture in (ground(), stones, discs, fence, np.full((300, 300, 3), 200, np.uint8)):
        assert lettering(picture).lines == ()


def test_what_touches_a_branch_still_belongs_to_its_line():
    """A letter whose colour is uneven since something of nearly its colour runs through it."""
    picture, boxes = written(ground(), [("HARBOUR", (60, 200), 90, (245, 240, 225))])
    branched = picture.copy()
    left, top, right, bottom = boxes[0]
    cv2.line(branched, (left, bottom + 60), (left + 60, top - 60), (215, 205, 190), 7, cv2.LINE_AA)
    found = lettering(branched).lines[0]
    assert found.left_px < left + 0.12 * (right - left)
    assert found.right_px > right - 0.02 * (right - left)


def test_two_words_with_a_dash_between_are_one_line_of_their_own_colour():
    light, dark = (245, 240, 225), (15, 10, 30)
    lines = [("SIDE", (60, 200), 60, light), ("NORTH", (260, 200), 60, light), ("SOUTH", (60, 400), 60, dark)]
    picture, boxes = written(ground(), lines)
    first, second = sorted(lettering(picture).lines, key=lambda box: box.top_px)
    assert (first.left_px, first.right_px) == pytest.approx((boxes[0][0], boxes[1][2]), abs=8)
    assert (second.left_px, second.right_px) == pytest.approx((boxes[2][0], boxes[2][2]), abs=8)


@pytest.mark.parametrize("color", [(245, 240, 225), (15, 10, 30)])
def test_behind_letters_is_what_is_around_them(color):
    bare = ground()
    picture, boxes = written(bare, [("Paper Birds", (30, 60), 90, color), ("THE LANTERNS", (180, 540), 30, color)])
    filled = lettering(picture).bare
    shown = np.zeros(bare.shape[:2], bool)
    for left, top, right, bottom in boxes:
        shown[int(top) - 24 : int(bottom) + 24, int(left) - 24 : int(right) + 24] = True
    assert np.array_equal(filled[~shown], bare[~shown])
    before, after = (np.abs(of.astype(int) - bare)[shown].mean() for of in (picture, filled))
    assert after < 0.3 * before


def test_where_nothing_is_written_nothing_is_filled():
    assert np.array_equal(lettering(ground()).bare, ground())
