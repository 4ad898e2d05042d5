# SPDX-License-Identifier: GPL-3.0-or-later
"""Timelines to other editors and from them. The bridge knows the formats: its program is started as for a render."""

import json
import tempfile
from pathlib import Path
from typing import Any

import bpy

from ..core import codec
from ..core.cut_list import CutList
from ..scene import cut_lists, timeline
from ..session import connection, state, tasks
from ..session.tasks import Problem, Task
from . import deliver

SUFFIXES = (".otio", ".xml", ".fcpxml", ".edl")


def export(scene: Any, path: Path) -> None:
    """Writes the scene's timeline in the format of the file's name, and the grade as a .cube beside it.

    Raises:
        Problem: there is nothing on the timeline, the name is of no format, or there is no bridge on this machine;
            without a window, whatever went wrong.
    """
    _check_suffix(path)
    if not timeline.all_strips(scene):
        raise Problem("The timeline is empty.")
    installation = connection.local_installation()
    folder = Path(tempfile.mkdtemp(prefix="beatboard-"))
    copy = folder / "export.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(copy), copy=True, check_existing=False)
    given = [str(copy), "--scene", scene.name, "-o", str(path), *deliver.this_blender()]
    way = deliver.bridge_command(installation, "export", *given)

    def work(task: Task) -> list[str]:
        try:
            code, words = deliver.follow(way, task)
        finally:
            copy.unlink(missing_ok=True)
            folder.rmdir()
        if code:
            raise Problem(deliver.reason(words, way))
        return [line.removeprefix("not in it: ") for line in words if line.startswith("not in it: ")]

    def done(lost: list[str]) -> None:
        if lost:
            tasks.note("exported", f"{path.name} is written. Not in it: {' '.join(lost)}", "\n".join(lost))

    state.session().tasks.troubles.pop("exported", None)
    tasks.start("export", "Writing the timeline", work, done)


def import_file(path: Path, fps: str = "25") -> None:
    """Lays another editor's timeline out in a new scene, so that nothing in this one changes.

    Args:
        fps: of an .edl, which doesn't say it.

    Raises:
        Problem: the file is of no known format, or there is no bridge on this machine; without a window, whatever went
            wrong.
    """
    _check_suffix(path)
    installation = connection.local_installation()

    def work(task: Task) -> CutList:
        with tempfile.TemporaryDirectory(prefix="beatboard-") as folder:
            result = Path(folder, "cuts.json")
            rate = ["--fps", fps] if path.suffix.lower() == ".edl" else []
            way = deliver.bridge_command(installation, "import", str(path), "--json", str(result), *rate)
            code, words = deliver.follow(way, task)
            if code or not result.is_file():
                raise Problem(deliver.reason(words, way))
            return codec.decode(CutList, json.loads(result.read_text(encoding="utf-8")))

    def done(cuts: CutList) -> None:
        scene = bpy.data.scenes.new(cuts.name)
        notes = [*cuts.notes, *cut_lists.lay_out(scene, cuts)]
        for workspace in bpy.data.workspaces:
            workspace.sequencer_scene = scene
        if notes:
            tasks.note("imported", f"Laid out in the scene {scene.name}. {' '.join(notes)}", "\n".join(notes))

    state.session().tasks.troubles.pop("imported", None)
    tasks.start("import", "Reading the timeline", work, done)


def _check_suffix(path: Path) -> None:
    if path.suffix.lower() not in SUFFIXES:
        raise Problem(f"Choose a name that ends in one of {', '.join(SUFFIXES)}.")
