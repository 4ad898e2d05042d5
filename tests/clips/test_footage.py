"""Shots of the user's own: trimmed, retimed within limits, reframed; pictures are filmed as covers are."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from blender_addon.core.types import Framing, OwnMedia, Shot, ShotKind
from bridge.clips import own_media, registry
from bridge.clips.footage import FootageAnimator, FootagePainter, read_crop
from bridge.common.errors import BadInput
from bridge.plan.storyboard import BoardShot, Storyboard, load
from tests.clips.animatic.animatic_world import request

FPS = Fraction(24)
SIZE = (320, 180)


class Desk:
    def __init__(self, path):
        self.path = path

    def file(self, sha256):
        return self.path

    def report(self, progress, stage, preview=None):
        pass


def clip(path: Path, frames=96, fps=FPS, subject=lambda i: 60) -> Path:
    """A bright square on dark ground, whose column is a function of the frame; the brightness of the corner counts."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=fps, options={"crf": "8", "preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        for i in range(frames):
            rgb = np.full((SIZE[1], SIZE[0], 3), 30, np.uint8)
            x = subject(i)
            rgb[60:120, x : x + 60] = (230, 190, 40)
            rgb[:16] = 2 * i
            out.mux(stream.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")))
        out.mux(stream.encode(None))
    return path


def asked(options=(), **changes):
    basic = replace(
        request(frame_count=24, fps=FPS, width_px=SIZE[0], height_px=SIZE[1], kind=ShotKind.MOTION),
        painter="footage", animator="footage", hold_frames=0, options=tuple(sorted(options)),
    )  # fmt: skip
    return replace(basic, **changes)


def animated(desk: Any, wanted):
    still = next(iter(FootagePainter().paint([wanted], desk)))
    return FootageAnimator().animate(wanted, still, desk)


def played(desk, wanted):
    footage = animated(desk, wanted)
    frames = list(footage.frames)
    assert len(frames) == footage.frame_count
    return frames


def counts(frames):
    return [int(frame[:10].mean() / 2 + 0.5) for frame in frames]


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    return Desk(clip(tmp_path_factory.mktemp("clips") / "a.mp4"))


def test_it_begins_where_it_was_asked_to_and_runs_at_its_own_speed(desk):
    shown = counts(played(desk, asked([("from", "1.0")])))
    assert np.abs(np.array(shown) - np.arange(24, 48)).max() <= 1


def test_between_two_places_it_is_retimed_to_fit(desk):
    assert animated(desk, asked([("from", "1"), ("to", "2.2")])).frame_count == 29
    assert animated(desk, asked([("from", "1"), ("to", "4")])).frame_count == 30, "at most 1.25"


def test_too_little_is_refused_with_both_lengths(desk):
    with pytest.raises(BadInput, match=r"1\.0 s, and your clip has 0\.5 s from 3\.5 s"):
        animated(desk, asked([("from", "3.5")]))


def test_the_rest_at_a_shots_start_is_left_to_conform(desk):
    footage = animated(desk, asked(hold_frames=6))
    assert (footage.frame_count, footage.holds) == (18, False)


@pytest.mark.parametrize("column", [20, 240])
def test_an_upright_frame_follows_the_subject(tmp_path, column):
    desk = Desk(clip(tmp_path / "b.mp4", subject=lambda i: column))
    for frame in played(desk, asked(width_px=90, height_px=160))[::6]:
        assert frame.shape[0] == SIZE[1]
        assert (frame[60:120, :, 0] > 180).sum() > 0.9 * 60 * 60, "the subject is whole"


def test_another_rate_is_played_in_real_time(tmp_path):
    desk = Desk(clip(tmp_path / "c.mp4", fps=Fraction(60), frames=96))
    shown = counts(played(desk, asked()))
    assert np.abs(np.array(shown) - np.arange(24) * 2.5).max() <= 2


def test_a_turned_clip_is_shown_upright(tmp_path):
    plain = clip(tmp_path / "d.mp4")
    turned = tmp_path / "turned.mp4"
    data = bytearray(plain.read_bytes())
    at = data.index(b"tkhd") + 4 + 40
    matrix = [0, 0x10000, 0, -0x10000 & 0xFFFFFFFF, 0, 0, 0, 0, 0x40000000]
    data[at : at + 36] = b"".join(value.to_bytes(4, "big") for value in matrix)
    turned.write_bytes(data)
    desk: Any = Desk(turned)
    still = next(iter(FootagePainter().paint([asked()], desk)))
    assert still.rgb.shape[:2] == (SIZE[0], SIZE[1])


@pytest.mark.parametrize("text", ["", "1", "0,0,2,1", "a,b,c,d", "0,0,0,1", "0.5,0,0.6,1"])
def test_a_crop_that_is_no_part_is_refused(text):
    with pytest.raises(BadInput, match="crop"):
        read_crop(text)


def test_no_video_is_one_sentence(tmp_path):
    (tmp_path / "x.mp4").write_bytes(b"nothing")
    with pytest.raises(BadInput, match=r"can.t be read as a video"):
        animated(Desk(tmp_path / "x.mp4"), asked())


def test_the_storyboard_gives_shots_their_files(tmp_path, store):
    shoot = tmp_path / "shoot"
    shoot.mkdir()
    (shoot / "band.png").write_bytes(b"picture")
    (shoot / "live.mp4").write_bytes(b"clip")
    (tmp_path / "s.toml").write_text(
        'material = "shoot/"\n[[shots]]\nimage = "band.png"\n[[shots]]\nclip = "live.mp4"\nfrom = 1.5\nto = 3\n'
    )
    requests = tuple(replace(request(), shot_id=f"s{n:02d}", options=(("depth", "classical"),)) for n in (1, 2, 3))
    first, second, third = own_media.with_own_media(requests, (), load(tmp_path / "s.toml"), store)
    assert (first.painter, first.animator) == ("cover", "camera")
    assert store.path(first.cover_sha256).read_bytes() == b"picture"
    assert second.engine == "footage+footage"
    assert second.options == (("from", "1.5"), ("to", "3.0"))
    assert third == requests[2]
    for one in (first, second):
        registry.check(one.painter, one.animator, one.options)


def test_a_moment_of_the_material_is_played_and_the_storyboards_file_comes_first(tmp_path, store):
    for name in ("a.mp4", "b.mp4", "own.mp4"):
        (tmp_path / name).write_bytes(name.encode())
    requests = tuple(replace(request(), shot_id=f"s{n:02d}") for n in (1, 2))
    shots = [planned(f"s{n:02d}", OwnMedia(str(tmp_path / name), 2.5)) for n, name in ((1, "a.mp4"), (2, "b.mp4"))]
    board = Storyboard(shots=(BoardShot(), BoardShot(clip=tmp_path / "own.mp4")))
    first, second = own_media.with_own_media(requests, shots, board, store)
    assert first.engine == "footage+footage"
    assert first.options == (("from", "2.5"),)
    assert store.path(first.cover_sha256).read_bytes() == b"a.mp4"
    assert store.path(second.cover_sha256).read_bytes() == b"own.mp4"
    picture = [planned("s01", OwnMedia(str(tmp_path / "a.mp4")))]
    (still,) = own_media.with_own_media(requests[:1], picture, Storyboard(), store)
    assert still.painter == "cover"


def planned(shot_id: str, media: OwnMedia) -> Shot:
    return Shot(shot_id, 0, 24, 1, ShotKind.MOTION, Framing.WIDE, 0, "", "", 1, 100, media=media)


def test_the_shot_that_turns_into_the_cover_takes_none(store, tmp_path):
    board = Storyboard(shots=(BoardShot(image=tmp_path / "x.png"),))
    with pytest.raises(BadInput, match=r"turns into the cover: leave x\.png out"):
        own_media.with_own_media((replace(request(), shot_id="s01", kind=ShotKind.COVER_END),), (), board, store)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ('clip = "gone.mp4"', "no file gone.mp4"),
        ('image = "a.mp4"', "not a PNG"),
        ('clip = "a.mp4"\nimage = "a.mp4"', "not both"),
        ("from = 1.0", "this shot has none"),
        ('clip = "a.mp4"\nnext = 1', "cut from the material"),
        ('clip = "a.mp4"\nfrom = 3\nto = 2', "later than"),
        ('clip = "a.mp4"\nfrom = -1', "from 0 to"),
    ],
)
def test_what_is_wrong_in_the_storyboard_is_told(tmp_path, lines, said):
    (tmp_path / "a.mp4").touch()
    (tmp_path / "s.toml").write_text(f"[[shots]]\n{lines}\n")
    with pytest.raises(BadInput, match=said):
        load(tmp_path / "s.toml")
