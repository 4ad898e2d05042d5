"""Beatboard switched on in the bpy wheel, with a bridge of its own whose clips take no time."""

import sys
from fractions import Fraction
from pathlib import Path

import bpy

import blender_addon
from blender_addon.actions import look, shots, takes
from blender_addon.actions import plan as planning
from blender_addon.client.process import Installation
from blender_addon.core import codec
from blender_addon.scene import timeline
from blender_addon.session import state, tasks
from tests.addon_scene import edit_world

ROOT = Path(__file__).parents[2]
QUICK = "tests.addon_ui.quick_clips:make_clip"


def switch_on(home: Path | None = None) -> None:
    """Registers the add-on; with a home, it has a bridge."""
    blender_addon.register()
    if home is not None:
        state.session().connection.installation = Installation(Path(sys.executable), ROOT, home)
        state.session().connection.make_clip = QUICK


def switch_off() -> None:
    blender_addon.unregister()


def open_empty():
    """A new file, as an editor would make it; its scene."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    timeline.prepare(scene)
    bpy.ops.ed.undo_push(message="New file")
    return scene


def lay_out(scene, folder: Path, lengths=(24, 48, 24, 24), start=None):
    """A planned edit on a made song and cover, without a bridge."""
    folder.mkdir(parents=True, exist_ok=True)
    wav, cover = folder / "song.wav", folder / "cover.png"
    edit_world.make_song(wav)
    if not cover.exists():
        make_cover(cover)
    settings = state.settings_of(scene)
    settings.song, settings.cover, settings.wav = str(wav), str(cover), str(wav)
    settings.fit_grade = False  # its tests switch it on
    settings.analysis = codec.dumps(edit_world.analysis())
    look.remember(scene, edit_world.look())
    import hashlib
    from dataclasses import replace

    plan = replace(edit_world.plan(lengths), cover_sha256=hashlib.sha256(cover.read_bytes()).hexdigest())
    planning.lay_out(scene, plan, wav, start)
    bpy.ops.ed.undo_push(message="Plan Shots")
    return plan


def make_cover(path: Path) -> None:
    """Red and orange, as no clip of the tests is, so that there is something to grade."""
    import cv2
    import numpy as np

    bgr = np.random.default_rng(1).integers((0, 20, 120), (40, 120, 255), (64, 64, 3), np.uint8)
    cv2.imwrite(str(path), bgr)


def spans(scene) -> dict[str, tuple[int, int]]:
    """Each shot's scene frames, as read back."""
    return {seen.shot.id: (seen.shot.start_frame + 1, seen.shot.end_frame + 1) for seen in timeline.seen_shots(scene)}


def states(scene) -> dict[str, str]:
    shots.refresh(scene, force=True)
    return {row.name: row.state for row in state.shot_list().shots}


__all__ = ["Fraction", "edit_world", "takes", "tasks"]
