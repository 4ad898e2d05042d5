# SPDX-License-Identifier: GPL-3.0-or-later
"""A plan of the song and the cover, laid out on the timeline. What the editor made there stays."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache, partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import bpy

from ..client.client import Client
from ..core import codec, cover_size, formats, storyboard_files, strip_layout
from ..core.formats import Format
from ..core.messages import PlanEdit
from ..core.types import CoverLook, EditPlan, Ending, Treatments
from ..scene import compat, render_settings, timeline
from ..session import connection, files, state, tasks
from ..session.state import Planned
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


def keeps_scene(scene: Any) -> bool:
    """Whether there is an edit of the user's, so that the scene's rate, size, colours, output and range are left."""
    return bool(timeline.own_strips(scene))


@dataclass(frozen=True)
class Changes:
    """What laying out a plan means for what the editor has made."""

    notes: tuple[str, ...] = ()
    """what is good to know"""
    losses: tuple[str, ...] = ()
    """what of theirs would be hidden or go"""
    to_ask: bool = False
    """whether to ask before"""


def plan(scene: Any, *, start: int | None = None, confirmed: bool = False) -> None:
    """Has the shots planned, then lays them out; where that concerns what the editor made, the plan waits for a yes.

    Locked shots stay as they are; takes are kept. The scene's own rate and size are used where it has an edit.

    Args:
        scene: where to.
        start: the scene frame on which the edit starts; by itself where the song lies, or behind the editor's strips.
        confirmed: lays out though something of the editor's is hidden or goes.

    Raises:
        Problem: the song was not analysed yet, or no video can have the size that is set; without a window, whatever
            went wrong, or what of the editor's would be hidden or go.
    """
    settings = state.settings_of(scene)
    analysis = shots.analysis_of(scene)
    if analysis is None or not settings.look:
        raise Problem("Analyze the song and the cover first.")
    chosen, fps = _wanted_format(scene)
    wanted = PlanEdit(
        analysis=analysis,
        look=codec.loads(CoverLook, settings.look),
        length_s=round(settings.length_s, 3),
        width_px=chosen.width_px,
        height_px=chosen.height_px,
        fps=fps,
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

    planned = partial(_planned, uid, start, confirmed)
    tasks.start("plan", "Planning the shots", work, lambda result: planned(*result))


def _is_chosen(settings: Any, name: str) -> bool:
    """Whether a choice is the tab's: a storyboard's stands as long as nobody made another."""
    return not settings.storyboard or settings.is_property_set(name)


def _wanted_format(scene: Any) -> tuple[Format, Fraction]:
    """Size and rate of the video: the scene's own where it has an edit of the user's, else those that are set."""
    settings, render = state.settings_of(scene), scene.render
    try:
        if keeps_scene(scene):
            own = formats.parse(f"{render.resolution_x}x{render.resolution_y}")
            return own, timeline.scene_fps(scene)
        return format_of(settings), Fraction(settings.fps)
    except ValueError as error:
        raise Problem(f"{str(error).capitalize()}.") from None


def cover_note(scene: Any) -> str:
    """What a cover of few pixels means for the video; empty if it has enough, or if other pictures are painted."""
    settings = state.settings_of(scene)
    if not settings.look or settings.painter != "cover":
        return ""
    try:
        chosen, _ = _wanted_format(scene)
    except Problem:  # planning says it
        return ""
    return cover_size.size_note(_size_px(settings.look), [(chosen.width_px, chosen.height_px)])


@lru_cache(maxsize=8)
def _size_px(look_text: str) -> tuple[int, int]:
    return codec.loads(CoverLook, look_text).size_px


def _planned(
    uid: int, start: int | None, confirmed: bool, client: Client, edit: EditPlan, wav: Path, hero: Path | None
) -> None:
    connection.follow(client)
    scene = state.find_scene(uid)
    if scene is None:
        return
    settings = state.settings_of(scene)
    settings.wav = files.shown(wav)
    if hero and not settings.character:
        settings.character = files.shown(hero)
    found = changes(scene, edit, wav, start)
    if state.session().synchronous and found.losses and not confirmed:
        raise Problem(f"{' '.join(found.losses)} Choose another start frame, or confirm it.")
    if state.session().synchronous or confirmed or not found.to_ask:
        lay_out(scene, edit, wav, start)
        shots.after_task(scene, "Plan Shots")
        return
    state.session().plans[uid] = Planned(edit, wav)
    _ask()


def _ask() -> None:
    """Opens the dialog that asks; the tab has its button too, for whoever closes it."""
    for window in bpy.context.window_manager.windows:
        areas = [area for area in window.screen.areas if area.type == "SEQUENCE_EDITOR"]
        for region in (region for area in areas[:1] for region in area.regions if region.type == "WINDOW"):
            with bpy.context.temp_override(window=window, area=areas[0], region=region):
                bpy.ops.beatboard.lay_out("INVOKE_DEFAULT")
            return


def waiting(scene: Any) -> Planned | None:
    """The plan that waits for the editor's yes."""
    return state.session().plans.get(scene.session_uid)


def lay_out_waiting(scene: Any, start: int | None = None) -> None:
    """Lays out the plan that waits.

    Raises:
        Problem: none does.
    """
    found = state.session().plans.pop(scene.session_uid, None)
    if found is None:
        raise Problem("No plan is waiting: plan the shots first.")
    lay_out(scene, found.edit, found.wav, start)
    shots.refresh(scene, force=True)


def discard(scene: Any) -> None:
    """Forgets the plan that waits; the timeline stays as it is."""
    state.session().plans.pop(scene.session_uid, None)


def start_of(scene: Any, edit: EditPlan, wav: Path) -> int:
    """The scene frame on which a plan starts: where the song plays its excerpt, else behind the editor's own pictures.

    Where nothing of theirs is in the way, that is the scene's first frame.
    """
    song = timeline.song_strip(scene)
    if timeline.SCENE_KEY in scene:
        if song is not None and timeline.stays(song):
            return timeline.start_by(song, edit.excerpt.start_s, edit.fps)
        return timeline.start_frame(scene)
    own = [timeline.start_by(strip, edit.excerpt.start_s, edit.fps) for strip in _own_songs(scene, wav)]
    if own and min(own) >= strip_layout.SCENE_START:
        return min(own)
    pictures = timeline.foreign_pictures(scene)
    end = strip_layout.to_scene(edit.frame_count)
    if any(compat.left(strip) < end and compat.right(strip) > strip_layout.SCENE_START for strip in pictures):
        return max(map(compat.right, timeline.own_strips(scene)))
    return strip_layout.SCENE_START


def _own_songs(scene: Any, wav: Path) -> list[Any]:
    song = state.path_of(state.settings_of(scene).song)
    return timeline.own_songs(scene, [wav, *([song] if song else [])])


def changes(scene: Any, edit: EditPlan, wav: Path, start: int | None = None) -> Changes:
    """What laying out a plan would mean for what the editor has made."""
    if scene.sequence_editor is None:
        return Changes()
    start = start_of(scene, edit, wav) if start is None else start
    shown = _beside(scene, edit, start)
    first, end = start, strip_layout.to_scene(shown.frame_count, start)
    seen, staying = shots.seen_shots(scene) if timeline.SCENE_KEY in scene else (), _staying(scene)
    planned = timeline.planned(scene)
    changed = [
        one.shot.id
        for one in seen
        if one.shot.id not in staying and planned.get(one.shot.id) != strip_layout.fingerprint(one.shot)
    ]
    notes = [f"The shots lie on frames {first} to {end - 1}."]
    if keeps_scene(scene):
        render = scene.render
        notes.append(
            f"Your strips stay. The scene keeps {render.resolution_x} x {render.resolution_y} px, "
            f"{float(timeline.scene_fps(scene)):.5g} fps, its colors and its output."
        )
        if first < scene.frame_start or end - 1 > scene.frame_end:
            notes.append(f"Only frames {scene.frame_start} to {scene.frame_end} are rendered: the range is yours.")
    if staying:
        notes.append(f"Locked shots and those in meta strips stay: {_listed(staying)}.")
    if changed:
        notes.append(f"Shots that you changed are planned anew, their takes kept: {_listed(changed)}.")
    losses = _losses(scene, shown, range(first, end))
    to_ask = bool(losses or changed or (timeline.SCENE_KEY not in scene and timeline.own_strips(scene)))
    return Changes(tuple(notes), tuple(losses), to_ask)


def _losses(scene: Any, edit: EditPlan, span: range) -> list[str]:
    """What of the editor's a plan would hide, or take along as its shots go."""
    ids = {shot.id for shot in edit.shots}
    channel = timeline.free_channel(
        scene, strip_layout.SHOT_CHANNEL, span.start, span.stop, timeline.shot_strips(scene)
    )
    hidden = [
        strip.name
        for strip in timeline.foreign_pictures(scene)
        if strip.channel < channel and compat.left(strip) < span.stop and compat.right(strip) > span.start
        and not timeline.inputs(strip)
    ]  # fmt: skip
    gone = [strip for strip in timeline.shot_strips(scene) if strip["id"] not in ids]
    effects = [strip.name for strip in timeline.effects_on(scene, gone) if not timeline.is_ours(strip)]
    found = []
    if hidden:
        found.append(f"The shots would cover your strips {_listed(hidden)}.")
    if effects:
        found.append(f"Your effects {_listed(effects)} would go with the shots that they are on.")
    return found


def _listed(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")


def _staying(scene: Any) -> list[str]:
    """The shots that the editor keeps where they are."""
    seen = shots.seen_shots(scene) if timeline.SCENE_KEY in scene else ()
    strips = {strip.name: strip for strip in timeline.shot_strips(scene)}
    return [one.shot.id for one in seen if timeline.stays(strips[one.strip.name])]


def _beside(scene: Any, edit: EditPlan, start: int) -> EditPlan:
    """A plan beside the shots that stay; where the editor blends two shots, the later one starts as much earlier."""
    if timeline.SCENE_KEY not in scene or scene.sequence_editor is None:
        return edit
    seen, staying = shots.seen_shots(scene), set(_staying(scene))
    by = timeline.start_frame(scene) - start
    stay = [replace(one.shot, start_frame=one.shot.start_frame + by) for one in seen if one.shot.id in staying]
    overlaps = {
        (one.shot.id, after.shot.id): one.shot.end_frame - after.shot.start_frame
        for one, after in pairwise(seen)
        if after.strip.name in one.strip.blends_with
    }
    planned = list(strip_layout.around(edit.shots, stay, shots.ids_in_use(scene), least_frames=round(edit.fps)))
    for index, (one, after) in enumerate(pairwise(list(planned))):
        overlap = overlaps.get((one.id, after.id), 0)
        if overlap > 0 and after.id not in staying and after.start_frame == one.end_frame:
            overlap = min(overlap, one.frame_count - 1)
            planned[index + 1] = replace(
                after, start_frame=after.start_frame - overlap, frame_count=after.frame_count + overlap
            )
    return replace(edit, shots=tuple(planned))


def lay_out(scene: Any, edit: EditPlan, wav: Path, start: int | None = None) -> None:
    """Puts a plan on the timeline: markers, song, strips, grade; the output's settings too where no edit was before.

    Raises:
        Problem: it was planned for another frame rate than that of the editor's own strips.
    """
    settings = state.settings_of(scene)
    start = start_of(scene, edit, wav) if start is None else start
    keep = keeps_scene(scene)
    if keep and edit.fps != timeline.scene_fps(scene):
        raise Problem(
            f"The shots were planned for {float(edit.fps):.5g} fps, and the scene has another rate: plan again."
        )
    edit = _beside(scene, edit, start)
    had = _in_place(scene, edit)
    takes.detach(scene, {shot.id for shot in edit.shots} - had)
    kind = settings.markers
    analysis = None if kind == "NONE" else shots.analysis_of(scene)
    timeline.build(scene, edit, analysis, song_path=wav, beats=kind == "BEATS", start=start, keep_scene=keep)
    settings.planned_fps = str(edit.fps)
    if not keep:
        render_settings.settings(scene)
    look.apply_holds(scene)
    look.apply_treatments(scene)
    look.apply_grade(scene)
    look.apply_texture(scene)
    takes.reattach(scene)
    timeline.remember_planned(scene, [one.shot for one in shots.seen_shots(scene)])
    for strip in timeline.shot_strips(scene):
        strip.select = False
    song_strip = timeline.song_strip(scene)
    if song_strip is not None and not timeline.stays(song_strip):
        song_strip.sound.filepath, song_strip.select = files.shown(wav), False
    shots.refresh(scene)


def _in_place(scene: Any, edit: EditPlan) -> set[str]:
    """The shots of a plan that lie on the timeline with the same length already."""
    if scene.sequence_editor is None:
        return set()
    lengths = {seen.shot.id: seen.shot.frame_count for seen in shots.seen_shots(scene)}
    return {shot.id for shot in edit.shots if lengths.get(shot.id) == shot.frame_count}


def restore_fps(scene: Any) -> None:
    """Sets the frame rate back to the one that was planned for."""
    planned = state.settings_of(scene).planned_fps
    if planned:
        fps = Fraction(planned)
        scene.render.fps, scene.render.fps_base = round(fps), float(round(fps) / fps)
        shots.refresh(scene, force=True)
