# SPDX-License-Identifier: GPL-3.0-or-later
"""What a frame of the preview costs: the sequencer with the editor's own grade on proxies, without a window.

    python scripts/bench/preview.py [--quick] [--frames 48]

Blender's preview cannot be timed without a graphics card. This asks for the same picture, decoded, graded and put
together by the same code at the size of a proxy, frame by frame as playing does, but does not draw it.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import bpy

from blender_addon.scene import grade, render_settings, timeline
from bridge.render.blender import Farm
from bridge.render.edit import build_edit
from scripts.bench import render as bench_render
from scripts.measuring import figure, parser

FULL = (1920, 1080)
PERCENTS = (100, 50, 25)


def main() -> None:
    """Prints the frames per second for each size of a 1080p clip's proxies, with and without the grade."""
    command = parser(__doc__)
    command.add_argument("--frames", type=int, default=48, help="per size")
    options = command.parse_args()
    percents, frames = ((25,), 6) if options.quick else (PERCENTS, options.frames)
    rates: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for percent in percents:
            blend = make_edit(Path(folder) / str(percent), percent, frames)
            for name, has_grade in (("graded", True), ("plain", False)):
                rates[f"preview_{name}_{percent}"] = frames_per_s(blend, frames, has_grade=has_grade)
    for name, rate in rates.items():  # after all that Blender itself prints
        figure(name, rate, "frames/s")


def make_edit(folder: Path, percent: int, frames: int) -> Path:
    """One shot whose clip has the proxies' size."""
    size = tuple(length * percent // 100 for length in FULL)
    options = argparse.Namespace(output=size, size=size, frames=frames, workers=1)
    material = bench_render.make_material(folder, options, shots=1)
    with Farm(None, folder) as farm:
        build_edit(
            farm,
            material.plan,
            *bench_render.analysis_and_look(),
            material.clips,
            material.song,
            folder / "edit.blend",
            None,
        )
    return folder / "edit.blend"


def frames_per_s(blend: Path, frames: int, *, has_grade: bool) -> float:
    """How quickly the sequencer gives one frame after the other."""
    bpy.ops.wm.open_mainfile(filepath=str(blend), load_ui=False)
    scene = bpy.context.scene
    timeline.prepare(scene)
    render_settings.for_this_process(scene)
    if not has_grade:
        grade.remove(scene)
    scene.render.image_settings.media_type = "IMAGE"  # one frame at a time, and none is written
    first = scene.frame_start
    show(scene, first)  # opens the clip
    started = time.monotonic()
    for frame in range(first + 1, first + frames):
        show(scene, frame)
    return (frames - 1) / (time.monotonic() - started)


def show(scene: object, frame: int) -> None:
    """Has the sequencer make one frame."""
    scene.frame_set(frame)  # type: ignore[attr-defined]
    bpy.ops.render.render()


if __name__ == "__main__":
    main()
