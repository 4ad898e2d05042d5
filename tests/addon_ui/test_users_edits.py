"""An editor's own strips beside ours: whatever is done at random, theirs stay as they are, and the list is right.

BEATBOARD_SEQUENCES sets how many sequences are tried, BEATBOARD_SEED with which they begin.
"""

import copy
import os
import random
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import bpy
import pytest

from blender_addon.actions import plan as planning
from blender_addon.actions import shots
from blender_addon.scene import compat, timeline
from blender_addon.session import state, tasks
from tests.addon_ui import ui_world
from tests.addon_ui.test_project import land

SEQUENCES = int(os.environ.get("BEATBOARD_SEQUENCES", "4"))
FIRST = int(os.environ.get("BEATBOARD_SEED", "0"))
STEPS = 14
LENGTHS = (96, 48, 48, 96)
Place = tuple[int, int, int]


@dataclass
class Model:
    """What the timeline has to show."""

    shots: dict[str, tuple[int, int]]
    """left and right by id"""
    theirs: dict[str, Place]
    """left, right and channel of the editor's strips, by name"""
    made_of: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """the inputs of their effects"""
    song: tuple[int, int] = (0, 0)
    fixed: set[str] = field(default_factory=set)
    """shots that are locked or in a meta strip"""

    planned: dict[str, tuple[int, int]] = field(default_factory=dict)
    """where the planner has the shots"""

    def copy(self) -> "Model":
        return copy.deepcopy(self)


def place(strip) -> Place:
    return compat.left(strip), compat.right(strip), strip.channel


class World:
    """The edits, done in Blender and in the model."""

    def __init__(self, scene, folder: Path, seed: int) -> None:
        self.scene, self.folder, self.random = scene, folder, random.Random(seed)
        ui_world.lay_out(scene, folder, LENGTHS)
        self.settings = self.scenes_own()
        self.model = Model({s["id"]: place(s)[:2] for s in timeline.shot_strips(scene)}, {})
        self.model.song, self.model.planned = place(timeline.song_strip(scene))[:2], dict(self.model.shots)
        self.past: list[Model] = []
        self.future: list[Model] = []
        self.landed = self.made = self.saved = 0

    def scenes_own(self) -> list[object]:
        render = self.scene.render
        return [render.fps, render.fps_base, render.resolution_x, render.resolution_y, render.filepath]

    def shot(self, shot_id: str):
        strip = shots.strip_of(self.scene, shot_id)
        assert strip
        return strip

    def step(self) -> None:
        """The state before an edit becomes what undo gives."""
        self.past.append(self.model.copy())
        self.future.clear()

    def done(self) -> None:
        shots.refresh(self.scene, force=True)
        bpy.ops.ed.undo_push(message="edit")

    def name(self, stem: str) -> str:
        self.made += 1
        return f"{stem} {self.made}"

    def strips(self):
        return self.scene.sequence_editor.strips

    # What editors do

    def add_color(self) -> None:
        self.step()
        left, name = self.random.randint(1, 300), self.name("mine")
        channel = self.random.choice((1, 2, 3, 6, 9))
        length = self.random.randint(5, 120)
        channel = timeline.free_channel(self.scene, channel, left, left + length)
        strip = self.strips().new_effect(name, "COLOR", channel, left, length=length)
        self.model.theirs[name] = place(strip)
        self.done()

    def add_sound(self) -> None:
        self.step()
        left, name = self.random.randint(1, 400), self.name("wind")
        channel = timeline.free_channel(self.scene, 1, left, left + 60)
        strip = self.strips().new_sound(name, str(self.wind()), channel, left)
        self.model.theirs[name] = place(strip)
        self.done()

    def wind(self) -> Path:
        path = self.folder / "wind.wav"
        if not path.exists():
            ui_world.edit_world.make_song(path, 2.0)
        return path

    def add_text(self) -> None:
        self.step()
        left, name = self.random.randint(1, 250), self.name("words")
        channel = timeline.free_channel(self.scene, 11, left, left + 30)
        strip = self.strips().new_effect(name, "TEXT", channel, left, length=30)
        self.model.theirs[name] = place(strip)
        self.done()

    def add_effect(self) -> None:
        """A blur on one of their own strips, which follows it."""
        own = [n for n in self.model.theirs if n.startswith("mine") and n not in sum(self.model.made_of.values(), ())]
        if not own:
            return
        self.step()
        base, name = self.strips()[self.random.choice(own)], self.name("blur")
        left, right, _ = place(base)
        channel = timeline.free_channel(self.scene, 14, left, right)
        strip = self.strips().new_effect(name, "GAUSSIAN_BLUR", channel, left, length=right - left, input1=base)
        self.model.theirs[name], self.model.made_of[name] = place(strip), (base.name,)
        self.done()

    def crossfade(self) -> None:
        """Between two shots that touch: the later one goes up and starts earlier."""
        pairs = self.touching()
        if not pairs or any(name.startswith("fade") for name in self.model.theirs):
            return
        self.step()
        first, second = self.random.choice(pairs)
        one, other = self.shot(first), self.shot(second)
        left, right = self.model.shots[second]
        channel = timeline.free_channel(self.scene, 17, left - 6, right)
        other.channel = channel
        compat.set_left(other, left - 6)
        name = self.name("fade")
        over = timeline.free_channel(self.scene, channel + 1, left - 6, left)
        strip = self.strips().new_effect(name, "CROSS", over, left - 6, length=6, input1=one, input2=other)
        self.model.shots[second] = (left - 6, right)
        self.model.theirs[name], self.model.made_of[name] = place(strip), (one.name, other.name)
        self.done()

    def touching(self) -> list[tuple[str, str]]:
        at = sorted(self.model.shots.items(), key=lambda item: item[1])
        return [
            (one, other)
            for (one, (_, end)), (other, (start, right)) in pairwise(at)
            if end == start and right - start > 12 and start - self.model.shots[one][0] > 12
            and not {one, other} & self.model.fixed
        ]  # fmt: skip

    def move_all(self) -> None:
        self.step()
        by = self.random.choice((100, 7, -3))
        strips = [s for s in self.strips() if not timeline.inputs(s)]
        for strip in sorted(strips, key=compat.left, reverse=by > 0):
            was_locked, strip.lock = strip.lock, False
            start = compat.content_start(strip)
            compat.place(strip, start + by, compat.left(strip) + by, compat.right(strip) + by)
            strip.lock = was_locked
        self.shift(by)
        self.done()

    def shift(self, by: int) -> None:
        model = self.model
        model.shots = {name: (left + by, right + by) for name, (left, right) in model.shots.items()}
        model.planned = {name: (left + by, right + by) for name, (left, right) in model.planned.items()}
        model.theirs = {name: (left + by, right + by, ch) for name, (left, right, ch) in model.theirs.items()}
        model.song = model.song[0] + by, model.song[1] + by

    def lock(self) -> None:
        free = sorted(set(self.model.shots) - self.model.fixed)
        if not free or any(name.startswith("fade") for name in self.model.theirs):
            return
        self.step()
        shot_id = self.random.choice(free)
        shots.set_locked(self.scene, [shot_id], locked=True)
        self.model.fixed.add(shot_id)
        self.done()

    def meta(self) -> None:
        """One of theirs goes into a meta strip together with another."""
        own = [n for n in self.model.theirs if n.startswith(("mine", "words")) and self.strips().get(n)]
        own = [n for n in own if n not in sum(self.model.made_of.values(), ())]
        if not own:
            return
        self.step()
        name, meta_name = self.random.choice(own), self.name("meta")
        left, right, _ = self.model.theirs[name]
        meta = self.strips().new_meta(meta_name, timeline.free_channel(self.scene, 20, left, right), left)
        self.strips()[name].move_to_meta(meta)
        compat.set_right(meta, right)
        del self.model.theirs[name]
        self.model.theirs[meta_name] = place(meta)
        self.done()

    def land(self) -> None:
        shot_id = self.random.choice(sorted(self.model.shots))
        self.landed += 1
        land(self.scene, self.folder / "clips", shot_id, self.landed)

    def plan_again(self) -> None:
        """The same plan anew: shots that don't stay go where the planner has them, those that blend stay blended.

        The song ends with the last of them, which may be one that was trimmed and locked.
        """
        self.step()
        shown = shots.edit_of(self.scene)
        assert shown
        made = replace(ui_world.edit_world.plan(LENGTHS), cover_sha256=shown.cover_sha256)
        planning.lay_out(self.scene, made, Path(state.settings_of(self.scene).wav))
        for shot_id in set(self.trimmed()) - self.model.fixed:
            self.model.shots[shot_id] = self.model.shots[shot_id][0], self.model.planned[shot_id][1]
        self.model.song = self.model.song[0], max(right for _, right in self.model.shots.values())
        self.done()

    def trimmed(self) -> list[str]:
        """Shots that end before the planner had them end."""
        return [i for i, (_, right) in self.model.shots.items() if right != self.model.planned[i][1]]

    def trim(self) -> None:
        """A shot ends earlier; none that blends, since its effect would follow."""
        blended = sum((names for name, names in self.model.made_of.items() if name.startswith("fade")), ())
        free = [i for i, (left, right) in self.model.shots.items() if right - left > 30 and i not in self.model.fixed]
        free = [i for i in free if i not in self.trimmed() and self.shot(i).name not in blended]
        if not free:
            return
        self.step()
        shot_id = self.random.choice(sorted(free))
        left, right = self.model.shots[shot_id]
        compat.set_right(shots.strip_of(self.scene, shot_id), right - 9)
        self.model.shots[shot_id] = left, right - 9
        self.done()

    def discard_waiting(self) -> None:
        """A plan that waits is thrown away: nothing happens."""
        state.session().plans[self.scene.session_uid] = state.Planned(ui_world.edit_world.plan((48,)), Path("song.wav"))
        bpy.ops.beatboard.discard_plan()

    def save_as(self) -> None:
        self.saved += 1
        path = self.folder / f"place {self.saved}" / "edit.blend"
        path.parent.mkdir()
        bpy.ops.wm.save_as_mainfile(filepath=str(path))
        bpy.ops.wm.open_mainfile(filepath=str(path))
        self.scene = bpy.context.scene
        self.past.clear()
        self.future.clear()
        bpy.ops.ed.undo_push(message="opened")

    def undo(self) -> None:
        if self.past:
            self.future.append(self.model)
            self.model = self.past.pop()
            bpy.ops.ed.undo()
            self.scene = bpy.context.scene

    def redo(self) -> None:
        if self.future:
            self.past.append(self.model)
            self.model = self.future.pop()
            bpy.ops.ed.redo()
            self.scene = bpy.context.scene

    def check(self) -> None:
        scene, model = self.scene, self.model
        theirs = {s.name: place(s) for s in self.strips() if not timeline.is_ours(s)}
        assert theirs == model.theirs
        assert {s.name: tuple(i.name for i in timeline.inputs(s)) for s in self.strips() if timeline.inputs(s)} == {
            name: names for name, names in model.made_of.items() if name in model.theirs
        }
        seen = {s["id"]: place(s)[:2] for s in timeline.shot_strips(scene)}
        assert seen == model.shots
        assert place(timeline.song_strip(scene))[:2] == model.song
        assert self.scenes_own() == self.settings
        shots.refresh(scene, force=True)
        assert [row.name for row in state.shot_list().shots] == sorted(seen, key=lambda i: seen[i][0])
        assert len(state.settings_of(scene).takes) == self.landed
        assert not [take.path for take in state.settings_of(scene).takes if not timeline.absolute(take.path).is_file()]


@pytest.fixture
def scene(monkeypatch, tmp_path):
    monkeypatch.setenv("BEATBOARD_HOME", str(tmp_path / "home"))
    ui_world.switch_on()
    yield ui_world.open_empty()
    ui_world.switch_off()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(FIRST, FIRST + SEQUENCES))
def test_nothing_of_the_editors_is_lost_or_altered(scene, tmp_path, seed):
    world = World(scene, tmp_path, seed)
    world.check()
    edits = [
        world.add_color, world.add_sound, world.add_text, world.add_effect, world.crossfade, world.crossfade,
        world.move_all, world.lock, world.trim, world.trim, world.meta, world.land, world.plan_again, world.plan_again,
        world.discard_waiting, world.save_as, world.undo, world.undo, world.redo,
    ]  # fmt: skip
    done = []
    for _ in range(STEPS):
        what = world.random.choice(edits)
        done.append(what.__name__)
        try:
            what()
            world.check()
        except (AssertionError, RuntimeError, tasks.Problem) as error:
            raise AssertionError(f"seed {seed}, after {done}: {error}") from error
