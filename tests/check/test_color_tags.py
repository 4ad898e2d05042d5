"""Which colours are right by another reading than the tags', on frames that FFmpeg converts."""

import av
import numpy as np
import pytest

from bridge.check import color_tags

PICTURE = np.random.default_rng(4).integers(20, 236, (12, 12, 3), np.uint8).repeat(8, axis=0).repeat(8, axis=1)


def read(made: tuple[str, str], tagged: tuple[str, str]) -> np.ndarray:
    """The picture made in one way and read in another."""
    frame = av.VideoFrame.from_ndarray(PICTURE, format="rgb24")
    pixels = frame.reformat(format="yuv444p", dst_colorspace=made[0], dst_color_range=made[1])
    rgb = pixels.reformat(format="rgb24", src_colorspace=tagged[0], src_color_range=tagged[1])
    return rgb.to_ndarray()


@pytest.mark.parametrize(("made", "tagged", "truth"), [
    (("ITU709", "MPEG"), ("ITU709", "MPEG"), ""),
    (("ITU601", "MPEG"), ("ITU709", "MPEG"), "BT.601"),
    (("ITU709", "MPEG"), ("ITU601", "MPEG"), "BT.709"),
    (("ITU709", "JPEG"), ("ITU709", "MPEG"), "full range"),
    (("ITU709", "MPEG"), ("ITU709", "JPEG"), "limited range"),
])  # fmt: skip
def test_tags_that_lie_are_seen(made, tagged, truth):
    assert color_tags.lying(read(made, tagged), PICTURE) == truth


def test_a_grade_is_no_wrong_tag():
    warm = np.clip(PICTURE * [1.1, 1.0, 0.9], 0, 255).astype(np.uint8)
    assert color_tags.lying(warm, PICTURE) == ""
    assert color_tags.lying(PICTURE, PICTURE) == ""
