# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes: every clip of a shot is kept; the editor picks. They are saved with the scene, their files lie beside it.

A clip's landing is no step of the editor's, so undo must not take it away: what landed in this session is remembered
here, and what undo or redo left without it gets it again (`reconcile`).
"""

import threading
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import bpy

from ..core import codec
from ..scene import grade, timeline, titles, treatments
from ..session import files, state, tasks
from ..session.state import Landing
from ..session.tasks import Problem
from . import shots
from .shots import CHOSEN_KEY, TAKE_KEY


def land_next() -> bool:
    """Lands the clip that waits longest; whether there was one. Opening its file takes time: one for each redraw."""
    waiting = state.session().takes.waiting
    if not waiting:
        return False
    land(waiting.popleft())
    return True


def land(landing: Landing) -> None:
    """Keeps a clip as a take, and shows it if its shot is still there, wherever it is now."""
    known = state.session().takes
    known.asked.pop(landing.job_id, None)
    known.landed.append(landing)
    known.ungraded.add(landing.scene_uid)
    scene = state.find_scene(landing.scene_uid)
    if scene is not None:
        _apply(scene, landing)


def _apply(scene: Any, landing: Landing) -> None:
    settings = state.settings_of(scene)
    forget_job(landing.job_id)
    take = _find(settings, landing.shot_id, landing.clip.sha256)
    if take is None:
        take = settings.takes.add()
        take.sha256, take.shot_id = landing.clip.sha256, landing.shot_id
    take.request, take.seconds_taken = codec.dumps(landing.clip.request), landing.clip.seconds_taken
    take.likeness = -1.0 if landing.clip.likeness is None else landing.clip.likeness
    take.path = files.shown(landing.path)
    shots.adopt(scene)
    if shots.strip_of(scene, landing.shot_id) is not None:
        _show(scene, landing.shot_id, take).pop(CHOSEN_KEY, None)


def forget_job(job_id: str) -> None:
    """Whichever scene asked for it: it has ended, or will not come."""
    for scene in bpy.data.scenes:
        records = state.settings_of(scene).jobs
        index = records.find(job_id)
        if index >= 0:
            records.remove(index)


def _find(settings: Any, shot_id: str, sha256: str) -> Any | None:
    return next((take for take in settings.takes if (take.shot_id, take.sha256) == (shot_id, sha256)), None)


def _show(scene: Any, shot_id: str, take: Any) -> Any:
    """Puts a take where its shot is."""
    path = timeline.absolute(take.path)
    strip = timeline.place_clip(scene, shot_id, path, files.shown(path))
    strip[TAKE_KEY] = take.sha256
    if state.settings_of(scene).use_grade:
        grade.spread(scene)
    treatments.spread(scene)
    return strip


def reconcile() -> None:
    """After undo or redo: gives scenes back what came while they were what they are again."""
    known = state.session().takes
    if known.deleted:
        _settle_files()
    for landing in known.landed:
        scene = state.find_scene(landing.scene_uid)
        if scene is None or timeline.SCENE_KEY not in scene:
            continue
        if _find(state.settings_of(scene), landing.shot_id, landing.clip.sha256) is None:
            _apply(scene, landing)
    for job_id, (scene_uid, shot_id) in known.asked.items():
        scene = state.find_scene(scene_uid)
        if scene is not None and state.settings_of(scene).jobs.find(job_id) < 0:
            record(scene, job_id, shot_id)


def record(scene: Any, job_id: str, shot_id: str) -> None:
    """Notes on the scene that a clip was asked for."""
    job = state.settings_of(scene).jobs.add()
    job.name, job.shot_id = job_id, shot_id


def step(scene: Any, shot_id: str, by: int) -> None:
    """Shows the shot's next take, or with -1 the one before; after the last comes the first.

    Raises:
        Problem: it has no takes.
    """
    found = shots.takes_of(scene, shot_id)
    if not found:
        raise Problem(f"Shot {shot_id} has no takes yet: generate it.")
    strip = shots.strip_of(scene, shot_id)
    shown = strip.get(TAKE_KEY, "") if strip is not None else ""
    index = next((index for index, take in enumerate(found) if take.sha256 == shown), -1 if by > 0 else 0)
    use(scene, shot_id, found[(index + by) % len(found)].sha256)


def use(scene: Any, shot_id: str, sha256: str) -> None:
    """Shows this take on this shot; it may be another shot's, as of one that was deleted.

    Raises:
        Problem: the shot, the take or its file is not there.
    """
    shots.adopt(scene)
    found = [take for take in state.settings_of(scene).takes if take.sha256 == sha256]
    take = next((take for take in found if take.shot_id == shot_id), found[0] if found else None)
    if take is None or shots.strip_of(scene, shot_id) is None:
        raise Problem("That take or its shot is not there any more.")
    if not timeline.absolute(take.path).is_file():
        raise Problem(f"The file {take.path} is missing: generate the shot again.")
    _choose(scene, shot_id, _show(scene, shot_id, take), take)
    shots.refresh(scene)


def _choose(scene: Any, shot_id: str, strip: Any, take: Any) -> None:
    """A take that the editor chose is kept, though made with other settings, until one of these changes again."""
    plan = shots.edit_of(scene)
    shot = next((shot for shot in plan.shots if shot.id == shot_id), None) if plan else None
    if plan and shot:
        strip[CHOSEN_KEY] = shots.fingerprint(shot, plan, take.sha256)


def keep(scene: Any, shot_id: str) -> None:
    """Keeps the take that a shot shows, though the shot was trimmed or changed since, until it changes again.

    Raises:
        Problem: it shows none.
    """
    shots.adopt(scene)
    strip = shots.strip_of(scene, shot_id)
    take = shots.shown_take(state.settings_of(scene), strip, shot_id) if strip is not None else None
    if take is None:
        raise Problem(f"Shot {shot_id} shows no take.")
    _choose(scene, shot_id, strip, take)
    shots.refresh(scene, force=True)


def delete(scene: Any, shot_id: str) -> None:
    """Forgets the take that a shot shows, and shows the one before, or a placeholder; its file goes to the trash.

    Raises:
        Problem: it shows none.
    """
    strip = shots.strip_of(scene, shot_id)
    settings = state.settings_of(scene)
    shown = strip.get(TAKE_KEY, "") if strip is not None else ""
    index = next((i for i, t in enumerate(settings.takes) if (t.shot_id, t.sha256) == (shot_id, shown)), -1)
    if index < 0:
        raise Problem(f"Shot {shot_id} shows no take of its own.")
    path = Path(bpy.path.abspath(settings.takes[index].path))
    settings.takes.remove(index)
    known = state.session().takes
    known.landed = [each for each in known.landed if (each.shot_id, each.clip.sha256) != (shot_id, shown)]
    rest = shots.takes_of(scene, shot_id)
    if rest:
        use(scene, shot_id, rest[-1].sha256)
        if (strip := shots.strip_of(scene, shot_id)) is not None:
            strip.pop(CHOSEN_KEY, None)  # it was the one before, not the editor's choice
        shots.refresh(scene, force=True)
    else:
        timeline.remove_clip(scene, shot_id).pop(TAKE_KEY, None)
        shots.refresh(scene)
    if path.parent == files.project_folder() / "clips":
        known.deleted.add(path)
        _settle_files()


def _settle_files() -> None:
    """Files of deleted takes lie in the trash; those that are in use (again, after undo) lie in their place."""
    used = {take.path for scene in bpy.data.scenes for take in state.settings_of(scene).takes}
    used |= {s.filepath for scene in bpy.data.scenes for s in timeline.shot_strips(scene) if s.type == "MOVIE"}
    in_use = {Path(bpy.path.abspath(path)) for path in used}
    session = state.session()
    deleted, later = session.takes.deleted, session.tasks.later
    moves = [(files.trashed(path), path) if path in in_use else (path, files.trashed(path)) for path in deleted]

    def move() -> None:
        for source, target in moves:
            try:
                files.move(source, target)
            except OSError as error:
                sentence = f"{source} could not be moved to {target.parent}: {error.strerror}. Move it by hand."
                later(lambda sentence=sentence: tasks.note("takes", sentence))

    if session.synchronous:
        move()
    else:
        threading.Thread(target=move).start()  # not a daemon: a file is not left between two places


def reuse_settings(scene: Any, shot_id: str) -> None:
    """Gives a shot the prompt, seed, motion and framing that its take was made with.

    Raises:
        Problem: it shows no take.
    """
    strip = shots.strip_of(scene, shot_id)
    take = shots.shown_take(state.settings_of(scene), strip, shot_id) if strip is not None else None
    if take is None or strip is None or not take.request:
        raise Problem(f"Shot {shot_id} shows no take.")
    request = shots.request_from(take.request)
    for key in ("prompt", "negative_prompt", "seed", "motion"):
        strip[key] = getattr(request, key)
    strip["framing"] = request.framing.value
    shots.refresh(scene)


def orphans(scene: Any) -> list[Any]:
    """Takes of shots that are not on the timeline any more."""
    there = {row.name for row in state.shot_list().shots}
    return [take for take in state.settings_of(scene).takes if take.shot_id not in there]


def refer(scene: Any, moved: Mapping[str, Path]) -> None:
    """Lets takes, strips and the song use files that were copied to another place."""
    settings = state.settings_of(scene)
    resolved = {timeline.absolute(text): path for text, path in moved.items()}
    for take in settings.takes:
        if (path := resolved.get(timeline.absolute(take.path))) is not None:
            take.path = files.shown(path)
    if settings.wav and (path := resolved.get(timeline.absolute(settings.wav))) is not None:
        settings.wav = files.shown(path)
    song = timeline.song_strip(scene)
    holders = [strip for strip in timeline.shot_strips(scene) if strip.type == "MOVIE"]
    for holder in [*holders, *([song.sound] if song is not None else []), *titles.fonts(scene)]:
        if (path := resolved.get(timeline.absolute(holder.filepath))) is not None:
            holder.filepath = files.shown(path)
    for strip, picture in titles.pictures(scene).items():
        if (path := resolved.get(picture.resolve())) is not None:
            strip.directory = files.shown(path.parent)
    known = state.session().takes
    known.landed = [replace(each, path=resolved.get(each.path.resolve(), each.path)) for each in known.landed]


def detach(scene: Any, shot_ids: Collection[str]) -> None:
    """Takes the clips off strips whose shots become others; the takes stay."""
    for strip in timeline.shot_strips(scene):
        if strip["id"] in shot_ids and strip.type == "MOVIE" and TAKE_KEY in strip:
            timeline.remove_clip(scene, strip["id"])
    for strip in timeline.shot_strips(scene):
        if strip["id"] in shot_ids and TAKE_KEY in strip:
            del strip[TAKE_KEY]


def reattach(scene: Any) -> None:
    """Shows the newest take on shots without a clip that it was made for, as after planning to and fro."""
    plan = shots.edit_of(scene)
    if plan is None:
        return
    for shot in plan.shots:
        strip = shots.strip_of(scene, shot.id)
        if strip is None or strip.type == "MOVIE":
            continue
        for take in reversed(shots.takes_of(scene, shot.id)):
            fits = not shots.changes(shots.request_from(take.request), shot, plan)
            if fits and timeline.absolute(take.path).is_file():
                _show(scene, shot.id, take)
                break
