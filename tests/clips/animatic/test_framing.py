"""What of the cover each shot shows."""

import dataclasses
import itertools

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from skimage import data

from blender_addon.core.types import Framing, ShotKind
from bridge.clips.animatic import camera, cover_painter, framing
from bridge.clips.animatic import study as studies
from bridge.clips.animatic.study import studied
from bridge.common import paths
from tests.clips.animatic.animatic_world import Desk, cover, request

pytestmark = pytest.mark.slow

SHAPES = [(160, 90), (90, 160)]


def at_rest(study, size, seed=1, **changes):
    """Left, top, right, bottom of what the frame shows before the camera moves, in widths of the cover."""
    asked = request(width_px=size[0], height_px=size[1], seed=seed, **changes)
    view = framing.framed(asked, study)
    half = view.size / 2
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
    study = studied(Desk(tmp_path, picture).file("c" * 64))
    for seed in range(12):
        asked = request(framing=shot, width_px=size[0], height_px=size[1], seed=seed)
        view = framing.framed(asked, study)
        x, y = view.center
        half = view.size / 2
        for middle in ((130 / 400, 120 / 400), (290 / 400, 250 / 400)):
            off = np.abs(np.array(middle) - (x, y))
            assert (off < half - 0.05).all() or (off > half + 0.05).any()


@pytest.mark.parametrize(("text", "at"), [("HARBOUR", (12, 30)), ("NIGHTS", (160, 340))])
def test_a_title_is_whole_or_out_of_the_picture(tmp_path, text, at):
    """Even one at the cover's margin; in a card where no frame inside the cover holds it."""
    picture, title = titled(text, at, 50)
    study = studied(Desk(tmp_path, picture).file("c" * 64))
    shots = [(ShotKind.HERO_HOLD, Framing.MEDIUM), *((ShotKind.MOTION, shot) for shot in Framing)]
    for size, (kind, shot), seed in itertools.product(SHAPES, shots, range(3)):
        left, top, right, bottom = at_rest(study, size, seed, kind=kind, framing=shot)
        whole = left < title[0] and top < title[1] and right > title[2] and bottom > title[3]
        out = left > title[2] or right < title[0] or top > title[3] or bottom < title[1]
        assert whole or out


def test_a_cover_is_understood_once(tmp_path, monkeypatch):
    """Other processes, and later ones, find what was understood; a damaged file is made again."""
    monkeypatch.setenv("BEATBOARD_HOME", str(tmp_path / "home"))
    path = Desk(tmp_path).file("c" * 64)
    first = studies.studied(path)
    (kept,) = (paths.cache_folder() / "studies").glob("*.npz")

    def understood_again(cover, depth):
        raise AssertionError

    with monkeypatch.context() as patched:
        patched.setattr(studies, "_found", understood_again)
        studies.studied.cache_clear()
        again = studies.studied(path)
    for field in dataclasses.fields(studies.Study):
        assert np.array_equal(getattr(again, field.name), getattr(first, field.name)), field.name
    kept.write_bytes(kept.read_bytes()[:100])
    studies.studied.cache_clear()
    assert np.array_equal(studies.studied(path).depth, first.depth)


def test_a_draft_is_framed_as_its_video_is(tmp_path):
    """A cover of few pixels has no close shots in a large video, so it has none in its draft."""
    study = studied(Desk(tmp_path).file("c" * 64))
    for shot in Framing:
        draft = at_rest(study, (160, 90), framing=shot, draft_for_px=1920)
        assert draft == pytest.approx(at_rest(study, (1920, 1080), framing=shot), abs=0.02)
    close = at_rest(study, (160, 90), framing=Framing.CLOSE)
    assert close != pytest.approx(at_rest(study, (160, 90), framing=Framing.CLOSE, draft_for_px=1920), abs=0.02)


def test_a_cover_without_letters_is_framed_as_the_shot_asks(tmp_path):
    """Nothing moves the frame: it lies on the cover, as wide as close shots are."""
    study = studied(Desk(tmp_path).file("c" * 64))
    assert not study.lines
    left, top, right, bottom = at_rest(study, (160, 90), framing=Framing.CLOSE)
    assert right - left == pytest.approx(0.52)
    assert min(left, top) > 0
    assert max(right, bottom) < 1


def test_a_frame_is_a_crop_of_the_cover(tmp_path):
    study = studied(Desk(tmp_path).file("c" * 64))
    for size, shot, seed in itertools.product([*SHAPES, (90, 90)], Framing, range(3)):
        left, top, right, bottom = at_rest(study, size, seed, framing=shot)
        assert 0 <= left < right <= 1
        assert 0 <= top < bottom <= study.height


@pytest.mark.parametrize("size", SHAPES)
def test_a_wide_shot_travels_from_edge_to_edge(tmp_path, size):
    """It is as wide as the cover, and the camera sees nearly all of its height."""
    path = Desk(tmp_path).file("c" * 64)
    asked = request(width_px=size[0], height_px=size[1], framing=Framing.WIDE)
    left, top, right, bottom = at_rest(studied(path), size, framing=Framing.WIDE)
    assert max(right - left, bottom - top) > 0.95
    still = cover_painter._still(asked, path)
    frustum = camera.Frustum.of(still, size[0], size[1], camera.ROOM)
    name = "pedestal" if size[0] > size[1] else "truck"
    move = next(one for one in camera.MOVES if one.name == name)
    swing = camera.Swing(move, frustum, np.random.default_rng(1), (0.3, 0.6))
    poses = [swing.pose(way) for way in np.linspace(-1.5, 1.5, 31)]
    seen = [camera._seen(pose, 1.0) for pose in poses]
    assert all(frustum.contains(pose, 1.0) for pose in poses)
    places = [one[2 if size[0] > size[1] else 1] for one in seen]
    assert max(places) - min(places) > 0.25


def test_a_cover_on_a_flat_ground_is_seen_whole(tmp_path):
    """What lies beside it is certain, so the widest shot has all of it."""
    picture = np.full((400, 400, 3), (60, 90, 100), np.uint8)
    cv2.circle(picture, (200, 200), 120, (230, 60, 40), -1)
    study = studied(Desk(tmp_path, picture).file("c" * 64))
    left, top, right, bottom = at_rest(study, (160, 90), framing=Framing.WIDE)
    assert left < 0
    assert top <= 0.02
    assert right > 1
    assert bottom >= 0.98


def test_a_small_cover_is_enlarged_no_more_than_three_times(tmp_path):
    """Where no part of it is fine enough to fill a frame, all of it is seen."""
    study = studied(Desk(tmp_path, cover(120)).file("c" * 64))
    for (width, height), shot, scale in itertools.product(SHAPES, Framing, (2, 4)):
        asked = request(width_px=scale * width, height_px=scale * height, framing=shot)
        view = framing.framed(asked, study)
        assert view.is_card or asked.width_px / (view.width * 120) <= 3.001


@pytest.fixture(scope="module")
def close_portrait(tmp_path_factory):
    """A face that is higher with its hair than a frame of 16:9 that is as wide as the cover."""
    picture = cv2.resize(data.astronaut()[0:200, 120:320], (1200, 1200), interpolation=cv2.INTER_CUBIC)
    return Desk(tmp_path_factory.mktemp("close"), picture).file("c" * 64)


def test_a_head_too_high_for_the_frame_is_shown_on_a_ground(close_portrait):
    """From one side of the frame to the other in close shots, whole: hair and chin."""
    study = studied(close_portrait)
    (person,) = study.people
    assert person.crown < person.face[1] - 0.42 * person.face[3], "her hair"
    assert person.face[1] + 1.08 * person.face[3] - person.crown > 0.5625
    for seed in range(4):
        view = framing.framed(request(width_px=160, height_px=90, framing=Framing.CLOSE, seed=seed), study)
        assert view.is_card
        assert view.size[0] > 1
        assert view.size[1] < 1
        top, bottom = view.center[1] - view.size[1] / 2, view.center[1] + view.size[1] / 2
        assert top < person.crown + 0.01
        assert bottom > person.face[1] + person.face[3]


def test_eyes_across_the_frame_cut_no_feature_while_the_camera_moves(close_portrait):
    study = studied(close_portrait)
    (person,) = study.people
    assert person.eyes is not None
    asked = [request(width_px=160, height_px=90, framing=Framing.DETAIL, seed=seed) for seed in range(8)]
    looks = [(one, view) for one in asked if (view := framing.framed(one, study)).eyes_of == 0]
    assert looks
    for one, view in looks[:2]:
        still = cover_painter._still(one, close_portrait)
        frustum = camera.Frustum.of(still, 160, 90, camera.ROOM)
        for move in camera.MOVES:
            swing = camera.Swing(move, frustum, np.random.default_rng(1), (0.3, 0.6))
            for way in np.linspace(-1.5, 1.5, 13):
                scale, x, y = camera._seen(swing.pose(way), 1.0)
                left, right = (view.center[0] + (x + side * scale / 2) * view.width for side in (-1, 1))
                top, bottom = (view.center[1] + (y + side * scale * view.aspect / 2) * view.width for side in (-1, 1))
                assert left < person.eyes[0]
                assert right > person.eyes[0] + person.eyes[2]
                assert top < person.eyes[1]
                assert person.eyes[1] + person.eyes[3] < bottom < person.mouth[1] + 1e-6


@pytest.fixture(scope="module")
def portrait(tmp_path_factory):
    """A person, from the head to the hips, with a rocket beside her."""
    return Desk(tmp_path_factory.mktemp("portrait"), data.astronaut()).file("c" * 64)


@pytest.mark.parametrize("size", SHAPES)
@pytest.mark.parametrize("shot", [Framing.WIDE, Framing.MEDIUM, Framing.CLOSE])
def test_a_head_is_whole_while_the_camera_moves(portrait, size, shot):
    study = studied(portrait)
    (face,) = study.faces
    for seed in range(2):
        asked = request(width_px=size[0], height_px=size[1], framing=shot, seed=seed)
        view = framing.framed(asked, study)
        left, top = np.array(view.center) - view.size / 2
        right, bottom = np.array(view.center) + view.size / 2
        assert left < face[0] - 0.02
        assert right > face[0] + face[2] + 0.02
        assert top < face[1] - 0.05
        assert bottom > face[1] + face[3] + 0.01
        if view.is_card:
            continue
        still = cover_painter._still(asked, portrait)
        frustum = camera.Frustum.of(still, size[0], size[1], camera.ROOM)
        head = np.array(face) * (1 / view.width)
        x, y = head[0] - view.center[0] / view.width, head[1] - view.center[1] / view.width
        for move in camera.MOVES:
            swing = camera.Swing(move, frustum, np.random.default_rng(seed), (0.3, 0.6))
            for way in np.linspace(-1.5, 1.5, 13):
                scale, middle_x, middle_y = camera._seen(swing.pose(way), 1.0)
                assert middle_x - scale / 2 < x
                assert middle_x + scale / 2 > x + head[2]
                assert middle_y - scale * view.aspect / 2 < y
                assert middle_y + scale * view.aspect / 2 > y + head[3]


def test_eyes_are_above_the_middle_and_close_shots_closer(portrait):
    study = studied(portrait)
    (face,) = study.faces
    eyes = face[1] + 0.4 * face[3]
    shares = []
    for shot in (Framing.MEDIUM, Framing.CLOSE):
        _, top, _, bottom = at_rest(study, (160, 90), framing=shot)
        assert 0.25 < (eyes - top) / (bottom - top) < 0.55, "her hair is part of the head"
        shares.append(face[3] / (bottom - top))
    assert shares[1] > 1.1 * shares[0]


def test_no_detail_shows_a_body_without_its_head(portrait):
    study = studied(portrait)
    (face,) = study.faces
    for seed in range(6):
        left, top, right, bottom = at_rest(study, (160, 90), seed, framing=Framing.DETAIL)
        beside = right < face[0] or left > face[0] + face[2]
        assert beside or bottom < face[1] or top < face[1]
