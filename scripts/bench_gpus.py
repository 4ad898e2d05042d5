# SPDX-License-Identifier: GPL-3.0-or-later
"""Shots per minute on all GPUs of this machine over one GPU's, through the queue and its workers.

    python scripts/bench_gpus.py

The shots are a stand-in for a diffusion model: matrix products on the GPU in steps, a picture to the CPU at each step,
a clip's worth of bytes into the store. So it measures what the queue and the workers cost, not a model. Figure
`gpus_speedup`, and per GPU. Both runs alternate. Loading is left out: the clock starts at each worker's first clip.
"""

import argparse
import statistics
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from blender_addon.protocol import Clip, ClipRequest, Framing, Job, JobState, ShotKind
from bridge.engines.base import Work
from bridge.jobs import devices, run_batch
from bridge.store import Store

STEPS = 25
SIDE = 8192
PRODUCTS_PER_STEP = 60
CLIP_BYTES = 8_000_000


def make_clip(request: ClipRequest, store: Store, work: Work) -> Clip:
    """About as long as a short clip takes. Runs in the workers."""
    import torch

    generator = torch.Generator("cuda").manual_seed(request.seed)
    factor = torch.randn(SIDE, SIDE, device="cuda", dtype=torch.bfloat16, generator=generator) / SIDE**0.5
    latent = factor
    for step in range(STEPS):
        for _ in range(PRODUCTS_PER_STEP):
            latent = factor @ latent
        picture = (latent[:576, :1024, None].float().sigmoid() * 255).byte().expand(-1, -1, 3).cpu().numpy()
        work.report(step / STEPS, "animating", picture)
    data = request.shot_id.encode() + latent.view(torch.uint8).flatten()[:CLIP_BYTES].cpu().numpy().tobytes()
    return Clip(store.put_bytes(data), request, 48, request.fps, 1024, 576, 1.0, 0.0)


def shots_per_minute(workers: int, shots: int) -> float:
    """The rate from the first clip of the slowest worker to the last clip."""
    requests = [
        ClipRequest(
            *("stand-in", f"s{i}", ShotKind.MOTION, Framing.WIDE, "", "", i, 80, 48, 0, Fraction(24), 1024, 576),
            cover_sha256="c" * 64,
        )
        for i in range(shots)
    ]
    ends: list[float] = []

    def note(job: Job) -> None:
        if job.state is JobState.DONE:
            ends.append(time.perf_counter())

    with tempfile.TemporaryDirectory() as folder:
        jobs = run_batch(
            requests, Store(Path(folder)), workers=workers, on_update=note, make_clip="scripts.bench_gpus:make_clip"
        )
    assert all(job.state is JobState.DONE for job in jobs), jobs
    return 60 * (shots - workers) / (ends[-1] - ends[workers - 1])


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shots", type=int, default=24, help="per GPU")
    parser.add_argument("--rounds", type=int, default=2)
    given = parser.parse_args()
    count = len(devices.gpus())
    devices.wants_gpu = lambda engine: True  # the stand-in is in no table  # noqa: ARG005
    rates = [
        (shots_per_minute(1, given.shots), shots_per_minute(count, given.shots * count)) for _ in range(given.rounds)
    ]
    for one, every in rates:
        print(f"{one:.1f} shots a minute on one {devices.gpus()[0].model}, {every:.1f} on {count}")
    print(f"figure gpus_speedup {statistics.median(every / one for one, every in rates):.3f} ratio")
    print(f"figure gpus_used {count} GPUs")


if __name__ == "__main__":
    main()
