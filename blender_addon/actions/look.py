# SPDX-License-Identifier: GPL-3.0-or-later
"""The cover's look on the edit: the grade, the palette, the frozen hero at the start and the cover at the end."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import bpy
import gpu

from ..client.client import Client
from ..core import codec, rules, textures
from ..core.types import CoverLook, Ending, Grade, ShotKind, Texture
from ..scene import film_textures, grade, timeline, treatments
from ..session import connection, state, tasks
from ..session.tasks import Problem, Task
from . import shots


def remember(scene: Any, look: CoverLook) -> None:
    """Keeps a cover's look with the scene, its palette as swatches."""
    settings = state.settings_of(scene)
    settings.look = codec.dumps(look)
    settings.palette.clear()
    for color in look.palette:
        swatch = settings.palette.add()
        swatch.name, swatch.weight = color.name, color.weight
        swatch.value = [channel / 255 for channel in color.rgb]
    for name in textures.NAMES:
        setattr(settings, f"texture_{name}", getattr(look.texture, name))
    apply_grade(scene)
    apply_texture(scene)


def apply_texture(scene: Any) -> None:
    """Lays the textures over the edit, or takes them away, as the settings say."""
    if timeline.SCENE_KEY not in scene:
        return
    settings = state.settings_of(scene)
    amounts = {name: getattr(settings, f"texture_{name}") for name in textures.NAMES}
    wanted = Texture(**amounts) if settings.use_texture else Texture()
    if wanted != Texture():
        _spare_software_gl(scene)
    film_textures.apply(scene, wanted)


def apply_treatments(scene: Any) -> None:
    """Draws the shots that name a treatment with it, in the cover's colours."""
    settings = state.settings_of(scene)
    if timeline.SCENE_KEY in scene and settings.look:
        treatments.apply(scene, codec.loads(CoverLook, settings.look).palette)


def apply_ending(scene: Any) -> None:
    """Lets the planned edit end as the settings say: the last shot's clip has to be made anew, and the list says so."""
    if timeline.SCENE_KEY in scene:
        timeline.set_ending(scene, Ending(state.settings_of(scene).ending))
        shots.refresh(scene, force=True)


def set_texture(scene: Any, name: str) -> None:
    """Follows one texture's slider, without making the node group again where that can be."""
    settings = state.settings_of(scene)
    amount = getattr(settings, f"texture_{name}")
    if settings.use_texture and not (amount and film_textures.set_amount(scene, name, amount)):
        apply_texture(scene)


def grade_of(scene: Any) -> Grade | None:
    """The cover's grade at the strength that is set; None if no cover was looked at."""
    settings = state.settings_of(scene)
    if not settings.look:
        return None
    return replace(codec.loads(CoverLook, settings.look).grade, strength=settings.grade_strength)


def apply_grade(scene: Any) -> None:
    """Puts the cover's grade on the edit, or takes it off, as the settings say."""
    found = grade_of(scene)
    if timeline.SCENE_KEY not in scene or found is None:
        return
    if state.settings_of(scene).use_grade:
        _spare_software_gl(scene)
        grade.apply(scene, found)
    else:
        grade.remove(scene)


def fit(scene: Any) -> None:
    """Has the grade fitted to the clips that the edit shows, as `make` does; before, it is for footage not known yet.

    Raises:
        Problem: there is no cover or no clip to go by, or no bridge; without a window, whatever went wrong.
    """
    settings = state.settings_of(scene)
    cover = state.path_of(settings.cover)
    strips = [strip for strip in timeline.shot_strips(scene) if strip.type == "MOVIE"]
    clips = [Path(bpy.path.abspath(strip.filepath)) for strip in strips]
    if cover is None or not settings.look:
        raise Problem("Choose and analyze the album cover first.")
    if not clips:
        raise Problem("Generate the clips first: the grade is fitted to them.")
    opened, uid, seen = connection.opener(), scene.session_uid, codec.loads(CoverLook, settings.look).cover_sha256

    def work(task: Task) -> tuple[Client, Grade]:
        client = opened(task)
        if client.upload(cover) != seen:
            raise Problem("The album cover is not the one that was analyzed: analyze again.")
        return client, client.fit_grade([clip for clip in clips if clip.is_file()], cover, task.tell)

    tasks.start("grade", "Fitting the grade", work, lambda result: _fitted(uid, seen, *result))


def _fitted(uid: int, cover_sha256: str, client: Client, found: Grade) -> None:
    connection.follow(client)
    state.session().fitted[uid] = (cover_sha256, found)
    reconcile()


def reconcile() -> None:
    """Gives scenes the grade that was fitted to them; after undo too, since fitting was no step of the editor's."""
    for uid, (cover_sha256, found) in state.session().fitted.items():
        scene = state.find_scene(uid)
        if scene is None or timeline.SCENE_KEY not in scene or not state.settings_of(scene).look:
            continue
        seen = codec.loads(CoverLook, state.settings_of(scene).look)
        if seen.cover_sha256 == cover_sha256 and seen.grade != found:
            state.settings_of(scene).look = codec.dumps(replace(seen, grade=found))
            apply_grade(scene)


def _spare_software_gl(scene: Any) -> None:
    """Where no graphics card draws, the compositor is much faster on the processor."""
    if not bpy.app.background and gpu.platform.device_type_get() == "SOFTWARE":
        scene.render.compositor_device = "CPU"


def set_strength(scene: Any) -> None:
    """Follows the slider, without making the node group again."""
    settings = state.settings_of(scene)
    group = grade.find(scene)
    if not settings.use_grade:
        return
    if group is None or not grade.is_whole(group) or settings.grade_strength == 0.0:
        apply_grade(scene)
    else:
        grade.set_strength(group, settings.grade_strength)


def apply_holds(scene: Any) -> None:
    """Gives the first shot the hero's hold and the last one the turn into the cover, or takes them away."""
    plan = shots.edit_of(scene)
    if plan is None or not plan.shots:
        return
    settings, analysis = state.settings_of(scene), shots.analysis_of(scene)
    shots.adopt(scene)
    first, last = plan.shots[0], plan.shots[-1]
    beat = rules.beat_frames(0, plan, analysis) if analysis else max(1, round(plan.fps / 2))
    alone = len(plan.shots) == 1
    if not alone:
        _set(scene, first.id, ShotKind.HERO_HOLD, min(beat, first.frame_count // 2), wanted=settings.hero_hold)
    bar = beat * (analysis.meter if analysis else 4)
    _set(scene, last.id, ShotKind.COVER_END, min(bar, last.frame_count // 2), wanted=settings.end_on_cover)
    shots.refresh(scene)


def _set(scene: Any, shot_id: str, kind: ShotKind, hold_frames: int, *, wanted: bool) -> None:
    strip = shots.strip_of(scene, shot_id)
    if strip is None:
        return
    if wanted and strip["kind"] != kind.value:
        strip["kind"], strip["hold_frames"] = kind.value, hold_frames
    elif not wanted and strip["kind"] == kind.value:
        strip["kind"], strip["hold_frames"] = ShotKind.MOTION.value, 0
