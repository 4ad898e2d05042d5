# SPDX-License-Identifier: GPL-3.0-or-later
"""One set-up for all encoding: the file says so, and Blender's settings are the same figures."""

import re
from fractions import Fraction

import av
import numpy as np
import pytest

from blender_addon.core import encoding
from bridge.common.encoding import add_audio, add_video

FPS = Fraction(30000, 1001)


def written(path, x264):
    with av.open(str(path), "w") as out:
        stream = add_video(out, (64, 36), FPS, x264)
        for index in range(40):
            picture = np.full((36, 64, 3), 100, np.uint8)  # no change, which could get a keyframe of its own
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format=encoding.PIXEL_FORMAT)
            frame.pts, frame.time_base = index, 1 / FPS
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    "x264", [encoding.DELIVERABLE, encoding.CLIP, encoding.RETIMED], ids=["video", "clip", "retimed"]
)
def test_a_stream_is_encoded_as_the_table_says(tmp_path, x264):
    path = written(tmp_path / "video.mp4", x264)
    told = re.search(rb"options: ([ -~]+)", path.read_bytes())
    assert told is not None
    options = dict(part.split("=", 1) for part in told[1].decode().split() if "=" in part)
    every = x264.keyframe_every or 30
    assert (float(options["crf"]), options["bframes"], int(options["keyint"])) == (x264.crf, "0", every)
    with av.open(str(path)) as video:
        stream = video.streams.video[0]
        coder = stream.codec_context
        assert (coder.profile, coder.pix_fmt, stream.average_rate) == ("High", "yuv420p", FPS)
        tags = (coder.color_primaries, coder.color_trc, coder.colorspace, coder.color_range)
        assert tags == (1, 1, 1, 1), "BT.709, limited range"
        keys = [index for index, packet in enumerate(p for p in video.demux(stream) if p.size) if packet.is_keyframe]
    assert keys[:2] == [0, every]


def test_the_sound_is_aac_in_stereo(tmp_path):
    with av.open(str(tmp_path / "sound.mp4"), "w") as out:
        stream = add_audio(out)
        assert (stream.codec_context.name, stream.codec_context.layout.name) == ("aac", "stereo")
        assert (stream.codec_context.sample_rate, stream.bit_rate) == (48_000, 192_000)


def test_blender_has_a_name_for_the_deliverables_figures():
    assert encoding.BLENDER_CRF[encoding.DELIVERABLE.crf] == "HIGH"
    assert encoding.BLENDER_PRESET[encoding.DELIVERABLE.preset] == "GOOD"
