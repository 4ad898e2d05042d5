# SPDX-License-Identifier: GPL-3.0-or-later
"""The process of one call: arguments come in on standard input, progress and the result go out as lines of JSON."""

import json
import os
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

from blender_addon.core import codec, messages
from bridge.common.errors import BeatboardError
from bridge.common.progress import OnProgress
from bridge.common.store import Store

PAUSE_S = 0.1


def analyze(given: messages.AnalyzeSong, store: Store, on_progress: OnProgress) -> Any:
    """The song's grid."""
    from bridge import song

    return song.analyze(store.path(given.song_sha256), tracker=given.tracker, on_progress=on_progress)


def wav(given: messages.DecodeSong, store: Store, on_progress: OnProgress) -> Any:
    """The song as a WAV file in the store."""
    from bridge.song import audio

    on_progress(0.1, "decoding")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "song.wav"
        audio.write_song(store.path(given.song_sha256), path)
        return messages.StoredFile(store.put(path), path.stat().st_size)


def channels(given: messages.FollowSong, store: Store, on_progress: OnProgress) -> Any:
    """The song's channels as arrays in the store."""
    from bridge import song

    on_progress(0.1, "listening")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "channels.npz"
        song.write_channels(given.analysis, store.path(given.song_sha256), path)
        return messages.StoredFile(store.put(path), path.stat().st_size)


def look(given: messages.LookAtCover, store: Store, on_progress: OnProgress) -> Any:
    """The cover's palette and grade."""
    from bridge import cover

    on_progress(0.1, "looking")
    return cover.look(store.path(given.cover_sha256))


def grade(given: messages.FitGrade, store: Store, on_progress: OnProgress) -> Any:
    """The grade for an edit's clips."""
    from bridge.cover import clip_grade

    on_progress(0.1, "fitting the grade")
    return clip_grade.fit_grade([store.path(sha256) for sha256 in given.clips_sha256], store.path(given.cover_sha256))


def plan(given: messages.PlanEdit, store: Store, on_progress: OnProgress) -> Any:
    """The edit."""
    from bridge import plan as plans
    from bridge.plan import storyboard

    on_progress(0.1, "planning")
    board = storyboard.Storyboard()
    if given.storyboard_sha256:
        board = storyboard.load(store.path(given.storyboard_sha256), uploads(store))
    return plans.plan_edit(
        given.analysis,
        given.look,
        board.with_choices(ending=given.ending, treatments=given.treatments),
        length_s=given.length_s,
        width_px=given.width_px,
        height_px=given.height_px,
        fps=given.fps,
    )


def uploads(store: Store) -> Callable[[str], Path | None]:
    """Finds a file that a storyboard names: an upload, never a place on this machine, about which nothing is told."""

    def find(name: str) -> Path | None:
        sha256 = name.partition(".")[0]
        return store.path(sha256) if sha256 in store else None

    return find


def requests(given: messages.MakeRequests, store: Store, on_progress: OnProgress) -> Any:  # noqa: ARG001
    """What to submit for a plan's shots."""
    from bridge import plan as plans

    return messages.Requests(
        plans.clip_requests(
            given.plan,
            given.analysis,
            painter=given.painter,
            animator=given.animator,
            options=given.options,
            character_sha256=given.character_sha256,
        )
    )


def title(given: messages.PlaceTitle, store: Store, on_progress: OnProgress) -> Any:
    """Title and artist over the opening."""
    from bridge.plan.storyboard import Storyboard, load
    from bridge.render import fonts, title_drawing
    from bridge.render import title_placement as titles

    on_progress(0.1, "placing the title")
    board = load(store.path(given.storyboard_sha256), uploads(store)) if given.storyboard_sha256 else Storyboard()
    texts = titles.texts_of(given.title, given.artist, board)
    asked = store.path(given.font_sha256) if given.font_sha256 else board.font
    font = fonts.choose_font(texts, asked, given.look.palette)
    if font is None:
        return messages.PlacedTitle((), "", "")
    clip = store.path(given.clip_sha256) if given.clip_sha256 else None
    frames = titles.opening(given.plan, given.look, clip, store.path(given.cover_sha256))
    lines = titles.plan_titles(given.plan, *texts, frames, given.look.palette, font)
    with tempfile.TemporaryDirectory(prefix="beatboard-") as folder:
        lines = title_drawing.with_pictures(lines, given.plan, font, Path(folder))
        for picture in Path(folder).iterdir():
            store.put(picture)
    return messages.PlacedTitle(lines, store.put(font.path), font.path.name)


FUNCTIONS = {
    "analyze": analyze,
    "wav": wav,
    "channels": channels,
    "look": look,
    "grade": grade,
    "plan": plan,
    "requests": requests,
    "title": title,
}


def main() -> None:
    """Does one call."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a library prints does not belong among the answers
    asked = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    given = codec.decode(messages.CALLS[asked["name"]][0], asked["arguments"])
    try:
        result = FUNCTIONS[asked["name"]](given, Store(Path(sys.argv[1])), _reporter(answers))
        _tell(answers, progress=1.0, stage="", done=True, result=codec.encode(result))
    except BeatboardError as error:
        _tell(answers, done=True, error=str(error))
    except Exception as error:  # noqa: BLE001 - the process's edge: whatever went wrong becomes an answer
        traceback.print_exc()
        _tell(answers, done=True, error=f"This went wrong inside Beatboard: {type(error).__name__}: {error}")


def _reporter(answers: TextIO) -> OnProgress:
    told_at_s = 0.0

    def on_progress(progress: float, stage: str) -> None:
        nonlocal told_at_s
        if time.monotonic() - told_at_s >= PAUSE_S:
            told_at_s = time.monotonic()
            _tell(answers, progress=float(progress), stage=stage)

    return on_progress


def _tell(answers: TextIO, **news: Any) -> None:
    answers.write(json.dumps(news, allow_nan=False) + "\n")
    answers.flush()


def _end_with_stdin() -> None:
    """When standard input ends, the bridge is gone."""
    sys.stdin.read()
    os._exit(1)


if __name__ == "__main__":
    main()
