# SPDX-License-Identifier: GPL-3.0-or-later
"""The song and the cover: heard, looked at, read differently; and the plan that is made of them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import bpy

from ..client.client import Client
from ..core import codec, regrid, strip_layout
from ..core.timing import time_of
from ..core.types import CoverLook, SongAnalysis
from ..scene import timeline
from ..session import connection, files, state, tasks
from ..session.tasks import Problem, Task
from . import clicks, look, shots


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
    settings = state.settings_of(scene)
    song = _chosen(settings.song, "song")
    cover = _chosen(settings.cover, "album cover")
    uid = scene.session_uid
    tasks.start("analyze", "Starting the bridge", _hearing(song, cover), lambda heard: _heard(uid, heard))


def _chosen(text: str, what: str) -> Path:
    path = state.path_of(text)
    if path is None:
        raise Problem(f"Choose the {what} first.")
    return path


def _hearing(song: Path, cover: Path) -> Callable[[Task], tuple[Client, Heard]]:
    opened, folder = connection.opener(), files.project_folder()

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
    connection.follow(client)
    scene = state.find_scene(uid)
    if scene is None:
        return
    settings = state.settings_of(scene)
    settings.heard, settings.seen = heard.song, heard.cover
    settings.analysis, settings.wav = codec.dumps(heard.analysis), files.shown(heard.wav)
    look.remember(scene, heard.look)
    show_markers(scene)
    shots.after_task(scene, "Analyze Song and Cover")


def is_current(scene: Any) -> bool:
    """Whether what was heard and seen is of the files that are chosen now."""
    settings = state.settings_of(scene)
    song, cover = state.path_of(settings.song), state.path_of(settings.cover)
    return bool(settings.analysis and settings.look) and _same(settings.heard, song) and _same(settings.seen, cover)


def _same(stamped: str, path: Path | None) -> bool:
    """Whether a file is what it was, as far as `file_watch` knows by now; one that is gone counts as the same."""
    now = state.session().files.stamps.get(str(path), stamped)
    return files.path_in(stamped) == str(path) and now in (stamped, str(path))


def recall() -> None:
    """After a file was opened that `beatboard make` built: what was heard and seen lies beside it."""
    folder = files.project_folder()
    for scene in bpy.data.scenes:
        if timeline.SCENE_KEY in scene and not state.settings_of(scene).analysis:
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
    scene = state.find_scene(uid)
    if scene is None or found is None:
        return
    settings = state.settings_of(scene)
    settings.analysis, settings.planned_fps = codec.dumps(found[0]), str(timeline.scene_fps(scene))
    settings["grade_strength"] = found[1].grade.strength
    look.remember(scene, found[1])
    song_strip = timeline.song_strip(scene)
    if song_strip is not None:
        settings.wav = song_strip.sound.filepath
    shots.refresh(scene, force=True)


# Reading the song differently


def read_differently(scene: Any, change: Callable[[SongAnalysis], SongAnalysis]) -> None:
    """Reads the song differently, as in "half the tempo"; the shots stay, the markers follow.

    Raises:
        Problem: the song was not analysed yet.
    """
    analysis = shots.analysis_of(scene)
    if analysis is None:
        raise Problem("Analyze the song first.")
    state.settings_of(scene).analysis = codec.dumps(change(analysis))
    show_markers(scene)
    clicks.follow(scene)
    shots.refresh(scene, force=True)


def use_reading(scene: Any, number: int) -> None:
    """Counts the song in one of its readings; 1 is as it was heard.

    Raises:
        Problem: the song was not analysed yet, or has no such reading.
    """

    def change(analysis: SongAnalysis) -> SongAnalysis:
        try:
            return regrid.with_reading(analysis, number)
        except IndexError:
            raise Problem(f"This song has no reading {number}: analyze it again.") from None

    read_differently(scene, change)


def downbeat_here(scene: Any) -> None:
    """Reads the song with a downbeat at the playhead.

    Raises:
        Problem: nothing was planned, so the playhead has no time in the song.
    """
    time_s = _at_playhead(scene)
    read_differently(scene, lambda analysis: regrid.with_downbeat_at(analysis, time_s))


def _at_playhead(scene: Any) -> float:
    """Which moment of the song is heard at the playhead, in seconds.

    Raises:
        Problem: none is.
    """
    plan = shots.edit_of(scene)
    if plan is None:
        raise Problem("Plan the shots first: then the playhead has a place in the song.")
    clock = timeline.clock_of(scene)
    heard = clock.heard_at(scene.frame_current) if clock else None
    if clock is None or heard is None:
        raise Problem("Another song is heard at the playhead.")
    return heard.start_s + time_of(strip_layout.from_scene(scene.frame_current, clock.start), plan.fps)


def change_here(scene: Any, meter: int | None, tempo_bpm: float | None) -> None:
    """Reads the song with another meter or tempo from the bar at the playhead on.

    Raises:
        Problem: nothing was planned, so the playhead has no time in the song.
    """
    time_s = _at_playhead(scene)
    read_differently(scene, lambda analysis: regrid.with_change_at(analysis, time_s, meter=meter, tempo_bpm=tempo_bpm))


def bend_to_markers(scene: Any) -> int:
    """Reads the song with its bars where the editor dragged their markers; how many bars that were.

    Raises:
        Problem: none was dragged, or one beyond the next bar.
    """
    plan, analysis = shots.edit_of(scene), shots.analysis_of(scene)
    dragged = timeline.moved_markers(scene)
    if plan is None or analysis is None or not dragged:
        raise Problem("Drag the marker of a bar to where the bar starts first.")
    start, moves = timeline.start_frame(scene), dict[float, float]()
    for before, now in dragged.items():
        set_s = plan.excerpt.start_s + time_of(strip_layout.from_scene(before, start), plan.fps)
        bar_s = min(analysis.downbeats_s, key=lambda at_s: abs(at_s - set_s))
        moves[bar_s] = bar_s + float((now - before) / plan.fps)
    try:
        bent = regrid.bent(analysis, moves)
    except ValueError:
        raise Problem("A marker lies on the bar before or after its own, or beyond: drag it less far.") from None
    read_differently(scene, lambda _: bent)
    return len(moves)


def show_markers(scene: Any) -> None:
    """Sets our markers as the settings and the analysis say; the editor's own stay."""
    plan, analysis = shots.edit_of(scene), shots.analysis_of(scene)
    if plan is None or not plan.shots:
        return
    kind = state.settings_of(scene).markers
    timeline.show_markers(scene, plan, None if kind == "NONE" else analysis, beats=kind == "BEATS")
