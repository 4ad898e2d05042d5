import contextlib
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from blender_addon.core.types import ClipRequest, Framing, ShotKind
from bridge.clips.base import Footage
from bridge.clips.conform import conform
from bridge.common.errors import Cancelled, GenerationFailed
from bridge.common.frames import Frame

pytestmark = pytest.mark.slow

REQUEST = ClipRequest(
    painter="cover",
    animator="camera",
    shot_id="s01",
    kind=ShotKind.MOTION,
    framing=Framing.WIDE,
    prompt="",
    negative_prompt="",
    seed=1,
    motion=100,
    frame_count=10,
    hold_frames=0,
    fps=Fraction(30000, 1001),
    width_px=160,
    height_px=90,
    cover_sha256="0" * 64,
)


class Desk:
    def __init__(self, folder: Path, stop_at: float = 2.0) -> None:
        self.folder = folder
        self.stop_at = stop_at

    memory_level = 0
    siblings = ()
    painters = 1

    def device(self):
        return contextlib.nullcontext()

    def hand_over(self, rest_gib: float) -> None:
        pass

    def file(self, sha256: str) -> Path:
        raise AssertionError("conform needs no files")

    def report(self, progress: float, stage: str, preview: Frame | None = None) -> None:
        if progress >= self.stop_at:
            raise Cancelled("Stopped.")


def flat(levels, size=(160, 90)):
    return [np.full((size[1], size[0], 3), level, np.uint8) for level in levels]


def footage(frames, fps=REQUEST.fps):
    return Footage(iter(frames), len(frames), fps)


def decoded(path):
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frames = [
            frame.reformat(format="rgb24", src_colorspace="ITU709", interpolation="BICUBIC").to_ndarray()
            for frame in container.decode(stream)
        ]
        return frames, stream.average_rate, stream.codec_context


@pytest.mark.parametrize("fps", [Fraction(24), Fraction(30000, 1001), Fraction(60)])
@pytest.mark.parametrize("count", [1, 25])
def test_exact_frames_rate_and_size(tmp_path, fps, count):
    request = replace(REQUEST, fps=fps, frame_count=count)
    conform(footage(flat(range(100, 100 + count)), fps), request, tmp_path / "a.mp4", Desk(tmp_path))
    with av.open(str(tmp_path / "a.mp4")) as container:
        stream = container.streams.video[0]
        packets = [packet for packet in container.demux(stream) if packet.size]
        times = [(packet.pts or 0) * (packet.time_base or 0) for packet in packets]
        keys = [i for i, packet in enumerate(packets) if packet.is_keyframe]
        assert stream.average_rate == fps
    assert times == [i / fps for i in range(count)]
    assert max(np.diff([*keys, count])) <= 12
    frames, _, codec = decoded(tmp_path / "a.mp4")
    assert len(frames) == count
    assert frames[0].shape == (90, 160, 3)
    assert (codec.name, codec.pix_fmt, codec.profile) == ("h264", "yuv420p", "High")
    assert (codec.color_primaries, codec.color_trc, codec.colorspace, codec.color_range) == (1, 1, 1, 1)


def test_colours_survive(tmp_path):
    colours = np.random.default_rng(0).integers(0, 256, (10, 3)).astype(np.uint8)
    conform(footage(flat(colours)), REQUEST, tmp_path / "a.mp4", Desk(tmp_path))
    error = [
        np.abs(frame.astype(int) - colour).max()
        for frame, colour in zip(decoded(tmp_path / "a.mp4")[0], colours, strict=True)
    ]
    assert max(error) <= 2


@pytest.mark.parametrize("given", [4, 10, 23])
def test_retimed_to_the_clip(tmp_path, given):
    ramp = np.linspace(40, 200, given)
    conform(footage(flat(ramp.round()), Fraction(8)), REQUEST, tmp_path / "a.mp4", Desk(tmp_path))
    levels = [frame.mean() for frame in decoded(tmp_path / "a.mp4")[0]]
    assert levels == pytest.approx(np.linspace(40, 200, 10), abs=2)


def test_fitted_to_the_frame(tmp_path):
    wide = flat([128] * 10, size=(640, 180))
    for frame in wide:
        frame[:, :160] = frame[:, -160:] = 0  # what the crop to 16:9 takes away
    conform(footage(wide), REQUEST, tmp_path / "a.mp4", Desk(tmp_path))
    frames, _, _ = decoded(tmp_path / "a.mp4")
    assert frames[0].shape == (90, 160, 3)
    assert frames[0].min() > 120


@pytest.mark.parametrize("promised", [9, 11])
def test_miscounted_footage_is_refused(tmp_path, promised):
    broken = Footage(iter(flat([100] * 10)), promised, REQUEST.fps)
    with pytest.raises(GenerationFailed):
        conform(broken, REQUEST, tmp_path / "a.mp4", Desk(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_picture_is_refused(tmp_path):
    frames = [np.full((90, 160, 3), np.nan, np.float32)] * 10
    with pytest.raises(GenerationFailed, match="no picture"):
        conform(footage(frames), REQUEST, tmp_path / "a.mp4", Desk(tmp_path))


def test_cancelled_leaves_nothing(tmp_path):
    with pytest.raises(Cancelled):
        conform(footage(flat([100] * 10)), REQUEST, tmp_path / "a.mp4", Desk(tmp_path, stop_at=0.5))
    assert list(tmp_path.iterdir()) == []


def test_flow_is_measured(tmp_path):
    """A texture that slides by 2 px of 160 a frame, at 24 fps: 300 px/s at a width of 1000."""
    rng = np.random.default_rng(1)
    import cv2

    texture = cv2.GaussianBlur(rng.uniform(0, 255, (90, 400, 3)), (0, 0), 3)
    texture = np.clip((texture - texture.mean()) * 5 + 128, 0, 255).astype(np.uint8)
    frames = [np.ascontiguousarray(texture[:, 2 * i : 2 * i + 160]) for i in range(10)]
    request = replace(REQUEST, fps=Fraction(24))
    flow_px = conform(footage(frames, Fraction(24)), request, tmp_path / "a.mp4", Desk(tmp_path))
    assert flow_px == pytest.approx(300, rel=0.12)
