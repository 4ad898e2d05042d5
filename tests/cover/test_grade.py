from itertools import pairwise

import cv2
import numpy as np
import pytest

from blender_addon.core.types import NEUTRAL_GRADE, Grade
from bridge import cover
from bridge.cover.fitting import SKIN, gradient_correlation, held_share, skin_share, skin_turn_deg
from bridge.cover.grading import transform
from bridge.cover.oklab import from_srgb


def clip_frames(seed=0, tint=(1.0, 1.0, 1.0), count=4):
    """Frames of daylight footage: soft bright forms, a little colourful."""
    chance = np.random.default_rng(seed)
    frames = []
    for _ in range(count):
        forms = [cv2.resize(chance.random((n, n, 3)), (160, 90), interpolation=cv2.INTER_CUBIC) for n in (4, 9, 20)]
        picture = 0.5 * forms[0] + 0.3 * forms[1] + 0.2 * forms[2]
        grey = picture.mean(axis=-1, keepdims=True)
        frames.append(
            np.clip((0.6 + 1.1 * (grey - 0.5) + 0.25 * (picture - grey)) * tint * 255, 0, 255).astype(np.uint8)
        )
    return frames


def tinted_cover(dark, bright, seed=9):
    """A cover that goes from one tint in its shadows to another in its lights."""
    chance = np.random.default_rng(seed)
    light = cv2.resize(chance.random((6, 6)), (200, 200), interpolation=cv2.INTER_CUBIC)
    light = np.clip((light - 0.1) / 0.8, 0, 1)[..., None]
    picture = np.array(dark) * (1 - light) + np.array(bright) * light
    return np.clip(picture + chance.normal(0, 6, picture.shape), 0, 255).astype(np.uint8)


COVERS = {
    "teal night": tinted_cover((4, 18, 30), (60, 140, 150)),
    "amber": tinted_cover((50, 20, 6), (240, 160, 60)),
    "rose": tinted_cover((90, 30, 70), (240, 150, 170)),
    "noir": tinted_cover((6, 6, 8), (130, 128, 125)),
}


@pytest.fixture(scope="module")
def grades():
    return {name: cover.fit_grade(clip_frames(), picture) for name, picture in COVERS.items()}


@pytest.mark.parametrize("name", COVERS)
def test_the_distance_to_the_covers_palette_is_at_least_halved(grades, name):
    frames = clip_frames()
    graded = [cover.apply_grade(frame, grades[name]) for frame in frames]
    before = cover.palette_distance(frames, [COVERS[name]])
    assert before > 0.06
    assert cover.palette_distance(graded, [COVERS[name]]) < 0.5 * before


@pytest.mark.parametrize("name", COVERS)
def test_it_holds_for_frames_that_were_not_sampled(grades, name):
    frames = clip_frames(seed=77)
    graded = [cover.apply_grade(frame, grades[name]) for frame in frames]
    before = cover.palette_distance(frames, [COVERS[name]])
    assert cover.palette_distance(graded, [COVERS[name]]) < 0.55 * before


@pytest.mark.parametrize("name", COVERS)
def test_structure_is_kept_and_little_is_clipped(grades, name):
    frames = clip_frames(seed=77)
    graded = [cover.apply_grade(frame, grades[name]) for frame in frames]
    kept = [gradient_correlation(*pair) for pair in zip(frames, graded, strict=True)]
    clipped = [np.mean([((f <= 1) | (f >= 254)).any(axis=-1).mean() for f in some]) for some in (frames, graded)]
    assert np.mean(kept) >= 0.97
    assert clipped[1] - clipped[0] <= 0.01


@pytest.mark.parametrize("name", COVERS)
def test_curves_are_monotone_smooth_and_of_33_points(grades, name):
    for curve in grades[name].curves:
        slopes = np.diff(curve) * (len(curve) - 1)
        assert len(curve) == 33
        assert 0 <= min(curve) <= max(curve) <= 1
        assert slopes.min() >= 0
        assert np.abs(np.diff(slopes)).max() < 0.35  # no kinks
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
    steps = np.diff(cover.apply_grade(ramp, grades[name]).astype(int), axis=0)
    assert steps.min() >= 0
    assert steps.max() <= 4  # no banding


def test_footage_made_of_the_cover_is_left_alone():
    for name in ("amber", "rose"):
        picture = COVERS[name]
        frames = [picture[:120, :120], picture[60:, 40:], cover.mounted(picture, 160, 90).picture, picture]
        grade = cover.fit_grade(frames, picture)
        assert cover.palette_distance(frames, [picture]) < 0.05
        assert grade.is_neutral


def test_skin_stays_skin_where_there_are_people(monkeypatch):
    monkeypatch.setattr("bridge.cover.fitting.find_faces", lambda frame: [cover.Box(0, 0, 10, 10)])
    for name in ("teal night", "rose"):
        assert skin_turn_deg(cover.fit_grade(clip_frames(), COVERS[name])) <= 25


def flower_cover():
    """An orange flower with darker petals, small before a dark teal; and its orange, without shading."""
    orange = np.array((235, 130, 60))
    rows, columns = np.mgrid[-1:1:200j, -1:1:200j]
    radius, angle = np.hypot(rows, columns), np.arctan2(rows, columns)
    petals = (0.75 + 0.25 * np.cos(9 * angle) * np.cos(18 * radius))[..., None] * orange
    ground = tinted_cover((4, 20, 26), (20, 95, 105)).astype(float)
    picture = np.where(radius[..., None] < 0.42, petals, ground)
    chance = np.random.default_rng(3)
    return np.clip(picture + chance.normal(0, 4, picture.shape), 0, 255).astype(np.uint8), orange


def turn_and_fading(grade, colors):
    """By how many degrees the grade turns hues, at most, and what is left of the chroma, at least."""
    before, after = (from_srgb(np.array(some, np.uint8))[:, 1:] for some in (colors, cover.apply_grade(colors, grade)))
    one, other = before @ (1, 1j), after @ (1, 1j)
    return np.abs(np.angle(other / one, deg=True)).max(), (np.abs(other) / np.abs(one)).min()


def test_colours_that_the_cover_has_keep_their_hue_though_the_edit_shows_more_of_them():
    picture, orange = flower_cover()
    close = cv2.resize(picture[70:130, 50:150], (160, 90), interpolation=cv2.INTER_CUBIC)
    frames = [close, close[:, ::-1], cv2.resize(picture[40:160], (160, 90)), close[::-1]]
    assert cover.palette_distance(frames, [picture]) > 0.07
    turned, left = turn_and_fading(
        cover.fit_grade(frames, picture), np.array([0.7 * orange, 0.85 * orange, orange], np.uint8)
    )
    assert turned < 8
    assert left > 0.75


def test_colours_foreign_to_the_cover_are_moved_though_others_are_held():
    """Green meadows beside the flower turn toward the cover's teal or orange, and its orange stays."""
    picture, orange = flower_cover()
    green = np.array((120, 200, 70))
    frames = [
        *(np.clip(frame * (green / frame.mean()), 0, 255).astype(np.uint8) for frame in clip_frames(count=2)),
        *[cv2.resize(picture[70:130, 50:150], (160, 90), interpolation=cv2.INTER_CUBIC)] * 2,
    ]
    grade = cover.fit_grade(frames, picture)
    assert turn_and_fading(grade, green[None].astype(np.uint8))[0] > 15
    turned, left = turn_and_fading(grade, orange[None].astype(np.uint8))
    assert turned < 12
    assert left > 0.75


def test_what_a_cover_has_is_known_by_its_colours():
    picture, orange = flower_cover()
    colors = from_srgb(np.array([orange, (12, 57, 65), (120, 200, 70), (240, 240, 240)], np.uint8))
    held = held_share(colors, from_srgb(picture[::5, ::5].reshape(-1, 3)))
    assert held[:2].min() > 0.5
    assert held[2:].max() == 0


def with_patches(colors, share):
    """The footage of daylight, with a patch of one of these colours in each frame."""
    frames = clip_frames()
    for index, frame in enumerate(frames):
        frame[:, : round(share * frame.shape[1])] = colors[index % len(colors)]
    return frames


def test_skin_colours_are_known_by_their_colour():
    assert all(skin_share(np.full((4, 4, 3), color, np.uint8)) == 1 for color in SKIN)
    for color in ((90, 130, 200), (60, 120, 50), (130, 130, 130), (230, 60, 40), (250, 240, 70)):
        assert skin_share(np.full((4, 4, 3), color, np.uint8)) == 0


@pytest.mark.slow
def test_the_skin_of_a_drawn_figure_stays_skin_though_it_has_no_photographic_face():
    """A cover whose yellow draws skin toward green; the same footage without skin may follow it farther."""
    green = tinted_cover((10, 40, 16), (200, 230, 60))
    drawn, sand = with_patches(SKIN[1:5], 0.2), with_patches(SKIN[1:5], 0.9)
    assert skin_turn_deg(cover.fit_grade(drawn, green)) <= 35
    assert skin_turn_deg(cover.fit_grade(sand, green)) > 35


def test_skin_turn_is_measured():
    swapped = Grade(matrix=(0, 0, 1, 0, 1, 0, 1, 0, 0))
    assert skin_turn_deg(NEUTRAL_GRADE) < 0.01
    assert skin_turn_deg(swapped) > 90
    assert len(SKIN) >= 6


@pytest.mark.slow
def test_the_grade_of_a_cover_alone_leads_toward_it_gently():
    frames = clip_frames()
    for name in ("amber", "noir"):
        picture = COVERS[name]
        grade = cover.grade_from_cover(picture)
        graded = [cover.apply_grade(frame, grade) for frame in frames]
        before, after = (cover.palette_distance(some, [picture]) for some in (frames, graded))
        assert 0.3 * before < after < 0.9 * before


def test_neutral_and_strength():
    frame = clip_frames()[0]
    grade = Grade(curves=((1.0, 0.0), (0.0, 0.5), (0.0, 1.0)))
    assert np.array_equal(cover.apply_grade(frame, NEUTRAL_GRADE), frame)
    almost = Grade(matrix=(1.0, 1e-9, 0, 0, 1, 0, 0, 0, 1))
    assert np.abs(cover.apply_grade(frame, almost).astype(int) - frame).max() <= 1
    full = cover.apply_grade(frame, grade)
    assert np.array_equal(full[..., 0], 255 - frame[..., 0])
    assert np.array_equal(full[..., 2], frame[..., 2])
    half = cover.apply_grade(frame, Grade(curves=grade.curves, strength=0.5))
    assert np.abs(half.astype(float) - (full.astype(float) + frame) / 2).max() <= 1


def test_the_matrix_comes_first_and_is_clipped():
    doubled = Grade(matrix=(2, 0, 0, 0, 2, 0, 0, 0, 2), curves=((0.0, 0.5),) * 3)  # pyright: ignore[reportArgumentType]
    values = np.array([[0.25, 0.5, 0.9]], np.float32)
    assert transform(values, doubled)[0] == pytest.approx([0.25, 0.5, 0.5])


def test_palette_distance_is_a_distance():
    one, other = clip_frames(seed=1), clip_frames(seed=2, tint=(1.0, 0.8, 0.6))
    assert cover.palette_distance(one, one) == 0
    assert cover.palette_distance(one, other) == cover.palette_distance(other, one) > 0.01
    # A shift of lightness alone by s moves colours by s times the mean of the axes' lightness parts.
    dark, bright = np.full((50, 50, 3), 99, np.uint8), np.full((50, 50, 3), 188, np.uint8)
    assert cover.palette_distance([dark], [bright]) == pytest.approx(0.29 / 2, abs=0.02)
    with pytest.raises(ValueError, match="no frames"):
        cover.palette_distance([], one)


def test_the_cube_holds_the_same_transform(tmp_path, grades):
    cover.write_cube(grades["amber"], tmp_path / "amber.cube")
    lines = (tmp_path / "amber.cube").read_text(encoding="ascii").splitlines()
    rows = np.array([line.split() for line in lines if line[0].isdigit()], float).reshape(33, 33, 33, 3)
    assert "LUT_3D_SIZE 33" in lines
    for red, green, blue in ((0, 0, 0), (32, 0, 0), (5, 20, 30), (16, 16, 16)):
        value = np.array([[red, green, blue]], np.float32) / 32
        assert rows[blue, green, red] == pytest.approx(np.clip(transform(value, grades["amber"])[0], 0, 1), abs=1e-5)
    assert not list(tmp_path.glob("*~"))
    for a, b in pairwise(rows[range(33), range(33), range(33)]):
        assert (b >= a - 1e-6).all()
