import itertools
from fractions import Fraction

import numpy as np
import pytest

from blender_addon.core.types import Framing, ShotKind
from bridge.clips import registry
from bridge.clips.animatic.camera_animator import target_flow_px_s
from bridge.clips.base import HandlesAnimator
from bridge.common import optical_flow
from bridge.cover import mounted
from tests.clips.animatic.animatic_world import Desk, cover, request

pytestmark = pytest.mark.slow


def film(desk, **changes):
    asked = request(**changes)
    engine = registry.load(asked)
    still = next(iter(engine.painter.paint([asked], desk)))
    footage = engine.animator.animate(asked, still, desk)
    frames = list(footage.frames)
    assert footage.frame_count == len(frames) == asked.frame_count
    assert footage.fps == asked.fps
    assert {frame.shape for frame in frames} == {(asked.height_px, asked.width_px, 3)}
    return frames


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path)


def difference(a, b):
    return float(np.abs(a.astype(int) - b.astype(int)).mean())


@pytest.mark.parametrize(("kind", "count", "fps", "size"), [
    (ShotKind.MOTION, 1, Fraction(24), (160, 90)),
    (ShotKind.MOTION, 31, Fraction(30000, 1001), (90, 160)),
    (ShotKind.HERO_HOLD, 3, Fraction(25), (162, 90)),
    (ShotKind.COVER_END, 2, Fraction(60), (96, 96)),
])  # fmt: skip
def test_exactly_what_was_asked(desk, kind, count, fps, size):
    film(desk, kind=kind, frame_count=count, fps=fps, width_px=size[0], height_px=size[1], hold_frames=1)


def test_same_request_same_pixels(desk):
    first, second = film(desk, frame_count=8), film(desk, frame_count=8)
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("framing", list(Framing))
def test_seeds_give_different_shots(desk, framing):
    shots = [film(desk, frame_count=12, framing=framing, seed=seed) for seed in (1, 2, 3, 4)]
    ends = [np.concatenate([shot[0], shot[-1]]) for shot in shots]
    for i, one in enumerate(ends):
        assert all(difference(one, other) > 3 for other in ends[:i])


def test_framings_differ_in_size(desk):
    """The figure's colour fills more of a closer frame."""
    shares = []
    for framing in (Framing.WIDE, Framing.MEDIUM, Framing.CLOSE):
        frame = film(desk, framing=framing, frame_count=1, seed=1)[0].astype(int)
        shares.append(float((frame[..., 0] - frame[..., 1] > 90).mean()))
    assert shares[0] * 1.2 < shares[1], "though the figure is higher than either frame"
    assert shares[1] * 1.3 < shares[2]


@pytest.mark.parametrize("kind", [ShotKind.HERO_HOLD, ShotKind.MOTION])
def test_hold_then_ease(desk, kind):
    frames = film(desk, kind=kind, frame_count=36, hold_frames=12, motion=160)
    assert all(np.array_equal(frame, frames[0]) for frame in frames[:12])
    steps = [difference(a, b) for a, b in itertools.pairwise(frames[11:])]
    assert steps[-1] > 0.2, "then it moves"
    assert steps[0] < 0.5 * max(steps), "and starts gently"


@pytest.mark.parametrize("size", [(160, 90), (90, 160)])
def test_ends_on_the_whole_cover(desk, size):
    frames = film(
        desk, kind=ShotKind.COVER_END, frame_count=40, hold_frames=10, width_px=size[0], height_px=size[1], motion=90
    )
    whole = mounted(cover(), *size).picture
    assert all(np.array_equal(frame, whole) for frame in frames[-10:])
    assert difference(frames[0], whole) > 8, "it came from somewhere else"
    assert difference(frames[-11], whole) < 2, "and slid into place"


@pytest.mark.parametrize("kind", list(ShotKind))
def test_no_jump_inside_a_shot(desk, kind):
    frames = film(desk, kind=kind, frame_count=48, hold_frames=12, motion=200, accents=(0, 12, 24, 36))
    steps = np.array([difference(a, b) for a, b in itertools.pairwise(frames)])
    assert steps.max() < 12
    around = np.maximum(np.roll(steps, 1), np.roll(steps, -1))[1:-1]
    assert (steps[1:-1] < 2.2 * around + 1.5).all(), "no frame stands out from those around it"


@pytest.mark.parametrize("framing", [Framing.WIDE, Framing.DETAIL])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_no_black_borders(tmp_path, framing, seed):
    desk = Desk(tmp_path, np.clip(cover().astype(int) // 2 + 120, 0, 255).astype(np.uint8))
    for frame in film(desk, framing=framing, seed=seed, motion=255)[::6]:
        for edge in (frame[0], frame[-1], frame[:, 0], frame[:, -1]):
            assert edge.max(axis=-1).min() > 60


@pytest.mark.parametrize("seed", [1, 2])
def test_flow_rises_with_motion(desk, seed):
    framings = [Framing.WIDE, Framing.DETAIL, Framing.MEDIUM, Framing.CLOSE]
    motions = [40, 90, 140, 190, 240]
    shots = [
        film(
            desk,
            motion=motion,
            seed=seed * 100 + i,
            framing=framings[i % 4],
            frame_count=30,
            width_px=240,
            height_px=135,
        )
        for i, motion in enumerate(motions)
    ]
    flows = [optical_flow.measure(shot, Fraction(24)) for shot in shots]
    assert flows == sorted(flows)
    assert flows[-1] > 4 * flows[0]


@pytest.mark.parametrize("size", [(240, 136), (136, 240)])
def test_the_flow_is_the_motions_whatever_the_beats(desk, size):
    """A few pairs of pictures, evenly spread, would all meet the beats of a steady song, or all miss them."""
    asked = {"frame_count": 113, "width_px": size[0], "height_px": size[1], "motion": 120, "framing": Framing.WIDE}
    for first in (0, 8):
        frames = film(desk, accents=tuple(range(first, 113, 12)), energy=(0.9, 0.9), **asked)
        assert optical_flow.measure(frames, Fraction(24)) == pytest.approx(target_flow_px_s(120), rel=0.03)


def test_the_layers_move_apart(desk):
    """Parallax, not a zoom: the figure and the sky beside it shift by different amounts."""
    from bridge.clips.animatic.camera import ROOM, Frustum, Pose
    from bridge.clips.animatic.layers import split
    from bridge.clips.animatic.scene import Scene

    asked = request(width_px=320, height_px=180)
    still = next(iter(registry.load(asked).painter.paint([asked], desk)))
    layers = split(still)
    assert layers.subject is not None
    scene = Scene(layers, Frustum.of(still, 320, 180, ROOM), 320, 180)
    before, after = (scene.render(Pose(x=x))[1] for x in (0.0, 0.06))
    assert before is not None
    assert after is not None
    columns = np.arange(320)
    moved = [float((a.sum(axis=0) * columns).sum() / a.sum()) for a in (before, after)]
    assert moved[0] - moved[1] > 0.06 * 320 * 1.1, "the near figure moves more than the frame's plane"


@pytest.mark.parametrize("kind", [ShotKind.MOTION, ShotKind.HERO_HOLD, ShotKind.COVER_END])
def test_handles_change_nothing_of_the_shot_between_them(desk, kind):
    asked = request(kind=kind, frame_count=12, hold_frames=0 if kind is ShotKind.MOTION else 4, accents=(0, 6))
    engine = registry.load(asked)
    still = next(iter(engine.painter.paint([asked], desk)))
    plain = list(engine.animator.animate(asked, still, desk).frames)
    assert isinstance(engine.animator, HandlesAnimator)
    footage = engine.animator.animate_with_handles(asked, 3, still, desk)
    longer = list(footage.frames)
    assert (len(plain), len(longer), footage.frame_count) == (12, 18, 18)
    assert all(np.array_equal(one, other) for one, other in zip(plain, longer[3:-3], strict=True))
    before, after = (not np.array_equal(longer[a], longer[b]) for a, b in ((0, 3), (-4, -1)))
    assert (before, after) == (kind is not ShotKind.HERO_HOLD, kind is not ShotKind.COVER_END), "a rest goes on"
