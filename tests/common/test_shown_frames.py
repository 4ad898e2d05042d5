"""Pictures as they are meant to be seen, from files that store them otherwise."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from bridge.check.watching import decoded
from bridge.common.frame_sampling import sample
from bridge.common.shown_frames import shown, shown_size, to_bt709

HLG, PQ = 18, 16


def film(path: Path, times: list[int], *, pixel_shape: Fraction | None = None) -> Path:
    """Grey pictures, each 10 levels brighter than the last, shown at these twenty-fifths of a second."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 180, 144, "yuv420p"
        if pixel_shape:
            stream.codec_context.sample_aspect_ratio = pixel_shape
        stream.codec_context.time_base = Fraction(1, 25)
        for i, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(np.full((144, 180, 3), 20 + 10 * i, np.uint8)).reformat(format="yuv420p")
            frame.pts, frame.time_base = time, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def levels(frames) -> list[int]:
    return [round((int(frame.to_ndarray(format="rgb24").mean()) - 20) / 10) for frame in frames]


def test_pixels_become_square(tmp_path):
    wide = film(tmp_path / "wide.mp4", [0, 1, 2], pixel_shape=Fraction(64, 45))
    assert [(frame.width, frame.height) for frame in decoded(wide)] == [(256, 144)] * 3
    assert sample([wide], per_video=1, width_px=None)[0].shape == (144, 256, 3)
    assert shown_size(720, 576, Fraction(16, 15)) == (768, 576)
    assert shown_size(1440, 1080, Fraction(4, 3)) == (1920, 1080)
    assert shown_size(720, 480, Fraction(8, 9)) == (720, 540), "nothing is lost where pixels are narrow"


def test_ordinary_frames_pass_as_they_are(tmp_path):
    with av.open(str(film(tmp_path / "plain.mp4", [0, 1]))) as container:
        frames = list(container.decode(video=0))
        assert [one is other for one, other in zip(frames, shown(iter(frames), None), strict=True)] == [True, True]


def test_a_variable_rate_is_followed_by_its_time_stamps(tmp_path):
    uneven = film(tmp_path / "uneven.mp4", [0, 1, 5, 6, 10])
    assert levels(decoded(uneven)) == [0, 1, 2, 3, 4]
    assert levels(decoded(uneven, constant_fps=Fraction(25)))[:10] == [0, 1, 1, 1, 1, 2, 3, 3, 3, 3]


def test_interlaced_fields_are_made_whole(tmp_path):
    """An edge that moves between two fields is a comb; in a whole picture neighbouring lines are alike."""

    def edge(time: int) -> np.ndarray:
        return np.repeat(np.where(np.arange(180) < 20 + 12 * time, 200, 60)[None, :, None], 144, axis=0)

    pictures = [np.repeat(edge(2 * i), 3, axis=2).astype(np.uint8) for i in range(4)]
    for i, picture in enumerate(pictures):
        picture[1::2] = edge(2 * i + 1)[1::2]
    path = tmp_path / "interlaced.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"x264-params": "tff=1:crf=10"})
        stream.width, stream.height, stream.pix_fmt = 180, 144, "yuv420p"
        stream.codec_context.flags |= 0x40000 | 0x20000000  # interlaced DCT and motion estimation
        for i, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture).reformat(format="yuv420p")
            frame.pts, frame.time_base = i, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    whole = list(decoded(path))
    assert len(whole) == 4

    def combing(picture: np.ndarray) -> float:
        return float(np.abs(np.diff(picture[20:120].astype(int), axis=0)).mean())

    assert combing(whole[1].to_ndarray(format="gray")) < 0.3 * combing(pictures[1][:, :, 0])


@pytest.mark.parametrize("transfer", [HLG, PQ])
def test_hdr_keeps_greys_grey_and_in_order(transfer: int):
    grey = np.repeat(np.linspace(0, 1, 33)[:, None], 3, axis=1)
    seen = to_bt709(grey, transfer)
    assert np.ptp(seen, axis=1).max() < 0.01
    assert (np.diff(seen[:, 0]) >= -1e-9).all()
    assert seen[0, 0] == pytest.approx(0, abs=1e-6)
    assert seen[-1, 0] == pytest.approx(1, abs=0.01)


def test_paper_white_is_nearly_white():
    """75 % of HLG and 58 % of PQ are reference white (ITU-R BT.2408, table 1)."""
    for signal, transfer in ((0.75, HLG), (0.58, PQ)):
        assert 0.88 < to_bt709(np.full((1, 3), signal), transfer)[0, 0] < 0.97


def test_a_phones_hdr_film_is_tone_mapped(tmp_path):
    path = tmp_path / "hdr.mov"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx265", rate=25)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p10le"
        coder = stream.codec_context
        coder.color_trc, coder.color_primaries, coder.colorspace, coder.color_range = HLG, 9, 9, 1
        for i in range(3):
            luma = np.full((96, 128), round(64 + 0.75 * 876), np.uint16)
            chroma = np.full((96, 64), 512, np.uint16)
            planes = np.concatenate([luma, chroma[:48].repeat(1, 0).reshape(24, 128), chroma[48:].reshape(24, 128)])
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p10le")
            frame.pts, frame.time_base = i, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    (first, *_) = decoded(path)
    seen = first.to_ndarray(format="rgb24").reshape(-1, 3).mean(axis=0)
    assert np.ptp(seen) < 3
    assert 225 < seen[0] < 248


@pytest.mark.parametrize(("height_px", "matrix"), [(720, "ITU709"), (480, "ITU601")])
def test_untagged_colours_are_read_as_players_do(height_px: int, matrix: str):
    red = np.full((height_px, 640, 3), (200, 40, 60), np.uint8)
    frame = av.VideoFrame.from_ndarray(red, format="rgb24").reformat(format="yuv420p", dst_colorspace=matrix)
    frame.colorspace = 2
    (seen,) = shown(iter([frame]), None)
    assert np.abs(seen.to_ndarray(format="rgb24")[100, 100].astype(int) - (200, 40, 60)).max() <= 4, (
        "20 if it were the other"
    )
