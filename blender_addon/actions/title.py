# SPDX-License-Identifier: GPL-3.0-or-later
"""Title and artist over the opening: the bridge finds the place and the colours, then the strips are the editor's."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import bpy

from ..client.client import Client
from ..core import codec
from ..core.messages import PlacedTitle, PlaceTitle
from ..core.types import CoverLook
from ..scene import timeline, titles
from ..session import connection, files, state, tasks
from ..session.tasks import Problem, Task
from . import shots


def place(scene: Any) -> None:
    """Has title and artist placed where the opening is calm, in place of those before.

    Raises:
        Problem: there is nothing to write or no shot to write it on, or no bridge; without a window, whatever went
            wrong.
    """
    settings, plan = state.settings_of(scene), shots.edit_of(scene)
    cover = state.path_of(settings.cover)
    if plan is None or not plan.shots or cover is None or not settings.look:
        raise Problem("Plan the shots first.")
    if nothing_to_write(settings):
        raise Problem("Write a title or an artist first.")
    seen = codec.loads(CoverLook, settings.look)
    strength = settings.grade_strength if settings.use_grade else 0.0
    wanted = PlaceTitle(
        plan=plan,
        title=asked(settings, "title"),
        artist=asked(settings, "artist"),
        look=replace(seen, grade=replace(seen.grade, strength=strength)),
        cover_sha256=seen.cover_sha256,
    )
    clip, storyboard, font = (
        _clip(scene, plan.shots[0].id),
        *map(state.path_of, (settings.storyboard, settings.font)),
    )
    opened, folder, uid = connection.opener(), files.project_folder(), scene.session_uid

    def work(task: Task) -> tuple[Client, PlacedTitle, Path | None]:
        client = opened(task)
        if client.upload(cover) != wanted.cover_sha256:
            raise Problem("The album cover is not the one that was analyzed: analyze again.")
        sent = {name: client.upload(path) for name, path in {"clip_sha256": clip, "font_sha256": font}.items() if path}
        if storyboard:
            sent["storyboard_sha256"] = client.upload_storyboard(storyboard)
        placed = client.place_title(replace(wanted, **sent), task.tell)
        if not placed.lines:
            raise Problem("There is nothing to write, or the first shot is too short for it.")
        for picture in (line.picture for line in placed.lines if line.picture):
            _fetch(client, picture.sha256, folder / "titles" / f"{picture.sha256}.png")
        if all(line.picture for line in placed.lines):
            return client, placed, None
        face = folder / "fonts" / (font.name if font else placed.font_name)
        _fetch(client, placed.font_sha256, face)
        return client, placed, face

    tasks.start("title", "Placing the title", work, lambda result: _placed(uid, folder / "titles", *result))


def _fetch(client: Client, sha256: str, path: Path) -> None:
    if not path.is_file():
        client.download(sha256, path)


def asked(settings: Any, field: str) -> str | None:
    """The field's text; None, which is the storyboard's, as long as nobody wrote into it: emptied, it is no text."""
    return getattr(settings, field) if settings.is_property_set(field) else None


def nothing_to_write(settings: Any) -> bool:
    """Whether neither the fields nor, maybe, a storyboard have a title or an artist."""
    texts = [settings.storyboard if (text := asked(settings, name)) is None else text for name in ("title", "artist")]
    return not any(text.strip() for text in texts)


def _clip(scene: Any, shot_id: str) -> Path | None:
    """What the shot shows, if its file is there."""
    strip = shots.strip_of(scene, shot_id)
    path = timeline.absolute(strip.filepath) if strip is not None and strip.type == "MOVIE" else None
    return path if path and path.is_file() else None


def _placed(uid: int, drawn: Path, client: Client, placed: PlacedTitle, font: Path | None) -> None:
    connection.follow(client)
    scene = state.find_scene(uid)
    plan = shots.edit_of(scene) if scene is not None else None
    if plan is None:
        return
    titles.lay_out(scene, replace(plan, titles=placed.lines), font, drawn)
    if font is not None:
        for face in titles.fonts(scene):
            face.filepath = files.shown(font)
    for strip, picture in titles.pictures(scene).items():
        strip.directory = files.shown(picture.parent)
    bpy.ops.ed.undo_push(message="Place Title")
