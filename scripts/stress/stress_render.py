# SPDX-License-Identifier: GPL-3.0-or-later
"""Kills a render at random moments, each time finishes it by a next run, and compares with one that nobody killed.

    python scripts/stress/stress_render.py [--quick] [--kills 50] [--seed 0]

Prints how many resumed renders were identical, frame by frame, and exits with 1 if one was not.
"""

import argparse
import hashlib
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import av

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from scripts.bench import render as bench_render
from scripts.measuring import figure, parser

LONGEST_S = 900


def main() -> int:
    """Runs the kills; 0 if every resumed render is whole and identical."""
    command = parser(__doc__)
    command.add_argument("--kills", type=int, default=50)
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--child", type=Path, nargs=2, help=argparse.SUPPRESS)
    options = command.parse_args()
    if options.child:
        bench_render.ours(material(options.child[0]), options.child[1] / "video.mp4", options.child[1] / "work")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        return kill_and_resume(Path(folder), 2 if options.quick else options.kills, random.Random(options.seed))


def material(folder: Path) -> bench_render.Material:
    """Eight short, small shots; made once."""
    size = argparse.Namespace(output=(320, 180), size=(160, 90), frames=12, workers=2)
    return bench_render.make_material(folder, size)


def kill_and_resume(folder: Path, kills: int, rng: random.Random) -> int:
    """Kills `kills` renders, each somewhere in its own time, and resumes each."""
    started = time.monotonic()
    wanted = render(folder, folder / "whole")
    usual_s = time.monotonic() - started
    identical = 0
    for number in range(kills):
        target = folder / f"killed{number}"
        process = subprocess.Popen(command(folder, target))
        time.sleep(rng.uniform(0, usual_s))
        process.send_signal(signal.SIGKILL)
        process.wait()
        found = render(folder, target)
        identical += found == wanted
        print(f"{number + 1} killed, {identical} identical", flush=True)
        if found != wanted:
            print("other frames:", [i for i, (a, b) in enumerate(zip(found, wanted, strict=False)) if a != b])
    figure("killed_and_identical", identical / kills, "share")
    return 0 if identical == kills else 1


def command(folder: Path, target: Path) -> list[str]:
    """Renders in a process of its own, which can be killed."""
    target.mkdir(exist_ok=True)
    return [sys.executable, __file__, "--child", str(folder), str(target)]


def render(folder: Path, target: Path) -> list[str]:
    """Renders to the end; gives the hash of every frame of picture and sound."""
    subprocess.run(command(folder, target), check=True, timeout=LONGEST_S)
    with av.open(str(target / "video.mp4")) as container:
        return [
            hashlib.sha256(f"{frame.pts}".encode() + frame.to_ndarray().tobytes()).hexdigest()
            for frame in container.decode()
        ]


if __name__ == "__main__":
    sys.exit(main())
