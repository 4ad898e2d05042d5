# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs inside a Blender with a window: measures how long the main thread leaves a 60 Hz timer waiting.

`scripts/bench/ui.py` starts it. First idle, then while a strip's colour is changed again and again, which redraws the
sequencer as any edit does, then while the clips of eight shots stream in, in the same Blender. The gaps go to the file
`gaps.json`, in milliseconds, and what ran in the longest ones.
"""

import functools
import hashlib
import json
import sys
import time
import wave
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import bpy

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(Path(__file__).parent))

from driver import ADDON, COVER, FOLDER, LENGTH_S, PYTHON, Wait, all_are, is_idle, run, session, set_stage  # noqa: E402

SHOTS, BEATS_PER_SHOT, FPS = 8, 4, Fraction(24)
QUICK = "tests.addon_ui.quick_clips:make_clip"
PERIOD_S = 1 / 60
TOLD = 5
"""how many of the longest gaps are explained"""
REGIONS = ("WINDOW", "PREVIEW", "UI", "HEADER", "TOOLS", "CHANNELS", "TOOL_HEADER", "FOOTER")
WATCHED = {
    "session.tasks": ("hand_over",),
    "actions.generate": ("hear", "fetch_again", "grade_what_landed"),
    "actions.takes": ("land_next",),
    "actions.look": ("apply_grade", "reconcile"),
    "actions.shots": ("refresh", "redraw"),
    "session.file_watch": ("look",),
    "scene.grade": ("apply", "spread"),
    "scene.timeline": ("place_clip",),
}
"""by module: what runs on the main thread while clips stream in"""


def part(name: str) -> Any:
    """A module of the extension."""
    return sys.modules[f"{ADDON}.blender_addon.{name}"]


class Trace:
    """What of ours, and which regions' drawing, ran on the main thread, and when."""

    def __init__(self) -> None:
        self.spans: list[tuple[float, float, str]] = []
        for module, names in WATCHED.items():
            for name in names:
                setattr(part(module), name, self._timed(getattr(part(module), name), f"{module}.{name}"))
        for region in REGIONS:
            for moment in ("PRE_VIEW", "POST_PIXEL"):
                words = f"{region} {moment}"
                bpy.types.SpaceSequenceEditor.draw_handler_add(self._note, (words,), region, moment)
        bpy.app.handlers.depsgraph_update_post.append(lambda *_: self._note("depsgraph updated"))

    def _timed(self, function: Callable[..., Any], name: str) -> Callable[..., Any]:
        @functools.wraps(function)
        def timed(*arguments: Any, **named: Any) -> Any:
            began_s = time.perf_counter()
            try:
                return function(*arguments, **named)
            finally:
                self.spans.append((began_s, time.perf_counter(), name))

        return timed

    def _note(self, words: str) -> None:
        now_s = time.perf_counter()
        self.spans.append((now_s, now_s, words))

    def within(self, start_s: float, end_s: float) -> list[str]:
        """In order: when each began after `start_s`, and how long it took, in milliseconds."""
        return [
            f"+{1000 * (began_s - start_s):.0f} {name} {1000 * (ended_s - began_s):.1f}"
            for began_s, ended_s, name in sorted(self.spans)
            if began_s < end_s and ended_s >= start_s
        ]


class Ticks:
    """A 60 Hz timer that notes when it is called."""

    def __init__(self) -> None:
        self.at_s: list[float] = []
        bpy.app.timers.register(self, persistent=True)

    def __call__(self) -> float:
        self.at_s.append(time.perf_counter())
        return PERIOD_S

    def take(self, trace: Trace) -> dict[str, Any]:
        """The gaps since last asked, in milliseconds, and what ran in the longest ones."""
        pairs = list(pairwise(self.at_s))
        longest = sorted(pairs, key=lambda pair: pair[0] - pair[1])[:TOLD]
        self.at_s = self.at_s[-1:]
        return {
            "gaps": [1000 * (b - a) for a, b in pairs],
            "longest": [[1000 * (b - a), trace.within(a, b)] for a, b in longest],
        }


def lay_out() -> None:
    """Eight shots of a bar on a silent song at 120 beats a minute."""
    protocol, codec, plan, state = part("core.types"), part("core.codec"), part("actions.plan"), part("session.state")
    wav, length_s = FOLDER / "song.wav", SHOTS * BEATS_PER_SHOT / 2
    with wave.open(str(wav), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(48000)
        file.writeframes(bytes(2 * int(48000 * (length_s + 2))))
    beats = tuple(protocol.Beat(i / 2, 1 + i // 4, 1 + i % 4, 1.0) for i in range(SHOTS * BEATS_PER_SHOT + 1))
    energy = protocol.EnergyCurve(0.5, (0.5,))
    analysis = protocol.SongAnalysis("0" * 64, length_s + 2, 120.0, 4, beats, (), energy, None, (), 1.0, "made")
    frames = int(FPS * BEATS_PER_SHOT / 2)
    motion, wide = protocol.ShotKind.MOTION, protocol.Framing.WIDE
    planned = tuple(
        protocol.Shot(f"s{i:02d}", i * frames, frames, 1 + i % 3, motion, wide, 0, f"slowly {i}", "", i, 90)
        for i in range(SHOTS)
    )
    cover = hashlib.sha256(Path(COVER).read_bytes()).hexdigest()
    excerpt = protocol.Excerpt(0.0, length_s, True)
    scene = bpy.context.scene
    settings = state.settings_of(scene)
    settings.cover, settings.wav, settings.analysis = COVER, str(wav), codec.dumps(analysis)
    plan.lay_out(scene, protocol.EditPlan("0" * 64, cover, excerpt, FPS, 640, 360, planned), wav)


def edit() -> Iterator[Wait]:
    """As many small edits as there are shots."""
    strip = part("scene.timeline").shot_strips(bpy.context.scene)[0]
    for number in range(SHOTS):
        strip.color_tag = f"COLOR_0{1 + number % 2}"
        yield 1.0


def work() -> Iterator[Wait]:
    """Idle, then edited, then streaming."""
    yield 3.0
    yield from set_stage()
    bpy.ops.wm.save_as_mainfile(filepath=str(FOLDER / "edit.blend"))
    connection, process, generate = part("session.connection"), part("client.process"), part("actions.generate")
    known = part("session.state").session().connection
    known.installation, known.make_clip = process.Installation(Path(PYTHON), ROOT, FOLDER / "home"), QUICK
    lay_out()
    connection.connect()
    yield is_idle
    yield 5.0
    trace, ticks = Trace(), Ticks()
    yield LENGTH_S
    idle = ticks.take(trace)
    yield from edit()
    edited = ticks.take(trace)
    scene = bpy.context.scene
    generate.generate(scene, [row.name for row in session().shots])
    yield all_are("done")
    yield 2.0
    streaming = ticks.take(trace)
    (FOLDER / "gaps.json").write_text(
        json.dumps({"idle": idle, "edited": edited, "streaming": streaming}), encoding="utf-8"
    )


if __name__ == "__main__":
    run(work())
