"""Faces of people before a camera, painted and drawn; and what is none."""

import cv2
import numpy as np
import pytest
from skimage import data

from bridge.cover.faces import find_faces


def drawn(side_px=700):
    """A face of a few flat shapes, on shoulders."""
    unit, ink = side_px / 1400, (40, 30, 36)
    picture = np.full((side_px, side_px, 3), (240, 200, 120), np.uint8)

    def oval(x, y, wide, tall, color, first=0, last=360, line=-1):
        center, axes = (round((700 + x) * unit), round((720 + y) * unit)), (round(wide * unit), round(tall * unit))
        width = line if line < 0 else max(1, round(line * unit))
        cv2.ellipse(picture, center, axes, 0, first, last, color, width, cv2.LINE_AA)

    oval(0, 760, 520, 330, (60, 80, 130))
    cv2.rectangle(
        picture, (round(605 * unit), round(970 * unit)), (round(795 * unit), round(1240 * unit)), (236, 190, 160), -1
    )
    oval(0, -60, 370, 430, (70, 40, 30))
    oval(0, 0, 290, 380, (236, 190, 160))
    oval(0, 0, 290, 380, ink, line=8)
    oval(0, -300, 300, 140, (70, 40, 30))
    for side in (-1, 1):
        oval(side * 120, -30, 58, 34, (250, 250, 250))
        oval(side * 120, -30, 58, 34, ink, line=6)
        oval(side * 120, -30, 24, 28, (50, 90, 60))
        oval(side * 120, -30, 10, 12, (10, 10, 10))
        oval(side * 120, -110, 78, 26, ink, 190, 350, 12)
    oval(0, 80, 34, 50, ink, 20, 160, 7)
    oval(0, 190, 95, 36, (170, 60, 70))
    oval(0, 178, 95, 16, ink, 0, 180, 6)
    return picture


def in_two_colors():
    """A photograph as a print in two inks."""
    grey = cv2.cvtColor(data.astronaut()[20:240, 110:330], cv2.COLOR_RGB2GRAY)[..., None]
    print_ = np.where(grey > 110, np.array([240, 220, 60], np.uint8), np.array([30, 20, 90], np.uint8))
    return np.ascontiguousarray(cv2.resize(print_, (700, 700), interpolation=cv2.INTER_CUBIC))


@pytest.mark.parametrize("picture", [data.astronaut(), drawn(), in_two_colors()], ids=["photo", "drawn", "print"])
def test_a_face_is_found_with_its_features_in_order(picture):
    (face,) = find_faces(picture)
    (left_eye, right_eye), box = face.eyes, face.box
    assert left_eye[0] < face.nose[0] < right_eye[0]
    assert max(left_eye[1], right_eye[1]) < face.nose[1] < face.mouth[1]
    assert box.left_px < left_eye[0] < right_eye[0] < box.right_px
    assert box.top_px < left_eye[1] < face.mouth[1] < box.bottom_px


@pytest.mark.parametrize("sigma", [0.0, 0.8, 2.0])
def test_grain_is_no_face(sigma):
    """The detector finds hundreds in it, of any size, some without end."""
    grain = np.random.default_rng(2).normal(128, 70, (640, 640, 1)).repeat(3, axis=2)
    soft = cv2.GaussianBlur(grain, (0, 0), sigma) if sigma else grain
    assert find_faces(np.clip(soft, 0, 255).astype(np.uint8)) == []


def test_a_pencil_drawing_of_a_face_is_one_face():
    photo = np.ascontiguousarray(data.astronaut()[20:240, 110:330])
    grey, _ = cv2.pencilSketch(cv2.resize(photo, (700, 700)), sigma_s=60, sigma_r=0.07, shade_factor=0.05)
    faces = find_faces(np.repeat(np.asarray(grey, np.uint8)[..., None], 3, axis=2))
    assert len(faces) == 1
