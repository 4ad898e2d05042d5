"""Which moment goes where: the good ones, moving as the music does, peaks on beats, none twice, the same again."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from blender_addon.core.types import ShotKind
from bridge.material import assign, summary
from bridge.material.folder import Item, Watched, watch_folder
from bridge.material.watching import STEP_S, Look, Measured
from bridge.plan.storyboard import BoardShot, Storyboard
from tests.material.made_clips import moving, plan, song, spoiled, write

MOTIONS = (80, 180, 90, 170, 85, 175, 95, 165, 80, 180)


def silent(progress, stage):
    pass


def tint(number):
    """Colours unlike the neighbours'."""
    return tuple(float((number * 67 + 40 * i) % 256) for i in range(12))


def made(number, motion, seconds=8.0, cuts=(), sharpness: Any = 0.7, exposure: Any = 0.9, face: Any = 0.0):
    """A clip as it was measured: motion is a function of the time, sharpness and exposure too or a number."""

    def at(value, time_s) -> Any:
        return value(time_s) if callable(value) else value

    looks = tuple(
        Look(i * 0.5, at(sharpness, i * 0.5), at(exposure, i * 0.5), at(face, i * 0.5), tint(number))
        for i in range(int(seconds * 2))
    )
    steps = tuple(float(motion(i * STEP_S)) for i in range(int(seconds / STEP_S)))
    name = f"c{number:02d}.mp4"
    return Item(Path("/shoot") / name, name, str(number), Measured(seconds, cuts, steps, (), looks))


def watched(*items):
    return Watched(tuple(items), ())


def shown(edit) -> list[tuple[str, Any]]:
    return [(Path(shot.media.path).name, shot.media.start_s) for shot in edit.shots if shot.media]


@pytest.mark.slow
def test_the_known_best_moments_are_chosen(tmp_path):
    """Each clip is spoiled but for 2.5 s of it, half of them fast; nine of ten shots show such a part."""
    good = {}
    for number in range(12):
        start_s, fast = 0.5 + 0.27 * number, number % 2 == 1
        pictures = moving(6.0, lambda t, fast=fast: 160 if fast else 14, seed=number, hue=13 * number)
        how = ("blurred", "dark", "burnt")[number % 3]
        pictures = [rgb if start_s <= i / 24 < start_s + 2.5 else spoiled(rgb, how) for i, rgb in enumerate(pictures)]
        good[write(tmp_path / f"{number:02d}.mp4", pictures).name] = (start_s, fast)
    edit = assign(plan(MOTIONS), song(), watch_folder(tmp_path, silent), Storyboard())
    right = 0
    for shot, (name, start_s) in zip(edit.shots, shown(edit), strict=False):
        begins_s, fast = good[name]
        inside = begins_s - 0.3 <= start_s and start_s + 2.0 <= begins_s + 2.5 + 0.3
        right += inside and fast == (shot.motion > 128)
    assert right >= 9


def test_motion_follows_the_music():
    items = [made(n, lambda t, n=n: 400 if n % 2 else 40) for n in range(12)]
    edit = assign(plan(MOTIONS), song(), watched(*items), Storyboard())
    fast = [int(name[1:3]) % 2 == 1 for name, _ in shown(edit)]
    assert fast == [motion > 128 for motion in MOTIONS]


@pytest.mark.parametrize("peak_s", [3.3, 4.15, 5.06])
def test_a_peak_of_movement_lands_on_a_downbeat(peak_s):
    jump = made(0, lambda t: 40 + 700 * max(0.0, 1 - abs(t - peak_s) / 0.4), seconds=10.0)
    edit = assign(plan([180], bars=2), song(), watched(jump), Storyboard())
    ((_, start_s),) = shown(edit)
    assert min(abs(peak_s - start_s - beat_s) for beat_s in (0.0, 2.0)) < 1 / 24
    assert "peaks on a beat" in "; ".join(edit.shots[0].why)


def test_no_moment_is_shown_twice_and_neighbours_differ():
    items = [made(n, lambda t: 100, seconds=9.0) for n in range(3)]
    edit = assign(plan([100 + n for n in range(10)]), song(), watched(*items), Storyboard())
    found = shown(edit)
    assert len(found) == 10
    for i, (name, start_s) in enumerate(found):
        assert all(name != other or abs(start_s - at) >= 2.0 - 0.26 for other, at in found[i + 1 :])
    assert all(one[0] != after[0] for one, after in pairwise(found))


def test_used_up_material_leaves_the_cover_to_the_rest_and_says_so():
    material = watched(made(0, lambda t: 100, seconds=4.4))
    edit = assign(plan(MOTIONS), song(), material, Storyboard())
    assert len(shown(edit)) == 2
    assert summary(edit, material) == "2 of 11 shots show your material, 1 of its 1 files."
    assert edit.shots[-1].kind is ShotKind.COVER_END
    assert edit.shots[-1].media is None
    assert sum("used up" in "; ".join(shot.why) for shot in edit.shots) == 8


def test_no_shot_runs_over_a_cut_of_the_clip():
    edit = assign(plan([100, 100, 100]), song(), watched(made(0, lambda t: 100, 8.0, cuts=(2.9, 5.5))), Storyboard())
    for _, start_s in shown(edit):
        assert not any(start_s < cut_s < start_s + 2.0 for cut_s in (2.9, 5.5))


def test_faces_and_sharp_pictures_are_preferred():
    sharp = made(0, lambda t: 100, sharpness=lambda t: 0.7 if t >= 4 else 0.1)
    ((_, start_s),) = shown(assign(plan([100]), song(), watched(sharp), Storyboard()))
    assert start_s >= 3.5
    face = made(0, lambda t: 100, face=lambda t: 0.3 if t < 3 else 0.0)
    ((_, start_s),) = shown(assign(plan([100]), song(), watched(face), Storyboard()))
    assert start_s <= 1.0


def test_the_same_seed_gives_the_same_edit_and_another_one_another():
    items = watched(*[made(n, lambda t: 100, seconds=20.0) for n in range(6)])
    first = assign(plan(MOTIONS), song(), items, Storyboard())
    assert assign(plan(MOTIONS), song(), items, Storyboard()) == first
    other = plan(MOTIONS)
    other = replace(other, shots=tuple(replace(shot, seed=shot.seed + 1000) for shot in other.shots))
    assert shown(assign(other, song(), items, Storyboard())) != shown(first)


def test_next_best_changes_one_shot_alone():
    items = watched(*[made(n, lambda t, n=n: 60 + 20 * n, seconds=6.0) for n in range(8)])
    boards = [Storyboard(shots=(BoardShot(), BoardShot(), BoardShot(next=count))) for count in range(4)]
    edits = [shown(assign(plan(MOTIONS[:5]), song(), items, board)) for board in boards]
    assert len({edit[2] for edit in edits}) == 4
    assert len({(*edit[:2], *edit[3:]) for edit in edits}) == 1


def test_a_shot_with_a_file_of_its_own_stays_and_its_part_is_not_shown_again():
    clip = made(0, lambda t: 100, seconds=6.5)
    board = Storyboard(shots=(BoardShot(clip=clip.path, from_s=2.0),))
    edit = assign(plan([100, 100, 100]), song(), watched(clip), board)
    assert edit.shots[0].media is None
    assert len(shown(edit)) == 2
    assert all(start_s + 2.0 <= 2.0 + 0.26 or start_s >= 4.0 - 0.26 for _, start_s in shown(edit))


def test_pictures_are_material_too():
    still = Item(
        Path("/shoot/a.png"), "a.png", "p", Measured(0.0, (), (0.0,), (), (Look(0.0, 0.7, 0.9, 0.3, tint(5)),))
    )
    edit = assign(plan([80, 180]), song(), watched(still, made(0, lambda t: 300)), Storyboard())
    assert [name for name, _ in shown(edit)] == ["a.png", "c00.mp4"]
    assert edit.shots[0].media is not None
    assert edit.shots[0].media.start_s is None
