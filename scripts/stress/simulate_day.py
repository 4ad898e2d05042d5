# SPDX-License-Identifier: GPL-3.0-or-later
"""A day of many shots on clusters of several sizes: what it takes, how long editors wait, what it costs.

    python scripts/stress/simulate_day.py [--quick] --shots 1000 --seconds-per-shot 20.9 --price-per-hour 3.0

Discrete events, with the queue's own rules: first come, first served; a crash is retried twice, lost nodes come back.
Times come from the command line, prices too: measure yours. Nothing here is random but by its seed.
"""

import heapq
import random
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from bridge.jobs.dispatcher import RETRIES_AFTER_CRASH
from scripts.measuring import figure, parser

HOUR_S = 3600.0


@dataclass(frozen=True)
class Day:
    """What comes in, and what can go wrong."""

    shots: int
    seconds_per_shot: float
    """on one GPU, with the model loaded"""
    spread: float
    """standard deviation over mean of that time"""
    load_s: float
    """to load the model, at a worker's start"""
    overhead_s: float
    """the bridge's own time per shot, which is serial"""
    working_hours: float
    """within which the batches come in"""
    batch: int
    """shots in one batch"""
    crash_share: float
    """of attempts that end a worker"""
    node_loss_per_hour: float
    """per GPU"""
    node_back_s: float


@dataclass(frozen=True)
class Outcome:
    """How the day went on so many GPUs."""

    gpus: int
    done: int
    failed: int
    hours: float
    """until the last shot"""
    wait_p50_s: float
    """from a batch's arrival to its last shot"""
    wait_p95_s: float
    busy_share: float
    """of the GPU time of the working hours or, if it took longer, of the whole"""
    bridge_share: float


def simulate(day: Day, gpus: int, seed: int) -> Outcome:
    """Runs the day."""
    rng = random.Random(seed)
    arrivals = sorted(rng.uniform(0, day.working_hours * HOUR_S) for _ in range(0, day.shots, day.batch))
    queue = [(arrival, batch, 0) for batch, arrival in enumerate(arrivals) for _ in range(_size(day, batch))]
    heapq.heapify(queue)
    free_at = [(0.0, gpu) for gpu in range(gpus)]
    cold = set(range(gpus))
    lost_at = [_lifetime(rng, day) for _ in range(gpus)]
    bridge_free_at = busy_s = 0.0
    ends: dict[int, float] = {}
    done = failed = 0
    while queue:
        ready_at, batch, attempt = heapq.heappop(queue)
        gpu_at, gpu = heapq.heappop(free_at)
        bridge_free_at = start = max(ready_at, gpu_at, bridge_free_at) + day.overhead_s
        work_s = max(1.0, rng.gauss(day.seconds_per_shot, day.spread * day.seconds_per_shot))
        work_s += day.load_s if gpu in cold else 0.0
        cold.discard(gpu)
        end = start + work_s
        if lost_at[gpu] < end:  # the node goes: the shot is done again elsewhere, and that is no crash of its own
            lost = max(start, lost_at[gpu])
            busy_s += lost - start
            lost_at[gpu] = lost + day.node_back_s + _lifetime(rng, day)
            cold.add(gpu)
            heapq.heappush(free_at, (lost + day.node_back_s, gpu))
            heapq.heappush(queue, (lost, batch, attempt))
            continue
        if rng.random() < day.crash_share:
            end = start + rng.random() * work_s
            cold.add(gpu)
            if attempt < RETRIES_AFTER_CRASH:
                heapq.heappush(queue, (end, batch, attempt + 1))
            else:
                failed += 1
        else:
            done += 1
        busy_s += end - start
        ends[batch] = max(ends.get(batch, 0.0), end)
        heapq.heappush(free_at, (end, gpu))
    waits = sorted(ends[batch] - arrivals[batch] for batch in ends)
    last = max(ends.values())
    span = max(last, day.working_hours * HOUR_S)
    return Outcome(
        gpus,
        done,
        failed,
        last / HOUR_S,
        statistics.median(waits),
        waits[min(len(waits) - 1, int(0.95 * len(waits)))],
        busy_s / (gpus * span),
        day.overhead_s * day.shots / span,
    )


def _size(day: Day, batch: int) -> int:
    return min(day.batch, day.shots - batch * day.batch)


def _lifetime(rng: random.Random, day: Day) -> float:
    return rng.expovariate(day.node_loss_per_hour / HOUR_S) if day.node_loss_per_hour else float("inf")


def main() -> None:
    """Prints a row per cluster size."""
    command = parser(__doc__)
    command.add_argument("--shots", type=int, default=1000)
    command.add_argument("--seconds-per-shot", type=float, default=20.9)
    command.add_argument("--load", type=float, default=30.0, help="seconds to load a model")
    command.add_argument("--overhead", type=float, default=0.03, help="the bridge's seconds per shot")
    command.add_argument("--working-hours", type=float, default=8.0)
    command.add_argument("--batch", type=int, default=20)
    command.add_argument("--crashes", type=float, default=0.01, help="share of attempts")
    command.add_argument("--node-losses", type=float, default=0.01, help="per GPU and hour")
    command.add_argument("--price-per-hour", type=float, default=3.0, help="of one GPU")
    command.add_argument("--gpus", type=int, nargs="+", default=[1, 2, 4, 8, 16, 64, 256])
    command.add_argument("--seed", type=int, default=1)
    given = command.parse_args()
    day = Day(
        *(given.shots, given.seconds_per_shot, 0.2, given.load, given.overhead, given.working_hours),
        *(given.batch, given.crashes, given.node_losses, 300.0),
    )
    print(
        "| GPUs | done | failed | last shot after | a batch waits | 95 % | GPUs busy | bridge busy | price per shot |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    outcomes = [simulate(day, gpus, given.seed) for gpus in ([2, 8] if given.quick else given.gpus)]
    for one in outcomes:
        price = one.gpus * max(one.hours, given.working_hours) * given.price_per_hour / max(1, one.done)
        print(
            f"| {one.gpus} | {one.done} | {one.failed} | {one.hours:.1f} h | {one.wait_p50_s / 60:.1f} min |"
            f" {one.wait_p95_s / 60:.1f} min | {one.busy_share:.0%} | {one.bridge_share:.2%} | {price:.2f} |"
        )
    for one in outcomes:
        figure(f"day_wait_p95_{one.gpus}_gpus", one.wait_p95_s, "s")


if __name__ == "__main__":
    main()
