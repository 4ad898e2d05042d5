# SPDX-License-Identifier: GPL-3.0-or-later
"""The deliverable: rendered in the background by the bridge, then measured by its `check`.

The bridge's programs are started here and not asked for by HTTP: whoever holds a bridge's token must not be able to
name programs and files on its machine. Where there is no bridge on this machine, a second Blender renders alone.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import bpy

from ..client.process import Installation, plainly
from ..core import codec, regrid, rules, strip_layout
from ..core.types import EditPlan
from ..scene import media, render_settings, timeline
from ..session import connection, state, tasks
from ..session.environment import clean
from ..session.preferences import SOURCE
from ..session.state import Measured
from ..session.tasks import Problem, Task
from . import shots

MARK = "@beatboard "
"""begins each answer of `scripts/render.py`"""


NICE = 10
"""below Blender's own priority: whoever edits meanwhile goes first"""


def output_of(scene: Any) -> Path:
    """Where the video goes.

    Raises:
        Problem: nowhere, not an MP4 file, or where another scene's video goes.
    """
    text = state.settings_of(scene).output.strip()
    if text.startswith("//") and not bpy.data.filepath:
        raise Problem("Save the .blend first, or choose an output that does not start with //.")
    path = state.path_of(text)
    if path is None or path.suffix.lower() != ".mp4":
        raise Problem("The output is an MP4 file: give it a name that ends in .mp4.")
    for other in bpy.data.scenes:
        if other != scene and timeline.SCENE_KEY in other and state.path_of(state.settings_of(other).output) == path:
            raise Problem(f"The scene {other.name} writes to {path.name} too: give this scene's video another name.")
    return path


def render(scene: Any, *, then_check: bool = False) -> None:
    """Renders the edit as it stands, in the background; the editor can go on.

    With the same Blender, in segments of which those are kept that did not change; without a bridge in one piece.

    Raises:
        Problem: there is no edit, or the output cannot be written; without a window, whatever went wrong.
    """
    plan = shots.edit_of(scene)
    if plan is None or not plan.shots:
        raise Problem("Plan the shots first.")
    video = output_of(scene)
    if tasks.running("render"):
        raise Problem("A render is running already.")
    if gone := media.missing(scene):
        raise Problem(media.sentence(gone))
    folder = Path(tempfile.mkdtemp(prefix="beatboard-"))
    copy = folder / "render.blend"
    with render_settings.lent(scene, colors=not timeline.own_strips(scene)):
        bpy.ops.wm.save_as_mainfile(filepath=str(copy), copy=True, check_existing=False)
    uid, way = scene.session_uid, _way(scene, copy, video)

    def work(task: Task) -> None:
        video.parent.mkdir(parents=True, exist_ok=True)
        try:
            code, words = follow(way, task)
        finally:
            copy.unlink(missing_ok=True)
            folder.rmdir()
        if code or not video.is_file():
            raise Problem(f"Blender could not render: {reason(words, way)}")

    def done(_: None) -> None:
        found = state.find_scene(uid)
        if then_check and found is not None:
            check(found)

    tasks.start("render", "Starting the render", work, done)


@dataclass(frozen=True)
class Way:
    """A program to run."""

    command: list[str]
    heard: Callable[[str], tuple[float, str] | None]
    """what a line of its output says: progress 0-1 and stage"""
    environment: dict[str, str] = field(default_factory=dict)
    """on top of ours"""


def _way(scene: Any, blend: Path, video: Path) -> Way:
    try:
        installation = connection.local_installation()
    except Problem:
        return _alone(scene, blend, video)
    given = [str(blend), "--scene", scene.name, "-o", str(video), *this_blender()]
    return bridge_command(installation, "render", *given)


def _alone(scene: Any, blend: Path, video: Path) -> Way:
    frames = scene.frame_end - scene.frame_start + 1
    program = [bpy.app.binary_path, "-b", "--factory-startup", "-P"] if bpy.app.binary_path else [sys.executable]
    script = str(SOURCE / "scripts" / "render.py")
    command = [*program, script, "--", "--blend", str(blend), "--scene", scene.name, "--tell", "-o", str(video)]

    def heard(line: str) -> tuple[float, str] | None:
        done = json.loads(line[len(MARK) :]).get("frames") if line.startswith(MARK) else None
        return (done / frames, f"frame {done} of {frames}") if done else None

    return Way(command, heard)


def this_blender() -> list[str]:
    """The option that has a command of the bridge use this very Blender; none where there is only the module."""
    return ["--blender", bpy.app.binary_path] if bpy.app.binary_path else []


def bridge_command(installation: Installation, name: str, *words: str) -> Way:
    """One of the bridge's commands, which is told to say how far it is."""
    environment = {"PYTHONPATH": str(installation.source)} if installation.source else {}
    if installation.home:
        environment["BEATBOARD_HOME"] = str(installation.home)
    return Way([str(installation.python), "-m", "bridge", name, *words, "--tell"], _progress, environment)


def _progress(line: str) -> tuple[float, str] | None:
    found = re.match(r"\s*(\d+)% (.*)", line)
    return (int(found[1]) / 100, found[2]) if found else None


def check(scene: Any) -> None:
    """Measures the finished file against the song, the cover and the edit, and writes the report's page.

    Raises:
        Problem: there is no video, or no bridge on this machine; without a window, whatever went wrong.
    """
    video, plan, settings = output_of(scene), shots.edit_of(scene), state.settings_of(scene)
    song, cover = state.path_of(settings.song), state.path_of(settings.cover)
    if plan is None or song is None or cover is None:
        raise Problem("Choose the song and the cover, and plan the shots first.")
    installation = connection.local_installation()
    analysis = shots.analysis_of(scene)
    number = regrid.reading_of(analysis) if analysis else 0
    reading = ["--reading", str(number)] if number > 1 else []
    page, uid, rendered = video.with_suffix(".html"), scene.session_uid, _as_rendered(scene, plan)

    def work(task: Task) -> Measured:
        if not video.is_file():
            raise Problem(f"There is no video at {video} yet: render it first.")
        with tempfile.TemporaryDirectory(prefix="beatboard-") as folder:
            plan_path, result = Path(folder, "plan.json"), Path(folder, "check.json")
            plan_path.write_text(codec.dumps(rendered), encoding="utf-8")
            sources = [str(video), "--song", str(song), "--cover", str(cover), "--plan", str(plan_path)]
            way = bridge_command(installation, "check", *sources, *reading, "--json", str(result), "--page", str(page))
            _, words = follow(way, task)
            if not result.is_file():
                raise Problem(f"The check stopped: {reason(words, way)}")
            return read(json.loads(result.read_text(encoding="utf-8")), video, page)

    def done(result: Measured) -> None:
        state.session().measured[uid] = result

    tasks.start("check", "Measuring the video", work, done)


def _as_rendered(scene: Any, plan: EditPlan) -> EditPlan:
    """The edit as the video has it: counted from the scene's first frame, cut where the shots are."""
    late = scene.frame_start - timeline.start_frame(scene)
    muted = {seen.shot.id for seen in shots.seen_shots(scene) if seen.strip.muted}
    analysis = shots.analysis_of(scene)
    downbeats = rules.downbeat_frames(plan, analysis) if analysis else ()
    seen = strip_layout.at_cuts([shot for shot in plan.shots if shot.id not in muted], downbeats)
    found = [replace(shot, start_frame=shot.start_frame - late) for shot in seen]
    cut = [
        replace(shot, start_frame=max(0, shot.start_frame), frame_count=shot.end_frame - max(0, shot.start_frame))
        for shot in found
        if shot.end_frame > 0
    ]
    start_s = plan.excerpt.start_s + float(late / plan.fps)
    return replace(plan, shots=tuple(cut), excerpt=replace(plan.excerpt, start_s=start_s) if late else plan.excerpt)


def read(report: dict[str, Any], video: Path, page: Path) -> Measured:
    """What of a report the panel shows: how many measures hold, and those that fail, with what to do."""
    measures = report["measures"]
    failed = [measure for measure in measures if measure["verdict"] == "fail"]
    failures = tuple(f"{measure['name']}: {measure['text']}. {measure['advice']}" for measure in failed)
    return Measured(video, page, sum(measure["verdict"] == "pass" for measure in measures), failures)


def follow(way: Way, task: Task) -> tuple[int, list[str]]:
    """Runs a program in the task's thread, telling of its progress; its exit code and last lines."""
    process = subprocess.Popen(
        way.command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=clean() | way.environment,
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
    )
    if hasattr(os, "setpriority"):
        os.setpriority(os.PRIO_PROCESS, process.pid, NICE)
    words: deque[str] = deque(maxlen=30)

    def read() -> None:
        assert process.stdout
        for line in process.stdout:
            if (progress := way.heard(line)) is not None:
                task.progress, task.stage = progress
            elif line.strip():
                words.append(line.strip())

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        while reader.is_alive():
            reader.join(0.2)
            task.tell(task.progress, task.stage)
        return process.wait(), list(words)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def reason(words: Sequence[str], way: Way) -> str:
    """Why a program ended, by its last lines."""
    ours = [line for line in words if line.startswith("beatboard: ")]
    if ours:
        return ours[-1].removeprefix("beatboard: ")
    return plainly(words[-1], way.command[0]) if words else "it gave no reason"
