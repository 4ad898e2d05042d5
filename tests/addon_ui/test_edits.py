"""The timeline is the truth: what an editor does at random, with clips landing in between, against a model of it.

BEATBOARD_EDITS sets how many sequences are tried.
"""

import os
import random
from dataclasses import dataclass, field
from pathlib import Path

import bpy
import pytest

from blender_addon.actions import shots, takes
from blender_addon.actions.takes import Landing
from blender_addon.core.clip_requests import clip_requests
from blender_addon.core.types import Clip
from blender_addon.scene import compat, timeline
from blender_addon.session import state
from tests.addon_ui import ui_world

SEQUENCES = int(os.environ.get("BEATBOARD_EDITS", "6"))
STEPS = 25
END = 400


@dataclass
class Model:
    """What the timeline has to show."""

    shots: dict[str, tuple[int, int, str]]
    """left, right, prompt, by id"""
    landed: set[tuple[str, str]] = field(default_factory=set)
    """shot and clip of every take"""
    used: set[str] = field(default_factory=set)
    """ids whose takes are kept"""
    past: list[dict[str, tuple[int, int, str]]] = field(default_factory=list)
    future: list[dict[str, tuple[int, int, str]]] = field(default_factory=list)

    def step(self) -> None:
        """The state before an edit becomes what undo gives."""
        self.past.append(dict(self.shots))
        self.future.clear()

    def gap_after(self, shot_id: str) -> int:
        """The first frame after a shot's end that belongs to another."""
        right = self.shots[shot_id][1]
        return min((left for left, _, _ in self.shots.values() if left >= right), default=END)

    def fresh(self, shot_id: str) -> str:
        stem = shot_id.rstrip("abcdefghijklmnopqrstuvwxyz")
        taken = set(self.shots) | self.used
        names = [stem + letter for letter in "bcdefghijklmnopqrstuvwxyz"]
        return next(name for name in names if name not in taken)


class World:
    """The edits, done in Blender and in the model."""

    def __init__(self, scene, folder: Path, seed: int) -> None:
        self.scene, self.folder, self.random = scene, folder, random.Random(seed)
        ui_world.lay_out(scene, folder)
        self.clip = ui_world.edit_world.make_clip(folder / "clip.mp4", 12, 1)
        shown = {seen.shot.id: seen.shot for seen in timeline.seen_shots(scene)}
        self.model = Model({i: (s.start_frame + 1, s.end_frame + 1, s.prompt) for i, s in shown.items()})

    def strip(self, shot_id):
        strip = shots.strip_of(self.scene, shot_id)
        assert strip is not None, shot_id
        return strip

    def any_shot(self) -> str | None:
        return self.random.choice(sorted(self.model.shots)) if self.model.shots else None

    def push(self) -> None:
        bpy.ops.ed.undo_push(message="edit")

    def move(self) -> None:
        shot_id = self.any_shot()
        if shot_id is None or (room := self.model.gap_after(shot_id) - self.model.shots[shot_id][1]) < 1:
            return
        by = self.random.randint(1, min(room, 30))
        strip, (left, right, prompt) = self.strip(shot_id), self.model.shots[shot_id]
        self.model.step()
        compat.place(strip, compat.content_start(strip) + by, left + by, right + by)
        self.model.shots[shot_id] = (left + by, right + by, prompt)
        self.push()

    def trim(self) -> None:
        shot_id = self.any_shot()
        if shot_id is None or self.model.shots[shot_id][1] - self.model.shots[shot_id][0] < 4:
            return
        left, right, prompt = self.model.shots[shot_id]
        by = self.random.randint(1, (right - left) // 2)
        self.model.step()
        if self.random.random() < 0.5:
            compat.set_left(self.strip(shot_id), left + by)
            self.model.shots[shot_id] = (left + by, right, prompt)
        else:
            compat.set_right(self.strip(shot_id), right - by)
            self.model.shots[shot_id] = (left, right - by, prompt)
        self.push()

    def split(self) -> None:
        shot_id = self.any_shot()
        if shot_id is None or self.model.shots[shot_id][1] - self.model.shots[shot_id][0] < 4:
            return
        left, right, prompt = self.model.shots[shot_id]
        frame = self.random.randint(left + 1, right - 1)
        strip = self.strip(shot_id)
        shots.adopt(self.scene)  # where the shot is now, so that its left part keeps the id
        self.model.step()
        strip.split(frame=frame, split_method="SOFT")
        shots.adopt(self.scene)
        new = self.model.fresh(shot_id)
        self.model.shots[shot_id] = (left, frame, prompt)
        self.model.shots[new] = (frame, right, prompt)
        self.push()

    def delete(self) -> None:
        shot_id = self.any_shot()
        if shot_id is None or len(self.model.shots) < 3:
            return
        self.model.step()
        self.scene.sequence_editor.strips.remove(self.strip(shot_id))
        del self.model.shots[shot_id]
        self.push()

    def rewrite(self) -> None:
        shot_id = self.any_shot()
        if shot_id is None:
            return
        left, right, _ = self.model.shots[shot_id]
        prompt = f"prompt {self.random.random()}"
        self.model.step()
        self.strip(shot_id).beatboard_prompt = prompt
        self.model.shots[shot_id] = (left, right, prompt)
        self.push()

    def undo(self) -> None:
        if self.model.past:
            self.model.future.append(dict(self.model.shots))
            self.model.shots = self.model.past.pop()
            bpy.ops.ed.undo()
            self.scene = bpy.context.scene

    def redo(self) -> None:
        if self.model.future:
            self.model.past.append(dict(self.model.shots))
            self.model.shots = self.model.future.pop()
            bpy.ops.ed.redo()
            self.scene = bpy.context.scene

    def reload(self) -> None:
        path = self.folder / "edit.blend"
        bpy.ops.wm.save_as_mainfile(filepath=str(path))
        bpy.ops.wm.open_mainfile(filepath=str(path))
        self.scene = bpy.context.scene
        self.model.past.clear()
        self.model.future.clear()
        self.push()

    def land(self) -> None:
        """A clip comes for a shot that may have gone meanwhile."""
        shot_id = self.any_shot() if self.random.random() < 0.8 else "s09"
        if shot_id is None:
            return
        shots.adopt(self.scene)
        plan = shots.edit_of(self.scene)
        assert plan
        shot = next((shot for shot in plan.shots if shot.id == shot_id), plan.shots[0])
        from dataclasses import replace

        (request,) = clip_requests(
            replace(plan, shots=(shot,)), ui_world.edit_world.analysis(), painter="cover", animator="camera"
        )  # fmt: skip
        sha256 = f"{self.random.getrandbits(255):064x}"
        clip = Clip(sha256, request, 12, plan.fps, 160, 90, 1.0, 1.0)
        takes.land(Landing(self.scene.session_uid, f"job{sha256[:8]}", shot_id, clip, self.clip))
        self.model.landed.add((shot_id, sha256))
        self.model.used.add(shot_id)

    def check(self) -> None:
        seen = {s.shot.id: (s.shot.start_frame + 1, s.shot.end_frame + 1, s.shot.prompt) for s in
                shots.seen_shots(self.scene)}  # fmt: skip
        assert seen == self.model.shots
        assert {(take.shot_id, take.sha256) for take in state.settings_of(self.scene).takes} == self.model.landed
        shots.refresh(self.scene, force=True)
        assert [row.name for row in state.shot_list().shots] == sorted(seen, key=lambda i: seen[i][0])
        for shot_id in seen:
            if shot_id in self.model.used:
                assert self.strip(shot_id).type == "MOVIE", shot_id
        assert {strip.channel for strip in timeline.shot_strips(self.scene)} <= {2}


@pytest.fixture
def scene(monkeypatch, tmp_path):
    monkeypatch.setenv("BEATBOARD_HOME", str(tmp_path / "home"))
    ui_world.switch_on()
    yield ui_world.open_empty()
    ui_world.switch_off()


@pytest.mark.parametrize("seed", range(SEQUENCES))
def test_random_edits(scene, tmp_path, seed, capfd):
    world = World(scene, tmp_path, seed)
    world.check()
    edits = [world.move, world.trim, world.split, world.delete, world.rewrite, world.land, world.land]
    others = [world.undo, world.undo, world.redo, world.reload]
    done = []
    for _ in range(STEPS):
        what = world.random.choice(edits * 2 + others)
        what()
        done.append(what.__name__)
        try:
            world.check()
        except AssertionError as error:
            raise AssertionError(f"after {done}: {error}") from error
    said = capfd.readouterr()
    assert "Traceback" not in said.out + said.err
    assert "Error" not in said.err
