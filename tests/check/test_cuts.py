"""The cuts that are seen: each hard one, and nothing else."""

import numpy as np
import pytest

from bridge.check.cuts import CutFinder
from tests.check.cut_cases import CASES, FPS

pytestmark = pytest.mark.slow


def cuts_of(clip: list[np.ndarray], fps: float = FPS) -> tuple[int, ...]:
    finder = CutFinder(fps)
    for i, frame in enumerate(clip):
        finder.push(i, frame)
    return finder.finish()


@pytest.mark.parametrize("name", CASES)
def test_every_hard_cut_and_nothing_else(name):
    make, cuts = CASES[name]
    assert cuts_of(make()) == cuts


@pytest.mark.parametrize("name", ["cuts between calm shots", "decaying flashes", "whip pan of 6 frames", "fast pan"])
def test_at_sixty_frames_a_second(name):
    """The same pictures shown thrice as often: cuts at the first of each three."""
    make, cuts = CASES[name]
    clip = [frame for frame in make() for _ in range(3)]
    assert cuts_of(clip, 3 * FPS) == tuple(3 * cut for cut in cuts)


def test_upright_pictures():
    make, cuts = CASES["cuts between calm shots"]
    assert cuts_of([np.ascontiguousarray(np.rot90(frame)) for frame in make()]) == cuts


def test_memory_is_bounded():
    """However long the video, no more than two thirds of a second of its pictures are kept."""
    finder = CutFinder(FPS)
    frame = CASES["zoom"][0]()[0]
    for i in range(200):
        finder.push(i, frame)
    assert len(finder._glances) <= 20


@pytest.mark.parametrize("count", [0, 1, 2])
def test_hardly_any_frames(count):
    assert cuts_of(CASES["zoom"][0]()[:count]) == ()
