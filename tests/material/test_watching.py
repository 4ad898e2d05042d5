"""What is seen in a clip: its movement, its cuts, how good its pictures are, its sound."""

from fractions import Fraction

import av
import numpy as np
import pytest

from bridge.common.errors import BadInput
from bridge.material import watching
from bridge.material.watching import STEP_S, measure_clip
from tests.material.made_clips import FPS, SIZE, moving, picture, spoiled, texture, write


def measured(path):
    return measure_clip(path, lambda done: None)


def test_movement_is_told_when_it_happens(tmp_path):
    clip = write(tmp_path / "a.mp4", moving(6.0, lambda t: 200 if 3 <= t < 4 else 20))
    found = measured(clip)
    motion = np.array(found.motion_px_s)
    assert found.duration_s == pytest.approx(6.0, abs=0.05)
    assert 0.6 < motion[26:31].mean() / (200 * 1000 / SIZE[0]) < 1.3
    assert motion[:20].mean() < 0.25 * motion[26:31].mean()
    assert motion[36:].mean() < 0.25 * motion[26:31].mean()
    assert found.cuts_s == ()


def test_its_own_cuts_are_found(tmp_path):
    clip = write(tmp_path / "a.mp4", moving(2.0, lambda t: 30, 1) + moving(3.0, lambda t: 30, 2, hue=90))
    (cut_s,) = measured(clip).cuts_s
    assert abs(cut_s - 2.0) <= STEP_S


@pytest.mark.parametrize("how", ["blurred", "dark", "burnt"])
def test_bad_pictures_are_told_from_good_ones(tmp_path, how):
    good = moving(2.0, lambda t: 20)
    clip = write(tmp_path / "a.mp4", good + [spoiled(rgb, how) for rgb in moving(2.0, lambda t: 20)])
    looks = measured(clip).looks
    name = "sharpness" if how == "blurred" else "exposure"
    fine = [getattr(look, name) for look in looks if look.time_s < 1.9]
    bad = [getattr(look, name) for look in looks if look.time_s > 2.1]
    assert min(fine) > max(bad) + 0.08


def test_of_a_large_clip_only_what_follows_keyframes_is_decoded(tmp_path, monkeypatch):
    clip = write(tmp_path / "a.mp4", moving(6.0, lambda t: 240 if 3 <= t < 4 else 15), g="12", bf="0")
    whole = np.array(measured(clip).motion_px_s)
    monkeypatch.setattr(watching, "WHOLE_PX_PER_S", 0)
    packets = watching._packets(clip)
    assert len(packets.wanted()) < 0.5 * len(packets.all)
    found = measured(clip)
    motion = np.array(found.motion_px_s)
    assert abs(int(motion.argmax()) * STEP_S - 3.5) <= 0.5
    assert motion[25:31].mean() > 2.5 * np.median(motion)
    assert 0.4 < motion.mean() / whole.mean() < 2.5
    assert found.cuts_s == ()


def test_keyframes_far_apart_have_all_decoded(tmp_path, monkeypatch):
    clip = write(tmp_path / "a.mp4", moving(4.0, lambda t: 30), g="240")
    monkeypatch.setattr(watching, "WHOLE_PX_PER_S", 0)
    packets = watching._packets(clip)
    assert len(packets.wanted()) == len(packets.all)


def test_pictures_that_stand_for_themselves_are_decoded_a_few_a_second(tmp_path, monkeypatch):
    clip = write(tmp_path / "a.mp4", moving(3.0, lambda t: 60), g="1")
    monkeypatch.setattr(watching, "WHOLE_PX_PER_S", 0)
    packets = watching._packets(clip)
    assert len(packets.wanted()) == pytest.approx(3.0 / STEP_S, abs=2)
    found = np.array(measured(clip).motion_px_s)
    assert 0.6 < found.mean() / (60 * 1000 / SIZE[0]) < 1.3


def test_a_varying_rate_is_read_by_its_time_stamps(tmp_path):
    """Every other second has half the pictures."""
    ground, path = texture(3), tmp_path / "a.mp4"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=24, options={"preset": "ultrafast", "bf": "0"})
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 24)
        for i in range(96):
            if i // 24 % 2 and i % 2:
                continue
            frame = av.VideoFrame.from_ndarray(picture(ground, 2.0 * i), format="rgb24")
            frame.pts, frame.time_base = i, Fraction(1, 24)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    motion = np.array(measured(path).motion_px_s)
    assert motion[2:-2].std() < 0.15 * motion[2:-2].mean()


def test_the_level_of_its_sound(tmp_path):
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=FPS, options={"preset": "ultrafast"})
        video.width, video.height, video.pix_fmt = *SIZE, "yuv420p"
        audio = out.add_stream("aac", rate=48000, layout="mono")
        for rgb in moving(2.0, lambda t: 10):
            out.mux(video.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")))
        out.mux(video.encode(None))
        t = np.arange(96000) / 48000
        samples = (np.sin(2 * np.pi * 440 * t) * np.where(t < 1, 0.5, 0.005)).astype(np.float32)
        for start in range(0, 96000, 1024):
            frame = av.AudioFrame.from_ndarray(samples[None, start : start + 1024], format="fltp", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = 48000, start, Fraction(1, 48000)
            out.mux(audio.encode(frame))
        out.mux(audio.encode(None))
    levels = measured(path).sound_db
    assert abs(np.median(levels[:7]) - -9) < 2
    assert abs(np.median(levels[9:15]) - -49) < 3


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda path: path.write_bytes(b"nothing"), "can't be read as a video"),
        (lambda path: path.touch(), "can't be read as a video"),
        (lambda path: write(path, moving(0.05, lambda t: 0)[:1]), "has no pictures"),
    ],
)
def test_what_is_no_clip_is_refused_with_the_reason(tmp_path, make, why):
    make(tmp_path / "a.mp4")
    with pytest.raises(BadInput, match=why):
        measured(tmp_path / "a.mp4")


def test_a_clip_of_hours_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(watching, "LONGEST_S", 1.0)
    with pytest.raises(BadInput, match="longer than"):
        measured(write(tmp_path / "a.mp4", moving(2.0, lambda t: 0)))
