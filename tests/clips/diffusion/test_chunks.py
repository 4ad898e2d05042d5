"""Shots longer than a model's clip."""

from fractions import Fraction

import numpy as np
import pytest

from blender_addon.core.types import ShotKind
from bridge.clips import options
from bridge.clips.base import Still
from bridge.clips.diffusion import chunks
from bridge.common.errors import BadInput
from tests.clips.diffusion.diffusion_world import FakeWork, request_for


def test_each_chunk_starts_where_the_last_one_ended(tmp_path):
    asked = []

    def make(part, still, work):
        asked.append((part.frame_count, part.hold_frames, part.kind, part.seed))
        work.report(0.5, "animating")
        work.hand_over(part.seed)
        first = int(still.rgb[0, 0, 0])
        return [np.full((4, 4, 3), first + i, np.uint8) for i in range(5)]

    work = FakeWork(tmp_path, {})
    request = request_for(frame_count=130, hold_frames=10, kind=ShotKind.COVER_END)
    frames = chunks.made_in_chunks(request, Still(np.zeros((4, 4, 3), np.uint8)), work, 3, make)
    assert [int(frame[0, 0, 0]) for frame in frames] == list(range(13)), "no frame twice, none left out"
    assert asked == [(40, 0, ShotKind.MOTION, 1), (40, 0, ShotKind.MOTION, 2), (40, 0, ShotKind.COVER_END, 3)]
    assert [round(progress, 3) for progress, _ in work.reports] == [0.167, 0.5, 0.833]
    assert work.handed_over == [3], "the last chunk alone"
    assert work.stages[1] == "chunk 2 of 3: animating"


def counted(**given):
    request = request_for(**given)
    return chunks.chunk_count(request, options.of(request, [options.CHUNKS]), Fraction(5))


@pytest.mark.parametrize(("frames", "count"), [(24, 1), (120, 1), (121, 2), (240, 2), (241, 3), (24000, 12)])
def test_as_many_chunks_as_needed(frames, count):
    assert counted(frame_count=frames) == count


def test_the_option_overrides():
    assert counted(frame_count=24, chunks=3) == 3
    with pytest.raises(BadInput, match="chunks takes a whole number from 1 to 12"):
        counted(chunks=0)
