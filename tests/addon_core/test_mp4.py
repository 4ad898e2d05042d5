import struct

import av
import numpy as np
import pytest

from blender_addon.core import mp4

FRAMES = 7


@pytest.fixture
def video(tmp_path):
    """Picture and sound, the index at the end."""
    path = tmp_path / "video.mp4"
    with av.open(str(path), "w") as out:
        sound = out.add_stream("aac", rate=48000, layout="mono")
        picture = out.add_stream("libx264", rate=24)
        picture.width, picture.height, picture.pix_fmt = 32, 32, "yuv420p"
        noise = np.random.default_rng(0).normal(0, 0.1, (1, 14000)).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(noise, format="fltp", layout="mono")
        frame.sample_rate = 48000
        out.mux(sound.encode(frame))
        out.mux(sound.encode(None))
        for i in range(FRAMES):
            frame = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 30 * i, np.uint8), format="rgb24")
            out.mux(picture.encode(frame))
        out.mux(picture.encode(None))
    return path


def order(path):
    data = path.read_bytes()
    return data.index(b"moov") < data.index(b"mdat")


def decoded(path):
    with av.open(str(path)) as container:
        return [(frame.pts, frame.to_ndarray().tobytes()) for frame in container.decode()]


def test_the_index_moves_and_everything_decodes_as_before(video):
    before = decoded(video)
    assert not order(video)
    mp4.move_index_first(video)
    assert order(video)
    assert decoded(video) == before
    assert [path.name for path in video.parent.iterdir()] == ["video.mp4"]


def test_a_file_that_is_so_already_is_left_alone(video):
    mp4.move_index_first(video)
    before = video.stat()
    mp4.move_index_first(video)
    after = video.stat()  # its time of access changes, since it is looked into
    assert (after.st_ino, after.st_mtime_ns, after.st_size) == (before.st_ino, before.st_mtime_ns, before.st_size)


def test_a_full_disk_leaves_the_file_and_nothing_else(video, monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device")

    whole = video.read_bytes()
    monkeypatch.setattr(mp4, "_copy", fail)
    with pytest.raises(OSError, match="No space"):
        mp4.move_index_first(video)
    assert [path.name for path in video.parent.iterdir()] == ["video.mp4"]
    assert video.read_bytes() == whole


def test_frames_are_counted_on_the_video_track(video):
    assert mp4.frame_count(video) == FRAMES


def test_what_is_not_whole_is_refused(video, tmp_path):
    whole = video.read_bytes()
    video.write_bytes(whole[: len(whole) - 100])
    with pytest.raises(ValueError, match=r"does not fit|not a whole MP4"):
        mp4.move_index_first(video)
    text = tmp_path / "text.mp4"
    text.write_text("no video at all, but long enough to have a size")
    with pytest.raises(ValueError, match=r"does not fit|not a whole MP4"):
        mp4.frame_count(text)
    (tmp_path / "empty.mp4").touch()
    with pytest.raises(ValueError, match="not a whole MP4"):
        mp4.frame_count(tmp_path / "empty.mp4")


def test_the_picture_size_is_the_shown_one(tmp_path):
    for turned, size in ((0, (48, 32)), (90, (32, 48))):
        path = tmp_path / f"{turned}.mp4"
        with av.open(str(path), "w") as out:
            picture = out.add_stream("libx264", rate=24)
            picture.width, picture.height, picture.pix_fmt = 48, 32, "yuv420p"
            frame = av.VideoFrame.from_ndarray(np.zeros((32, 48, 3), np.uint8), format="rgb24")
            out.mux(picture.encode(frame))
            out.mux(picture.encode(None))
        if turned:
            data = path.read_bytes()
            matrix = data.index(b"tkhd") + 44
            quarter = struct.pack(">5i", 0, 1 << 16, 0, -(1 << 16), 0)
            path.write_bytes(data[:matrix] + quarter + data[matrix + len(quarter) :])
        assert mp4.picture_size(path) == size
