# SPDX-License-Identifier: GPL-3.0-or-later
"""The final render against plain ffmpeg: the same clips, look, x264 settings and sound, in turn, in one run.

    python scripts/bench/render.py [--quick] [--size 1024x576] [--rounds 2] [--workers N]
    python scripts/bench/render.py --holds          what a rest of 2 s costs, against 10 frames that move
    python scripts/bench/render.py --memory 60      the peak of so many seconds at 60 frames per second

The reference trims, scales, applies the grade by `lut3d`, encodes and muxes: the ffmpeg program where there is one,
else PyAV with the same filters. Then the render as it is, the render after one of eight shots changed, and one in which
Blender draws each frame.
"""

import argparse
import contextlib
import dataclasses
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from blender_addon.core.encoding import AUDIO_KBIT_PER_S, CLIP, DELIVERABLE, SAMPLE_RATE_HZ
from blender_addon.core.mp4 import frame_count
from blender_addon.core.types import (
    CoverLook,
    EditPlan,
    EnergyCurve,
    Excerpt,
    Framing,
    Grade,
    Shot,
    ShotKind,
    SongAnalysis,
)
from bridge.cover.cube import write_cube
from bridge.render import render
from bridge.render.blender import Farm
from bridge.render.edit import build_edit
from bridge.render.encode import encode
from bridge.render.join import excerpt_samples, join
from bridge.render.segments import Output, Segment, render_segments
from bridge.song.audio import Audio, write_wav
from scripts.measuring import figure, parser

FPS = Fraction(24)
SHOTS = 8
HOLD_ROUNDS = 3
CURVE = np.linspace(0, 1, 33)
GRADE = Grade(
    matrix=(0.90, 0.08, 0.02, 0.03, 0.92, 0.05, 0.02, 0.06, 0.92),
    curves=(tuple(CURVE**0.9 * 0.95 + 0.02), tuple(CURVE**1.1), tuple(np.clip(CURVE * 1.1 - 0.03, 0, 1))),
)


@dataclass(frozen=True)
class Cost:
    """What one run took."""

    wall_s: float
    cpu_s: float
    peak_bytes: int
    """of all processes together"""


@dataclass(frozen=True)
class Material:
    """What every way renders."""

    folder: Path
    plan: EditPlan
    clips: dict[str, Path]
    song: Path
    workers: int | None


def main() -> None:
    """Runs the rounds and prints the table and the figures."""
    options = parse()
    with tempfile.TemporaryDirectory() as folder:
        if options.holds:
            measure_holds(Path(folder), options)
            return
        if options.memory:
            measure_memory(Path(folder), options)
            return
        material = make_material(Path(folder), options)
        costs: dict[str, list[Cost]] = {}
        for number in range(options.rounds):
            for name, cost in one_round(material, number):
                costs.setdefault(name, []).append(cost)
                print(f"{name:22} {cost.wall_s:7.1f} s wall {cost.cpu_s:7.1f} s CPU {cost.peak_bytes / 1e9:5.2f} GB")
        for name in ("render", "by Blender"):
            likeness_db = psnr(material.folder / "ffmpeg.mp4", material.folder / f"{name}.mp4")
            print(f"PSNR of {name} to ffmpeg: {likeness_db:.1f} dB")
    print_figures(costs)


def parse() -> argparse.Namespace:
    """The options; `--quick` is a few small frames, once."""
    command = parser(__doc__)
    command.add_argument("--size", default="1024x576", help="of the clips; the output is 1920x1080")
    command.add_argument("--frames", type=int, default=90, help="per shot")
    command.add_argument("--rounds", type=int, default=2)
    command.add_argument("--workers", type=int)
    command.add_argument("--holds", action="store_true", help="measure what a rest costs, and nothing else")
    command.add_argument("--memory", type=int, metavar="S", help="measure the peak of S seconds, and nothing else")
    options = command.parse_args()
    options.output = (1920, 1080)
    if options.quick:
        options.frames, options.rounds, options.output = 6, 1, (640, 360)
    options.size = tuple(int(number) for number in options.size.split("x"))
    return options


def measure_holds(folder: Path, options: argparse.Namespace) -> None:
    """One shot that rests for 2 s and then moves for 10 frames: each part rendered alone, by a Blender that is warm."""
    resting, moving = round(2 * FPS), 10
    options.frames = resting + moving
    material = make_material(folder, options, shots=1, resting=resting)
    size = Output(material.plan.width_px, material.plan.height_px, FPS)
    waits_s: dict[int, list[float]] = {resting: [], moving: []}
    with Farm(None, folder) as farm:
        build_edit(
            farm, material.plan, *analysis_and_look(), material.clips, material.song, folder / "edit.blend", None
        )
        for _ in range(1 + HOLD_ROUNDS):
            for length in waits_s:
                for path in (folder / "segments").glob("*.mp4"):
                    if frame_count(path) == length:
                        path.unlink()
                started = time.monotonic()
                render_segments(farm, folder / "edit.blend", folder, size, workers=1, on_progress=unheard)
                waits_s[length].append(time.monotonic() - started)
    for length, (_, *measured_s) in waits_s.items():  # the first began with nothing
        print(f"{length:3} frames: {', '.join(f'{wait_s:.2f}' for wait_s in measured_s)} s")
    ratio = statistics.median(waits_s[resting][1:]) / statistics.median(waits_s[moving][1:])
    figure("hold_vs_ten_frames", ratio, "ratio")


def unheard(progress: float, stage: str) -> None:
    """Nobody is listening."""


def measure_memory(folder: Path, options: argparse.Namespace) -> None:
    """All processes together, while a video at 60 frames per second is made."""
    fps = Fraction(60)
    options.frames = round(options.memory * fps) // SHOTS
    material = make_material(folder, options, fps=fps)
    cost = measured(lambda: ours(material, folder / "video.mp4", folder / "work"))
    print(f"{material.plan.frame_count} frames: {cost.wall_s:.0f} s wall, {cost.cpu_s:.0f} s CPU")
    figure("long_render_peak_memory", cost.peak_bytes / 1e9, "GB")


def one_round(material: Material, number: int) -> Iterator[tuple[str, Cost]]:
    """Every way once, each from nothing."""
    folder = material.folder
    yield "ffmpeg", measured(lambda: reference(material, folder / "ffmpeg.mp4"))
    work = folder / f"work{number}"
    yield "render", measured(lambda: ours(material, folder / "render.mp4", work))
    changed = dataclasses.replace(material, clips={**material.clips, "s04": folder / "other.mp4"})
    yield "one shot changed", measured(lambda: ours(changed, folder / "changed.mp4", work))
    drawn = folder / f"drawn{number}"
    yield "by Blender", measured(lambda: ours(material, folder / "by Blender.mp4", drawn, by_blender=True))


def measured(run: Callable[[], None]) -> Cost:
    """Runs it, with its own and its children's cost."""
    stop, peak = threading.Event(), [0]

    def watch() -> None:
        own = psutil.Process()
        while not stop.wait(0.2):
            peak[0] = max(peak[0], resident(own))

    watcher = threading.Thread(target=watch)
    watcher.start()
    cpu_s, wall_s = cpu_seconds(), time.monotonic()
    try:
        run()
    finally:
        stop.set()
        watcher.join()
    return Cost(time.monotonic() - wall_s, cpu_seconds() - cpu_s, peak[0])


def resident(own: psutil.Process) -> int:
    """Bytes of memory of this process and its children; what the children share, such as Blender's code, once."""
    private, shared = own.memory_info().rss, [0]
    for child in own.children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):  # it has just ended
            memory = child.memory_info()
            shared.append(getattr(memory, "shared", 0))
            private += memory.rss - shared[-1]
    return private + max(shared)


def cpu_seconds() -> float:
    """Of this process and its finished children."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def ours(material: Material, output: Path, work_dir: Path, *, by_blender: bool = False) -> None:
    """The product's own way, from clips to the finished file."""
    arguments = (material.plan, *analysis_and_look(), material.clips, material.song, output)
    render(*arguments, work_dir=work_dir, workers=material.workers, by_blender=by_blender)


def analysis_and_look() -> tuple[SongAnalysis, CoverLook]:
    """Of no song and no cover, but with the grade."""
    energy = EnergyCurve(0.5, (0.5,))
    analysis = SongAnalysis("0" * 64, 60.0, 120.0, 4, (), (), energy, None, (), 1.0, "none-1")
    return analysis, CoverLook("0" * 64, (), (), GRADE)


def reference(material: Material, output: Path) -> None:
    """ffmpeg's way: concatenate, scale, lut3d, x264, AAC."""
    plan, cube = material.plan, material.folder / "grade.cube"
    write_cube(GRADE, cube)
    if not shutil.which("ffmpeg"):
        reference_by_pyav(material, cube, output)
        return
    listing = material.folder / "clips.txt"
    listing.write_text("".join(f"file '{path}'\n" for path in material.clips.values()))
    inputs = [
        "-f",
        "concat",
        "-safe",
        "0",
        "-i",
        str(listing),
        "-ss",
        str(plan.excerpt.start_s),
        "-i",
        str(material.song),
    ]
    size = f"{plan.width_px}:{plan.height_px}"
    scale = f"scale={size}:flags=bilinear:in_color_matrix=bt709"
    filters = f"{scale},lut3d={cube},scale=out_color_matrix=bt709,format=yuv420p"
    video = [
        "-c:v",
        "libx264",
        *(part for item in DELIVERABLE.options(FPS).items() for part in (f"-{item[0]}", item[1])),
    ]
    audio = ["-c:a", "aac", "-b:a", f"{AUDIO_KBIT_PER_S}k", "-ar", str(SAMPLE_RATE_HZ), "-shortest"]
    command = [
        "ffmpeg",
        "-v",
        "error",
        "-y",
        *inputs,
        "-vf",
        filters,
        *video,
        *audio,
        "-movflags",
        "+faststart",
        str(output),
    ]
    subprocess.run(command, check=True)


def reference_by_pyav(material: Material, cube: Path, output: Path) -> None:
    """The same filters and encoders, without the program."""
    plan, picture = material.plan, material.folder / "picture.mp4"
    graph = None

    def frames() -> Iterator[av.VideoFrame]:
        nonlocal graph
        for path in material.clips.values():
            with av.open(str(path)) as container:
                container.streams.video[0].thread_type = "AUTO"
                for frame in container.decode(video=0):
                    if graph is None:
                        graph = av.filter.Graph()
                        graph.link_nodes(
                            graph.add_buffer(
                                width=frame.width, height=frame.height, format=frame.format, time_base=1 / FPS
                            ),
                            graph.add("scale", w=str(plan.width_px), h=str(plan.height_px), flags="bilinear"),
                            graph.add("lut3d", file=str(cube)),
                            graph.add("format", pix_fmts="yuv420p"),
                            graph.add("buffersink"),
                        ).configure()
                    frame.pts = None
                    graph.push(frame)
                    yield graph.vpull()

    encode(frames(), picture, FPS)
    sound = excerpt_samples(material.song, plan.excerpt, plan.frame_count / FPS)
    join([Segment(0, plan.frame_count, picture)], FPS, sound, output)


def make_material(
    folder: Path, options: argparse.Namespace, *, shots: int = SHOTS, resting: int = 0, fps: Fraction = FPS
) -> Material:
    """Clips of moving texture, one more to change to, and noise.

    Args:
        shots: how many clips.
        resting: how many frames each clip rests before it moves.
    """
    folder.mkdir(parents=True, exist_ok=True)
    width, height = options.output
    listed = tuple(
        Shot(f"s{i:02}", i * options.frames, options.frames, 2, ShotKind.MOTION, Framing.WIDE, resting, "", "", i, 100)
        for i in range(shots)
    )
    length_s = shots * options.frames / float(fps)
    plan = EditPlan("0" * 64, "0" * 64, Excerpt(1.25, 1.25 + length_s, False), fps, width, height, listed)
    clips = {shot.id: make_clip(folder / f"{shot.id}.mp4", options, shot.seed, resting, fps) for shot in listed}
    make_clip(folder / "other.mp4", options, shots, resting, fps)
    noise = np.random.default_rng(0).normal(0, 0.1, (round((length_s + 3) * SAMPLE_RATE_HZ), 2)).astype(np.float32)
    write_wav(Audio(noise, SAMPLE_RATE_HZ), folder / "song.wav")
    return Material(folder, plan, clips, folder / "song.wav", options.workers)


def make_clip(path: Path, options: argparse.Namespace, seed: int, resting: int, fps: Fraction) -> Path:
    """A slow pan over soft shapes with a little grain, at the quality of a generated clip."""
    import cv2

    width, height = options.size
    rng = np.random.default_rng(seed)
    shapes = cv2.GaussianBlur(rng.random((height // 8 + 30, width // 8 + 30, 3)).astype(np.float32), (0, 0), 3)
    shapes = cv2.resize(shapes, (width + 240, height + 240), interpolation=cv2.INTER_CUBIC)
    shapes = (shapes - shapes.min()) / (shapes.max() - shapes.min()) * 225 + 15 + rng.normal(0, 3, shapes.shape)
    texture = np.clip(shapes, 0, 255).astype(np.uint8)

    def frames() -> Iterator[av.VideoFrame]:
        for i in (max(0, index - resting) for index in range(options.frames)):
            x, y = 2 * i % 240, i % 240
            view = np.ascontiguousarray(texture[y : y + height, x : x + width])
            frame = av.VideoFrame.from_ndarray(view, format="rgb24")
            yield frame.reformat(format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG")

    encode(frames(), path, fps, CLIP)
    return path


def psnr(one: Path, other: Path) -> float:
    """Of the luma, over all frames."""
    squares = []
    with av.open(str(one)) as first, av.open(str(other)) as second:
        for a, b in zip(first.decode(video=0), second.decode(video=0), strict=True):
            planes = [np.frombuffer(bytes(frame.planes[0]), np.uint8).astype(np.float32) for frame in (a, b)]
            squares.append(float(((planes[0] - planes[1]) ** 2).mean()))
    return 10 * float(np.log10(255**2 / max(np.mean(squares), 1e-9)))


def print_figures(costs: dict[str, list[Cost]]) -> None:
    """The ratios, each the median over the rounds of what one round gave."""

    def ratio(part: str, whole: str, of: str) -> float:
        pairs = zip(costs[part], costs[whole], strict=True)
        return statistics.median(getattr(a, of) / getattr(b, of) for a, b in pairs)

    figure("render_vs_ffmpeg", ratio("render", "ffmpeg", "wall_s"), "ratio")
    figure("by_blender_vs_ffmpeg", ratio("by Blender", "ffmpeg", "wall_s"), "ratio")
    figure("rerender_ratio", ratio("one shot changed", "render", "wall_s"), "ratio")
    figure("render_vs_ffmpeg_cpu", ratio("render", "ffmpeg", "cpu_s"), "ratio")
    figure("by_blender_vs_ffmpeg_cpu", ratio("by Blender", "ffmpeg", "cpu_s"), "ratio")
    figure(
        "render_peak_memory",
        max(cost.peak_bytes for name in ("render", "by Blender") for cost in costs[name]) / 1e9,
        "GB",
    )


if __name__ == "__main__":
    main()
