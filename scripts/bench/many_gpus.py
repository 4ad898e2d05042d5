# SPDX-License-Identifier: GPL-3.0-or-later
"""Shots per minute on all GPUs of this machine over one GPU's, from request to finished clip, through the queue.

Stable Diffusion XL's keyframes brought to life by Stable Video Diffusion, at full size with random weights, by the very
workers that a user's shots go through. They load their models on shots of their own first, which don't count; compiled
code is used if `one_gpu.py` or an earlier session left it on disk.

    python scripts/bench/many_gpus.py                  # workers of this machine
    python scripts/bench/many_gpus.py --ray            # the same through a Ray cluster of this machine
    python scripts/bench/many_gpus.py --tiny           # on the CPU with tiny networks: does it run?

Figures: gpu_shots_per_minute_one and _all, gpu_two_over_one (their ratio, whatever the number of GPUs), and
gpu_idle_share_one and _all: of each GPU between the first moment it computes and the last, by the driver's own count.
"""

import contextlib
import functools
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from blender_addon.core.types import Clip, ClipRequest, JobState
from bridge.clips.base import Work
from bridge.common.store import Store
from bridge.jobs import devices
from bridge.jobs.dispatcher import Dispatcher
from bridge.jobs.executor import Device, DeviceKind
from bridge.jobs.local import LocalExecutor
from bridge.jobs.queue import JobQueue, Submission
from bridge.jobs.speeds import Speeds
from scripts.bench import engines
from scripts.measuring import ROOT, figure, parser

ENGINE = "svd"
MODELS = "BEATBOARD_BENCH_MODELS"
"""tells the workers where the tiny models' folders are"""
WARMING_STEPS = "1"


def make_clip(request: ClipRequest, store: Store, work: Work) -> Clip:
    """`bridge.clips.make_clip.make_clip` with large networks in place of the tiny ones. Runs in the workers."""
    from bridge.clips import make_clip

    with world().taking_over():
        return make_clip.make_clip(request, store, work)


@functools.cache
def world() -> engines.World:
    """A worker's."""
    engines.quiet()
    folder, _, tiny = os.environ[MODELS].partition("|")
    made = engines.World(Path(folder), is_tiny=bool(tiny))
    made.options(engines.SUBJECTS[ENGINE])
    return made


class Studio:
    """A queue and its workers, which stay between batches."""

    def __init__(self, root: Path, workers: Sequence[Device], through_ray: bool) -> None:
        self.store = Store(root)
        self.workers = workers
        self._jobs = JobQueue(None)
        self._dispatcher = Dispatcher(self._jobs, Speeds(root / "speeds.db"))
        name = "scripts.bench.many_gpus:make_clip"
        if through_ray:
            from bridge.jobs.ray_executor import RayExecutor

            self._executor: Any = RayExecutor(self.store, "local", self._dispatcher.on_event, make_clip=name)
        else:
            self._executor = LocalExecutor(root, workers, self._dispatcher.on_event, make_clip=name)

    def seconds(self, requests: Sequence[ClipRequest]) -> float:
        """How long these take."""
        submissions = [Submission.new(request, self.workers[0].kind) for request in requests]
        started_s = time.perf_counter()
        self._jobs.submit(submissions)
        self._dispatcher.run(self._executor, until_idle=True)
        took_s = time.perf_counter() - started_s
        jobs = [self._jobs.get(submission.id) for submission in submissions]
        assert all(job.state is JobState.DONE for job in jobs), jobs
        return took_s

    def close(self) -> None:
        """Ends the workers."""
        self._executor.close()
        self._jobs.close()
        self.store.close()


@contextlib.contextmanager
def watched(gpus: set[int], seen: dict[int, list[float]]) -> Iterator[None]:
    """Appends how busy each of these GPUs is, 0-1, ten times a second, while the block runs."""
    which = ",".join(map(str, sorted(gpus)))
    command = ["nvidia-smi", f"--id={which}", "--query-gpu=index,utilization.gpu", "--format=csv,noheader,nounits"]
    command += ["-lms", "100"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        lines = iter(process.stdout.readline, "")

        def read() -> None:
            for index, percent in map(str.split, (line.replace(",", " ") for line in lines)):
                seen.setdefault(int(index), []).append(float(percent) / 100)

        reader = threading.Thread(target=read)
        reader.start()
        try:
            yield
        finally:
            process.terminate()
            reader.join()


def idle_share(busy: Sequence[float]) -> float:
    """Of the time between the first busy moment and the last: before and after there is no shot to go on with."""
    at_work = [i for i, share in enumerate(busy) if share > 0]
    return 1 - statistics.mean(busy[at_work[0] : at_work[-1] + 1]) if at_work else 0.0


def shots_per_minute(
    workers: Sequence[Device], requests: Sequence[ClipRequest], through_ray: bool, report: Callable[[str], None]
) -> tuple[float, float]:
    """The rate, and the GPUs' mean idle share."""
    with tempfile.TemporaryDirectory() as folder:
        studio = Studio(Path(folder), workers, through_ray)
        try:
            cover = studio.store.put(ROOT / "examples" / "cover.jpg")
            requests = [replace(request, cover_sha256=cover) for request in requests]
            options = dict(requests[0].options) | {"steps": WARMING_STEPS, "painter_steps": WARMING_STEPS}
            warming = [replace(r, options=tuple(sorted(options.items()))) for r in requests[: len(workers)]]
            report(f"{len(workers)} workers loaded in {studio.seconds(warming):.0f} s")
            busy: dict[int, list[float]] = {}
            gpus = {worker.index for worker in workers if worker.kind is DeviceKind.GPU}
            with watched(gpus, busy) if gpus else contextlib.nullcontext():
                took_s = studio.seconds(requests)
            report(f"{len(requests)} shots in {took_s:.1f} s")
            return 60 * len(requests) / took_s, statistics.mean(map(idle_share, busy.values())) if busy else 0.0
        finally:
            studio.close()


def storyboard(count: int, options: dict[str, str]) -> list[ClipRequest]:
    """So many shots of two seconds."""
    six = engines.storyboard(engines.SUBJECTS[ENGINE], options, "")
    return [replace(six[1], shot_id=f"s{i + 1:02d}", seed=i, prompt=f"{six[1].prompt} {i}") for i in range(count)]


def main() -> None:
    """Prints the figures."""
    command = parser(__doc__, wants_gpu=True)
    command.add_argument("--shots", type=int, default=8, help="per GPU")
    command.add_argument("--steps", type=int, default=25, help="of the animator; the painter takes twice as many")
    command.add_argument("--ray", action="store_true")
    command.add_argument("--compile", default="yes", choices=("yes", "no"), help="use the networks' compiled code")
    given = command.parse_args()
    each, steps = (1, 1) if given.quick else (given.shots, given.steps)
    report: Callable[[str], None] = lambda line: print(line, flush=True)  # noqa: E731
    engines.quiet()
    with tempfile.TemporaryDirectory() as folder:
        os.environ[MODELS] = folder + ("|tiny" if given.tiny else "")
        options = world().options(engines.SUBJECTS[ENGINE])
        options |= {"compile": given.compile, "steps": str(steps), "painter_steps": str(2 * steps)}
        if given.tiny:
            options |= {"scale": "0.1", "painter_scale": "0.1"}
        every = devices.cpus(2) if given.tiny else list(devices.gpu_workers())
        one = [worker for worker in every if worker.index == every[0].index]
        count = len({worker.index for worker in every})
        rates = {}
        for name, workers in {"one": one, **({"all": every} if count > 1 else {})}.items():
            shots = storyboard(each * len({worker.index for worker in workers}), options)
            rates[name], idle = shots_per_minute(workers, shots, given.ray and name == "all", report)
            figure(f"gpu_shots_per_minute_{name}", rates[name], "1/min")
            figure(f"gpu_idle_share_{name}", idle, "ratio")
    if "all" in rates:
        figure("gpu_two_over_one", rates["all"] / rates["one"], "ratio")
    figure("gpus_used", count, "GPUs")


if __name__ == "__main__":
    main()
