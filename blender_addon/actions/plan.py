# SPDX-License-Identifier: GPL-3.0-or-later
"""A plan of the song and the cover, laid out on the timeline."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from ..client.client import Client
from ..core import codec, formats, storyboard_files, strip_layout
from ..core.formats import Format
from ..core.messages import PlanEdit
from ..core.types import CoverLook, EditPlan, Ending, Treatments
from ..scene import render_settings, timeline
from ..session import connection, files, state, tasks
from ..session.tasks import Problem, Task
from . import look, shots, takes


def format_of(settings: Any) -> Format:
    """The format that is set.

    Raises:
        ValueError: it is a size that no video can have; the message says what would be right.
    """
    if settings.shape == "CUSTOM":
        return formats.parse(f"{settings.width_px}x{settings.height_px}")
    return formats.parse(settings.shape, int(settings.size))


def plan(scene: Any) -> None:
    """Has the shots planned, then lays them out. Locked shots keep their settings; takes are kept.

    Raises:
        Problem: the song was not analysed yet, or no video can have the size that is set; without a window, whatever
            went wrong.
    """
    settings = state.settings_of(scene)
    analysis = shots.analysis_of(scene)
    if analysis is None or not settings.look:
        raise Problem("Analyze the song and the cover first.")
    try:
        chosen = format_of(settings)
    except ValueError as error:
        raise Problem(f"{str(error).capitalize()}.") from None
    wanted = PlanEdit(
        analysis=analysis,
        look=codec.loads(CoverLook, settings.look),
        length_s=round(settings.length_s, 3),
        width_px=chosen.width_px,
        height_px=chosen.height_px,
        fps=Fraction(settings.fps),
        ending=Ending(settings.ending) if _is_chosen(settings, "ending") else None,
        treatments=Treatments(settings.treatments) if _is_chosen(settings, "treatments") else None,
    )
    storyboard, song, uid = (
        state.path_of(settings.storyboard),
        state.path_of(settings.song),
        scene.session_uid,
    )
    wav, opened, folder = state.path_of(settings.wav), connection.opener(), files.project_folder()

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


def _is_chosen(settings: Any, name: str) -> bool:
    """Whether a choice is the tab's: a storyboard's stands as long as nobody made another."""
    return not settings.storyboard or settings.is_property_set(name)


def _planned(uid: int, client: Client, edit: EditPlan, wav: Path, hero: Path | None) -> None:
    connection.follow(client)
    scene = state.find_scene(uid)
    if scene is None:
        return
    settings = state.settings_of(scene)
    settings.wav = files.shown(wav)
    if hero and not settings.character:
        settings.character = files.shown(hero)
    lay_out(scene, edit, wav)
    shots.after_task(scene, "Plan Shots")


def lay_out(scene: Any, edit: EditPlan, wav: Path) -> None:
    """Puts a plan on the timeline: markers, song, strips, grade, output settings."""
    settings = state.settings_of(scene)
    edit = replace(edit, shots=tuple(_kept(scene, shot) for shot in edit.shots))
    had = _in_place(scene, edit)
    locked = _unlocked(scene)
    takes.detach(scene, {shot.id for shot in edit.shots} - had)
    kind = settings.markers
    analysis = None if kind == "NONE" else shots.analysis_of(scene)
    timeline.build(scene, edit, analysis, song_path=wav, beats=kind == "BEATS")
    settings.planned_fps = str(edit.fps)
    render_settings.settings(scene)
    look.apply_holds(scene)
    look.apply_treatments(scene)
    look.apply_grade(scene)
    look.apply_texture(scene)
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
        strip = timeline.named(scene, seen.strip.name)
        if seen.shot.id == shot.id and strip is not None and strip.lock:
            old = seen.shot
            return replace(
                shot,
                prompt=old.prompt,
                negative_prompt=old.negative_prompt,
                seed=old.seed,
                motion=old.motion,
                framing=old.framing,
                treatment=old.treatment,
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


def restore_fps(scene: Any) -> None:
    """Sets the frame rate back to the one that was planned for."""
    planned = state.settings_of(scene).planned_fps
    if planned:
        fps = Fraction(planned)
        scene.render.fps, scene.render.fps_base = round(fps), float(round(fps) / fps)
        shots.refresh(scene, force=True)
