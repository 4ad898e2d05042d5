"""Other codecs than H.264: whole pictures and sound, tagged, as the check expects them."""

from fractions import Fraction

import av
import numpy as np
import pytest

from blender_addon.core.encoding import CODECS, H264, MASTER
from bridge.check.container import probe
from bridge.check.file_measures import file_measures
from bridge.check.report import Verdict
from bridge.common.encoding import add_video
from bridge.common.errors import BadInput
from bridge.render import codecs, render
from tests.addon_scene import edit_world as world

FPS, SIZE, COUNT = Fraction(30000, 1001), (320, 180), 30


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    path = tmp_path_factory.mktemp("master") / "pictures.mp4"
    y, x = np.mgrid[: SIZE[1], : SIZE[0]]
    with av.open(str(path), "w") as out:
        stream = add_video(out, SIZE, FPS, MASTER)
        for i in range(COUNT):
            rgb = np.stack([(x + 4 * i) % 256, (y + 2 * i) % 256, np.full(x.shape, 8 * i)], axis=-1).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(rgb, format="rgb24")
            out.mux(stream.encode(frame.reformat(format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG")))
        out.mux(stream.encode(None))
    return path


def luma(path):
    with av.open(str(path)) as container:
        return np.array([frame.reformat(format="gray").to_ndarray() for frame in container.decode(video=0)], float)


@pytest.mark.parametrize("name", [name for name in CODECS if name != "h264"])
def test_pictures_and_sound_are_whole_and_the_check_knows_them(pictures, tmp_path, name):
    codec = CODECS[name]
    if codec.encoder not in av.codecs_available:
        pytest.fail(f"PyAV's wheels bring {codec.encoder}")
    t = np.arange(round(COUNT / FPS * 48_000)) / 48_000
    sound = np.stack([np.sin(2 * np.pi * hz * t) * 0.3 for hz in (440, 660)], axis=1).astype(np.float32)
    out, told = tmp_path / f"video{codec.suffix}", []
    codecs.encode(pictures, sound, codec, FPS, out, told.append)
    found = probe(out)
    assert found.video.frame_count == COUNT == told[-1]
    failed = [one.name for one in file_measures(found, 0, None, codec) if one.verdict is Verdict.FAIL]
    assert failed == ["size"]
    assert np.abs(luma(out) - luma(pictures)).mean() < 3
    with av.open(str(out)) as container:
        heard = np.concatenate([frame.to_ndarray().ravel() for frame in container.decode(audio=0)])
    assert len(heard) > 0


@pytest.mark.slow
def test_segments_by_blender_and_by_the_table_join_to_a_prores_file(song, tmp_path):
    clips = world.make_clips(tmp_path / "clips")
    del clips["s03"]  # its placeholder is Blender's to draw
    plan, out = world.plan(), tmp_path / "video.mov"
    result = render(
        plan, world.analysis(), world.look(), clips, song, out,
        work_dir=tmp_path / "work", workers=1, codec=CODECS["prores"],
    )  # fmt: skip
    names = sorted(path.name for path in (tmp_path / "work" / "segments").glob("*.mp4"))
    assert (result.segments, sum("-table-master" in name for name in names), len(names)) == (3, 2, 3)
    found = probe(out)
    assert (found.video.codec, found.video.profile, found.video.frame_count) == ("prores", "HQ", plan.frame_count)
    assert found.video.jitter_s < 1e-3
    assert found.sound is not None
    assert abs(found.sound.duration_s - found.video.duration_s) < 0.05


def test_h264_is_no_longer_right_where_another_was_asked_for(pictures):
    wrong = file_measures(probe(pictures), 0, None, CODECS["hevc"])
    assert "video codec" in [one.name for one in wrong if one.verdict is Verdict.FAIL]


def test_an_encoder_that_is_not_here_is_told(monkeypatch):
    codecs.must_be_here(H264)
    monkeypatch.setattr(codecs.av, "codecs_available", {"libx264"})
    with pytest.raises(BadInput, match="no encoder for AV1 here"):
        codecs.must_be_here(CODECS["av1"])
