# SPDX-License-Identifier: GPL-3.0-or-later
"""Shots become clips: asked of the bridge's queue, followed, fetched, landed."""

import secrets
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ..client.client import Client, LinkError
from ..core import storyboard_files
from ..core.clip_requests import clip_requests
from ..core.types import ClipRequest, EditPlan, Job, JobState, SongAnalysis
from ..scene import grade, timeline
from ..session import connection, engine_options, files, state, tasks
from ..session.state import Landing
from ..session.tasks import Problem, Task
from . import look, shots, takes

ENDED = (JobState.DONE, JobState.FAILED, JobState.CANCELLED)
FETCH_AGAIN_S = 15.0
DOWNLOADS = threading.BoundedSemaphore(2)
"""so many at once"""


def needed(scene: Any) -> list[str]:
    """The shots that have no clip or a stale one, locked ones left out."""
    rows = state.shot_list().shots
    return [row.name for row in rows if row.state in ("empty", "stale", "failed", "missing") and not row.is_locked]


def generate(scene: Any, shot_ids: Sequence[str]) -> int:
    """Asks for these shots' clips; how many. Without a window it waits for them.

    Raises:
        Problem: nothing was planned, a shot is locked or under way, or the bridge says no.
    """
    if busy := tasks.running("generate"):
        raise Problem(f"Still busy: {busy.stage}. Wait for it.")
    shots.adopt(scene)
    plan, requests = _requests(scene, shot_ids)
    settings = state.settings_of(scene)
    cover, character = state.path_of(settings.cover), state.path_of(settings.character)
    if cover is None:
        raise Problem("Choose the album cover first.")
    _forget_ended(scene, shot_ids)
    opened = connection.opener()
    uid, ids = scene.session_uid, [secrets.token_hex(16) for _ in requests]
    for job_id, request in zip(ids, requests, strict=True):
        state.session().takes.asked[job_id] = (scene.session_uid, request.shot_id)
        takes.record(scene, job_id, request.shot_id)

    def work(task: Task) -> Any:
        client = opened(task)
        _upload(client, cover, plan)
        if character:
            client.upload(character)
        return client, client.submit(requests, ids)

    def give_up() -> None:
        for job_id in ids:
            state.session().takes.asked.pop(job_id, None)
            takes.forget_job(job_id)
        if (found := state.find_scene(uid)) is not None:  # another file may be open by now
            shots.refresh(found, force=True)

    tasks.start("generate", "Sending the shots", _or(work, give_up), _submitted)
    shots.refresh(scene)
    return len(requests)


def unchanged(scene: Any, shot_ids: Sequence[str]) -> list[str]:
    """The shots that show a clip of the very request that they would be asked with now."""
    shots.adopt(scene)
    try:
        _, requests = _requests(scene, shot_ids)
    except Problem:  # `generate` tells it
        return []
    same, settings = [], state.settings_of(scene)
    shown = {name for name, row in state.session().shots.rows.items() if row.state == "done"}  # its file is there
    for request in (request for request in requests if request.shot_id in shown):
        strip = shots.strip_of(scene, request.shot_id)
        take = shots.shown_take(settings, strip, request.shot_id) if strip is not None else None
        if take is not None and take.request and shots.request_from(take.request) == request:
            same.append(request.shot_id)
    return same


def _or(work: Callable[[Task], Any], give_up: Callable[[], None]) -> Callable[[Task], Any]:
    """The work, and what the main thread does if it fails."""
    later = state.session().tasks.later

    def run(task: Task) -> Any:
        try:
            return work(task)
        except BaseException:
            later(give_up)
            raise

    return run


def _requests(scene: Any, shot_ids: Sequence[str]) -> tuple[EditPlan, list[ClipRequest]]:
    plan, analysis = shots.edit_of(scene), shots.analysis_of(scene)
    if plan is None or analysis is None:
        raise Problem("Plan the shots first.")
    locked = {row.name for row in state.shot_list().shots if row.is_locked}
    busy = {row.name for row in state.shot_list().shots if row.state in ("queued", "running")}
    wanted = [shot_id for shot_id in shot_ids if shot_id not in locked | busy]
    if not wanted:
        raise Problem("All of these shots are locked or under way already.")
    settings = state.settings_of(scene)
    wanted = _not_own(settings, _without_strips_of_theirs(scene, wanted))
    character = state.path_of(settings.character)
    made = _as_heard(
        scene,
        plan,
        analysis,
        painter=settings.painter,
        animator=settings.animator,
        options=engine_options.given(scene),
        character_sha256=_sha256(character) if character else None,
    )
    return plan, [request for request in made if request.shot_id in wanted]


def _without_strips_of_theirs(scene: Any, wanted: Sequence[str]) -> list[str]:
    """The shots that are no strips of the editor's own.

    Raises:
        Problem: there are no others.
    """
    own = {strip["id"] for strip in timeline.shot_strips(scene) if timeline.OWN_KEY in strip}
    left = [shot_id for shot_id in wanted if shot_id not in own]
    if not left:
        raise Problem("These shots are strips of your own: they have their picture.")
    return left


def _not_own(settings: Any, wanted: Sequence[str]) -> list[str]:
    """The shots without those for which the storyboard names a file of the user's own: `beatboard make` shows these.

    Raises:
        Problem: there are no others.
    """
    board = state.path_of(settings.storyboard)
    if board is None or not board.is_file():
        return list(wanted)
    own = storyboard_files.own_shots(board.read_text(encoding="utf-8", errors="replace"))
    left = [shot_id for shot_id in wanted if shot_id not in own]
    if not left:
        named = ", ".join(f"{shot_id} shows {own[shot_id]}" for shot_id in wanted[:3])
        raise Problem(f"{named}: add your file to the timeline by hand, or make the video with `beatboard make`.")
    return left


def _as_heard(scene: Any, plan: EditPlan, analysis: SongAnalysis, **given: Any) -> list[ClipRequest]:
    """A request per shot, in order, each on the beats and the energy of the song as it lies under the shot."""
    clocks = [clock or plan for clock in shots.heard(scene, plan).values()]
    made = {clock.excerpt: clip_requests(clock, analysis, **given) for clock in clocks}
    return [made[clock.excerpt][index] for index, clock in enumerate(clocks)]


def _sha256(path: Path) -> str:
    import hashlib

    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise Problem(f"The character {path} cannot be read ({error.strerror}): choose it again.") from None


def _upload(client: Client, cover: Path, plan: EditPlan) -> None:
    if client.upload(cover) != plan.cover_sha256:
        raise Problem("The album cover is not the one that was planned with: analyze and plan again.")


def _submitted(result: tuple[Client, Sequence[Job]]) -> None:
    client, new = result
    connection.follow(client)
    for job in new:
        _take_note(job)
    if state.session().synchronous:
        _wait(client, [job.id for job in new])


def _wait(client: Client, ids: Sequence[str]) -> None:
    """Without a window nobody else waits: until all have ended and landed."""
    left = set(ids)
    while left:
        for job_id in sorted(left):
            job = client.job(job_id)
            if job.state in ENDED:
                left.discard(job_id)
                hear(job)
        time.sleep(0.05)
    grade_what_landed()
    known = [state.session().shots.jobs[job_id] for job_id in ids]
    failed = [job for job in known if job.state is JobState.FAILED]
    if failed:
        raise Problem(f"{len(failed)} of {len(ids)} shots failed; {failed[0].request.shot_id}: {failed[0].error}")


def hear(job: Job) -> None:
    """What the bridge says about a job; one that is done is fetched."""
    record = _record(job.id)
    if record is None:
        return  # another file's, or somebody else's
    _take_note(job)
    scene, shot_id = record
    coming = state.session().takes
    is_here = job.id in coming.fetching or any(landing.job_id == job.id for landing in coming.waiting)
    if job.state is JobState.DONE and job.clip and not is_here:
        coming.fetching.add(job.id)
        _fetch(scene.session_uid, shot_id, job)


def fetch_again() -> None:
    """Tries again to fetch what is done and could not be fetched, as while the disk was full."""
    import bpy

    for scene in bpy.data.scenes:
        for record in state.settings_of(scene).jobs:
            job = state.session().shots.jobs.get(record.name)
            if job is not None and job.state is JobState.DONE:
                hear(job)


def _take_note(job: Job) -> None:
    state.session().shots.jobs[job.id] = job


def _record(job_id: str) -> tuple[Any, str] | None:
    """The scene that asked for a job, and the shot."""
    import bpy

    for scene in bpy.data.scenes:
        if (record := state.settings_of(scene).jobs.get(job_id)) is not None:
            return scene, record.shot_id
    return None


def _fetch(scene_uid: int, shot_id: str, job: Job) -> None:
    session = state.session()
    client, clip = session.connection.client, job.clip
    assert client
    assert clip
    path = files.project_folder() / "clips" / f"{shot_id}-{clip.sha256[:12]}.mp4"

    def work() -> None:
        if not path.exists():
            client.download(clip.sha256, path)

    def landed() -> None:
        session.takes.fetching.discard(job.id)
        session.takes.waiting.append(Landing(scene_uid, job.id, shot_id, clip, path))
        if session.synchronous:
            takes.land_next()

    def failed(error: Exception) -> None:
        session.takes.fetching.discard(job.id)
        sentence = f"A finished clip could not be fetched: {error} It is tried again every {FETCH_AGAIN_S:.0f} s."
        tasks.note("generate", sentence)

    if session.synchronous:
        work()
        landed()
    else:
        threading.Thread(target=_in_thread, args=(work, landed, failed, session.tasks.later), daemon=True).start()


def _in_thread(
    work: Callable[[], None],
    done: Callable[[], None],
    failed: Callable[[Exception], None],
    later: Callable[[Callable[[], None]], None],
) -> None:
    """Does the work; what follows is for the main thread."""
    try:
        with DOWNLOADS:
            work()
    except (LinkError, OSError) as error:
        later(partial(failed, error))
    else:
        later(done)


# The grade of what landed


def grade_what_landed() -> None:
    """When the last clip that a scene waited for has landed: fits its grade, unless the editor changed that by hand."""
    ungraded = state.session().takes.ungraded
    for uid in list(ungraded):
        scene = state.find_scene(uid)
        if scene is not None and (_is_waiting(scene) or tasks.running("grade")):
            continue
        ungraded.discard(uid)
        if scene is None or not state.settings_of(scene).fit_grade or not state.settings_of(scene).use_grade:
            continue
        group, now = grade.find(scene), look.grade_of(scene)
        if now is None or (group is not None and grade.is_worn(scene) and not grade.shows(group, now)):
            continue
        try:
            look.fit(scene)
        except (Problem, LinkError) as error:
            tasks.note("grade", str(error))


def _is_waiting(scene: Any) -> bool:
    """Whether clips are still to come for a scene."""
    jobs = state.session().shots.jobs
    known = [jobs.get(record.name) for record in state.settings_of(scene).jobs]
    return any(job is None or job.state not in (JobState.FAILED, JobState.CANCELLED) for job in known)


# The queue


def cancel(scene: Any, shot_ids: Sequence[str] = ()) -> None:
    """Cancels what is queued or running for these shots, or for all."""
    ids = [record.name for record in state.settings_of(scene).jobs if not shot_ids or record.shot_id in shot_ids]
    client = state.session().connection.client
    if client is None:
        for job_id in ids:
            state.session().takes.asked.pop(job_id, None)
            takes.forget_job(job_id)
        shots.refresh(scene)
        return
    tasks.start("queue", "Cancelling", lambda task: [client.cancel(job_id) for job_id in ids], _heard_all)


def _heard_all(changed: Sequence[Job]) -> None:
    for job in changed:
        hear(job)


def pause(*, paused: bool) -> None:
    """Lets the bridge's queue wait, or go on.

    Raises:
        Problem: no bridge is set up.
    """
    opened = connection.opener()

    def done(result: tuple[Client, bool]) -> None:
        client, state.session().connection.paused = result
        connection.follow(client)

    def work(task: Task) -> tuple[Client, bool]:
        client = opened(task)
        return client, client.pause(paused).paused

    tasks.start("queue", "Pausing the queue" if paused else "Resuming the queue", work, done)


def _forget_ended(scene: Any, shot_ids: Sequence[str]) -> None:
    """A new try takes the place of a failed or cancelled one."""
    for record in list(state.settings_of(scene).jobs):
        known = state.session().shots.jobs.get(record.name)
        if record.shot_id in shot_ids and known and known.state in (JobState.FAILED, JobState.CANCELLED):
            state.session().takes.asked.pop(record.name, None)
            takes.forget_job(record.name)


def measure(scene: Any) -> None:
    """Has the bridge say what the shots that need a clip will take.

    Raises:
        Problem: nothing needs one.
    """
    ids = needed(scene)
    if not ids:
        raise Problem("Every shot has its clip.")
    _, requests = _requests(scene, ids)
    opened = connection.opener()

    def work(task: Task) -> Any:
        client = opened(task)
        return client, client.engines(), client.estimate(requests)

    def done(result: Any) -> None:
        client, engines, state.session().shots.estimate = result
        engine_options.learn(engines)
        connection.follow(client)

    tasks.start("estimate", "Estimating", work, done)


def catch_up() -> None:
    """After a file was opened: asks how its jobs are, if it has any."""
    import bpy

    waiting = [record.name for scene in bpy.data.scenes for record in state.settings_of(scene).jobs]
    if not waiting or not connection.is_set_up():
        return
    opened = connection.opener()

    def work(task: Task) -> Any:
        client = opened(task)
        return client, [_state(client, job_id) for job_id in waiting]

    def done(result: Any) -> None:
        client, found = result
        connection.follow(client)
        for job_id, job in zip(waiting, found, strict=True):
            if job is not None:
                hear(job)
            else:
                takes.forget_job(job_id)

    tasks.start("generate", "Asking for the jobs of this file", work, done)


def _state(client: Client, job_id: str) -> Job | None:
    """A job; None if this bridge doesn't know it."""
    try:
        return client.job(job_id)
    except LinkError as error:
        if getattr(error, "status", 0) == 404:
            return None
        raise
