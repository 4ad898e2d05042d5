# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of formats: names and sizes become pixels, and what no video can have is refused."""

import pytest

from blender_addon.core import formats


@pytest.mark.parametrize(
    ("text", "short_px", "size"),
    [
        ("16:9", 1080, (1920, 1080)),
        ("9:16", 720, (720, 1280)),
        ("1:1", 360, (360, 360)),
        ("4:5", 1080, (1080, 1350)),
        ("16:9", 2160, (3840, 2160)),
        (" 1440X810 ", 1080, (1440, 810)),
    ],
)
def test_names_and_sizes_become_pixels(text, short_px, size):
    found = formats.parse(text, short_px)
    assert (found.width_px, found.height_px) == size


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("both", f"there is no format 'both'; there are {', '.join(formats.SHAPES)}, and sizes in pixels"),
        ("", "there is no format ''"),
        ("16:10", "there is no format '16:10'"),
        ("1441x810", "must be even"),
        ("1440x811", "must be even"),
        ("1440x30", "from 32 to 4096"),
        ("4098x2160", "from 32 to 4096"),
        ("1000x248", "at most 4 times the other"),
        ("0x0", "from 32 to 4096"),
    ],
)
def test_what_no_video_can_have_is_refused_in_a_sentence(text, sentence):
    with pytest.raises(ValueError, match=sentence.replace("(", "[(]")):
        formats.parse(text)


def test_a_list_has_each_format_once_in_its_order():
    found = formats.parse_list("4:5, 16:9,4:5, 640x480", 720)
    assert [(one.name, one.suffix, one.width_px) for one in found] == [
        ("4:5", "4x5", 720),
        ("16:9", "16x9", 1280),
        ("640x480", "640x480", 640),
    ]
    with pytest.raises(ValueError, match="no format ''"):
        formats.parse_list("16:9,")


def test_every_shape_can_be_had_at_every_size():
    for name in formats.SHAPES:
        for short_px in formats.SHORT_SIDES_PX:
            found = formats.parse(name, short_px)
            formats.check_size(found.width_px, found.height_px)
            assert min(found.width_px, found.height_px) == short_px


@pytest.mark.parametrize(
    ("size", "draft"),
    [((1920, 1080), (640, 360)), ((1080, 1350), (512, 640)), ((1080, 1080), (640, 640)), ((320, 180), (320, 180))],
)
def test_a_draft_has_the_shape_of_its_video_and_is_never_larger(size, draft):
    assert formats.draft_size(*size) == draft
