"""Frames out of video files."""

from fractions import Fraction

import av
import numpy as np
import pytest

from blender_addon.core.encoding import CLIP
from bridge.common.frame_sampling import sample
from bridge.render.encode import encode

FRAMES = 41


@pytest.fixture
def numbered(tmp_path):
    """Each frame is as bright as four times its number; a keyframe comes every twelve."""
    grey = (np.full((32, 64, 3), 4 * number, np.uint8) for number in range(FRAMES))
    pictures = (av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p") for picture in grey)
    encode(pictures, tmp_path / "numbered.mp4", Fraction(24), CLIP)
    return tmp_path / "numbered.mp4"


@pytest.mark.parametrize(("count", "expected"), [(1, [20]), (3, [0, 20, 40]), (5, [0, 10, 20, 30, 40])])
def test_frames_are_evenly_spread_from_the_first_to_the_last(numbered, count, expected):
    found = [float(frame.mean()) / 4 for frame in sample([numbered], count)]
    assert found == pytest.approx(expected, abs=0.6)
