# SPDX-License-Identifier: GPL-3.0-or-later
"""The song and the cover: heard, looked at, read differently; and the plan that is made of them."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import bpy

from .. import codec, deliver, storyboard_files, strip_layout, timeline
from ..link.client import Client
from ..link.messages import PlanEdit
from ..protocol import CoverLook, EditPlan, SongAnalysis
from ..timing import time_of
from . import files, look, properties, shots, takes, tasks, watch
from .connection import bridge
from .tasks import Problem, Task


@dataclass(frozen=True)
class Heard:
    """What the bridge found out about a song and a cover."""

    song: str
    analysis: SongAnalysis
    wav: Path
    cover: str
    look: CoverLook


def analyze(scene: Any) -> None:
    """Has the song heard and the cover looked at; then their markers and colours are there.

    Raises:
        Problem: a file is not chosen, or no bridge is set up; without a window, whatever went wrong.
    """
    settings = properties.of(scene)
    song = _chosen(settings.song, "song")
    cover = _chosen(settings.cover, "album cover")
    uid = scene.session_uid
    tasks.start("analyze", "Starting the bridge", _hearing(song, cover), lambda heard: _heard(uid, heard))


def _chosen(text: str, what: str) -> Path:
    path = properties.path_of(text)
    if path is None:
        raise Problem(f"Choose the {what} first.")
    return path


def _hearing(song: Path, cover: Path) -> Callable[[Task], tuple[Client, Heard]]:
    opened, folder = bridge.opener(), files.project_folder()

    def work(task: Task) -> tuple[Client, Heard]:
        for path, what in ((song, "song"), (cover, "cover")):
            if not path.is_file():
                raise Problem(f"The {what} {path} is not there: choose it again.")
        client = opened(task)
        look_ = client.look(cover, lambda progress, stage: task.tell(0.1 * progress, stage or "looking at the cover"))
        analysis = client.analyze(song, tell=lambda p, stage: task.tell(0.1 + 0.8 * p, stage or "listening"))
        wav = folder / f"song-{analysis.song_sha256[:12]}.wav"
        if not wav.is_file():
            client.write_wav(song, wav, lambda progress, stage: task.tell(0.9 + 0.1 * progress, stage))
        return client, Heard(files.stamp(song), analysis, wav, files.stamp(cover), look_)

    return work


def _heard(uid: int, result: tuple[Client, Heard]) -> None:
    client, heard = result
    bridge.follow(client)
    scene = properties.find_scene(uid)
    if scene is None:
        return
    settings = properties.of(scene)
    settings.heard, settings.seen = heard.song, heard.cover
    settings.analysis, settings.wav = codec.dumps(heard.analysis), files.shown(heard.wav)
    look.remember(scene, heard.look)
    show_markers(scene)
    _after(scene, "Analyze Song and Cover")


def is_current(scene: Any) -> bool:
    """Whether what was heard and seen is of the files that are chosen now."""
    settings = properties.of(scene)
    song, cover = properties.path_of(settings.song), properties.path_of(settings.cover)
    return bool(settings.analysis and settings.look) and _same(settings.heard, song) and _same(settings.seen, cover)


def _same(stamped: str, path: Path | None) -> bool:
    """Whether a file is what it was, as far as `watch` knows by now; one that is gone counts as the same."""
    now = watch.stamps.get(str(path), stamped)
    return files.path_in(stamped) == str(path) and now in (stamped, str(path))


def recall() -> None:
    """After a file was opened that `beatboard make` built: what was heard and seen lies beside it."""
    folder = files.project_folder()
    for scene in bpy.data.scenes:
        if timeline.SCENE_KEY in scene and not properties.of(scene).analysis:
            recalled = partial(_recalled, scene.session_uid)
            tasks.start("recall", "Reading the edit", lambda task: _decided(folder), recalled)
            return


def _decided(folder: Path) -> tuple[SongAnalysis, CoverLook] | None:
    try:
        analysis = codec.loads(SongAnalysis, (folder / "analysis.json").read_text(encoding="utf-8"))
        return analysis, codec.loads(CoverLook, (folder / "look.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except codec.DecodeError as error:
        raise Problem(f"What was planned cannot be read ({error}): analyze the song again.") from None


def _recalled(uid: int, found: tuple[SongAnalysis, CoverLook] | None) -> None:
    scene = properties.find_scene(uid)
    if scene is None or found is None:
        return
    settings = properties.of(scene)
    settings.analysis, settings.planned_fps = codec.dumps(found[0]), str(timeline.scene_fps(scene))
    settings["grade_strength"] = found[1].grade.strength
    look.remember(scene, found[1])
    song_strip = timeline.song_strip(scene)
    if song_strip is not None:
        settings.wav = song_strip.sound.filepath
    shots.refresh(scene, force=True)


# Reading the song differently


def regrid(scene: Any, change: Callable[[SongAnalysis], SongAnalysis]) -> None:
    """Reads the song differently, as in "half the tempo"; the shots stay, the markers follow.

    Raises:
        Problem: the song was not analysed yet.
    """
    analysis = shots.analysis_of(scene)
    if analysis is None:
        raise Problem("Analyze the song first.")
    properties.of(scene).analysis = codec.dumps(change(analysis))
    show_markers(scene)
    shots.refresh(scene, force=True)


def downbeat_here(scene: Any) -> None:
    """Reads the song with a downbeat at the playhead.

    Raises:
        Problem: nothing was planned, so the playhead has no time in the song.
    """
    plan = shots.edit_of(scene)
    if plan is None:
        raise Problem("Plan the shots first: then the playhead has a place in the song.")
    time_s = plan.excerpt.start_s + time_of(strip_layout.from_scene(scene.frame_current), plan.fps)
    regrid(scene, lambda analysis: analysis.with_downbeat_at(time_s))


def show_markers(scene: Any) -> None:
    """Sets our markers as the settings and the analysis say; the editor's own stay."""
    plan, analysis = shots.edit_of(scene), shots.analysis_of(scene)
    if plan is None or not plan.shots:
        return
    kind = properties.of(scene).markers
    timeline.show_markers(scene, plan, None if kind == "NONE" else analysis, beats=kind == "BEATS")


# The plan


def size_px(shape: str, height: str) -> tuple[int, int]:
    """The frame's width and height."""
    short = int(height)
    long = short * 16 // 9
    return (long, short) if shape == "16:9" else (short, long)


def plan(scene: Any) -> None:
    """Has the shots planned, then lays them out. Locked shots keep their settings; takes are kept.

    Raises:
        Problem: the song was not analysed yet; without a window, whatever went wrong.
    """
    settings = properties.of(scene)
    analysis = shots.analysis_of(scene)
    if analysis is None or not settings.look:
        raise Problem("Analyze the song and the cover first.")
    width_px, height_px = size_px(settings.shape, settings.height)
    wanted = PlanEdit(
        analysis=analysis,
        look=codec.loads(CoverLook, settings.look),
        length_s=round(settings.length_s, 3),
        width_px=width_px,
        height_px=height_px,
        fps=Fraction(settings.fps),
    )
    storyboard, song, uid = (
        properties.path_of(settings.storyboard),
        properties.path_of(settings.song),
        scene.session_uid,
    )
    wav, opened, folder = properties.path_of(settings.wav), bridge.opener(), files.project_folder()

    def work(task: Task) -> tuple[Client, EditPlan, Path, Path | None]:
        client = opened(task)
        arguments, hero = wanted, None
        if storyboard:
            arguments = replace(wanted, storyboard_sha256=client.upload_storyboard(storyboard))
            hero = storyboard_files.character(storyboard.read_text("utf-8", "replace"), storyboard.parent)
        edit = client.plan(arguments, lambda progress, stage: task.tell(progress, stage or "planning"))
        if wav and wav.is_file():
            return client, edit, wav, hero
        if song is None or not song.is_file():
            raise Problem(f"The song {song} is not there: choose it again.")
        target = folder / f"song-{analysis.song_sha256[:12]}.wav"
        client.write_wav(song, target, task.tell)
        return client, edit, target, hero

    tasks.start("plan", "Planning the shots", work, lambda result: _planned(uid, *result))


def _planned(uid: int, client: Client, edit: EditPlan, wav: Path, hero: Path | None) -> None:
    bridge.follow(client)
    scene = properties.find_scene(uid)
    if scene is None:
        return
    settings = properties.of(scene)
    settings.wav = files.shown(wav)
    if hero and not settings.character:
        settings.character = files.shown(hero)
    lay_out(scene, edit, wav)
    _after(scene, "Plan Shots")


def lay_out(scene: Any, edit: EditPlan, wav: Path) -> None:
    """Puts a plan on the timeline: markers, song, strips, grade, output settings."""
    settings = properties.of(scene)
    edit = replace(edit, shots=tuple(_kept(scene, shot) for shot in edit.shots))
    had = _in_place(scene, edit)
    locked = _unlocked(scene)
    takes.detach(scene, {shot.id for shot in edit.shots} - had)
    kind = settings.markers
    analysis = None if kind == "NONE" else shots.analysis_of(scene)
    timeline.build(scene, edit, analysis, song_path=wav, beats=kind == "BEATS")
    settings.planned_fps = str(edit.fps)
    deliver.settings(scene)
    look.apply_holds(scene)
    look.apply_grade(scene)
    look.apply_style(scene)
    takes.reattach(scene)
    for strip in timeline.shot_strips(scene):
        strip.lock, strip.select = strip["id"] in locked, False
    song_strip = timeline.song_strip(scene)
    if song_strip is not None:
        song_strip.sound.filepath, song_strip.select = files.shown(wav), False
    shots.refresh(scene)


def _kept(scene: Any, shot: strip_layout.Shot) -> strip_layout.Shot:
    """A planned shot with the settings of the locked one of the same id."""
    if scene.sequence_editor is None:
        return shot
    for seen in shots.seen_shots(scene):
        if seen.shot.id == shot.id and scene.sequence_editor.strips[seen.strip.name].lock:
            old = seen.shot
            return replace(
                shot,
                prompt=old.prompt,
                negative_prompt=old.negative_prompt,
                seed=old.seed,
                motion=old.motion,
                framing=old.framing,
            )
    return shot


def _in_place(scene: Any, edit: EditPlan) -> set[str]:
    """The shots of a plan that lie on the timeline with the same length already."""
    if scene.sequence_editor is None:
        return set()
    lengths = {seen.shot.id: seen.shot.frame_count for seen in shots.seen_shots(scene)}
    return {shot.id for shot in edit.shots if lengths.get(shot.id) == shot.frame_count}


def _unlocked(scene: Any) -> set[str]:
    """Unlocks our strips, so that they can be laid out; gives the ids of those that were locked."""
    locked = set()
    for strip in timeline.shot_strips(scene):
        if strip.lock:
            locked.add(strip["id"])
            strip.lock = False
    return locked


def _after(scene: Any, what: str) -> None:
    """The end of what may have begun in a thread: a step of its own in the undo history."""
    shots.refresh(scene, force=True)
    bpy.ops.ed.undo_push(message=what)


def restore_fps(scene: Any) -> None:
    """Sets the frame rate back to the one that was planned for."""
    planned = properties.of(scene).planned_fps
    if planned:
        fps = Fraction(planned)
        scene.render.fps, scene.render.fps_base = round(fps), float(round(fps) / fps)
        shots.refresh(scene, force=True)
