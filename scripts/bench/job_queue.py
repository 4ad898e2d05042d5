# SPDX-License-Identifier: GPL-3.0-or-later
"""The queue under load: eight clients, a history of 100,000 jobs, 10,000 queued ones, and the start of the bridge.

    python scripts/bench/job_queue.py [--quick]

Figures: `queue_p99_growth` (p99 of a list, of what changed or of what is queued, at the full history over that at 100
jobs; interleaved, so that a busy machine slows both), `queue_lost_updates`, `bridge_overhead_ms` per shot,
`queued_p99_ms` (of the slowest route with 10,000 jobs queued; a line for each route goes before), `unread_growth_mib`
(of the bridge's memory, by 12 clients that ask for 60 jobs of 0.9 MB each and don't read), `start_ratio` (start of
the bridge to its first answer over an empty FastAPI application's, alternating).
"""

import dataclasses
import json
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import psutil

from blender_addon.client.client import Client
from blender_addon.client.process import BridgeProcess, Installation
from blender_addon.core import codec
from blender_addon.core.types import Clip, ClipRequest, Job, JobState
from bridge.jobs.executor import DeviceKind
from bridge.jobs.queue import JobQueue, Submission
from scripts.measuring import ROOT, clip_request, figure, parser

CLIENTS = 8
RECENT = 20
EMPTY_APP = """
import sys, uvicorn
from fastapi import FastAPI
app = FastAPI()
@app.get("/health")
def health(): return {}
uvicorn.run(app, port=int(sys.argv[1]), log_level="error")
"""
BRIDGE = """
import sys
from pathlib import Path
from bridge.server.serve import Listening, serve
serve(Listening(port=int(sys.argv[1]), token="t"), home=Path(sys.argv[2]), say=lambda line: None)
"""


def make_clip(request: ClipRequest, store, work) -> Clip:
    """As an engine that takes no time: what is left is the bridge's own cost. Runs in the worker."""
    for step in range(10):
        work.report(step / 10, "painting")
    sha256 = store.put_bytes(request.shot_id.encode())
    return Clip(sha256, request, request.frame_count, request.fps, request.width_px, request.height_px, 1e-3, 0.0)


def request(name: str, cover: str = "c" * 64) -> ClipRequest:
    """A shot like any other."""
    prompt = "a lone figure in a vast open landscape, deep teal, warm amber light, cinematic film still, fine grain"
    return clip_request(name, prompt=prompt, cover_sha256=cover, energy=tuple(i / 32 for i in range(32)))


def fill(home: Path, count: int) -> None:
    """Makes a history of so many finished jobs, through the queue's own code."""
    home.mkdir()
    queue = JobQueue(home / "jobs.db")
    queue._db.execute("PRAGMA wal_autocheckpoint = 20000")
    for first in range(0, count, 1000):
        names = [f"h{i}" for i in range(first, min(first + 1000, count))]
        with queue._lock:
            queue.submit([Submission(request(name), DeviceKind.CPU, name) for name in names])
            finish_all(queue, names)
    queue.close()


def finish_all(queue: JobQueue, names: list[str]) -> None:
    """Ends these jobs in one transaction: a hundred thousand single ones would only measure the disk."""
    one = request("h")
    clip = codec.dumps(Clip("a" * 64, one, 48, one.fps, 1920, 1080, 5.0, 20.0))
    with queue._writing() as db:
        for name in names:
            db.execute(
                "UPDATE jobs SET state = 'done', clip = ?, attempts = 1, revision = ? WHERE id = ?",
                (clip, queue._next_revision(), name),
            )


class Bench:
    """A bridge with a history."""

    def __init__(self, home: Path, history: int) -> None:
        fill(home, history)
        self.process = BridgeProcess(
            Installation(Path(sys.executable), ROOT, home), make_clip="scripts.bench.job_queue:make_clip"
        )
        self.client = self.process.ensure()
        (home / "cover").write_bytes(b"cover")
        self.cover = self.client.upload(home / "cover")
        self.client.pause(True)
        self.since = self.client.jobs(2**53).revision

    def change_some(self) -> None:
        """Makes the changes that `list_latencies_s` asks for."""
        names = [f"r{i}" for i in range(RECENT)]
        self.client.submit([request(name, self.cover) for name in names], names)

    def list_latencies_s(self, calls: int) -> list[float]:
        """How long it takes to ask for the last few changes, or for what is queued, as a panel does it."""
        taken = []
        for call in range(calls):
            started = time.perf_counter()
            page = self.client.jobs(self.since) if call % 2 else self.client.jobs(states=[JobState.QUEUED])
            taken.append(time.perf_counter() - started)
            assert len(page.jobs) == RECENT
        return taken


def p99(values: list[float]) -> float:
    """The 99th percentile."""
    return statistics.quantiles(values, n=100)[98]


def growth(folder: Path, history: int, rounds: int, calls: int) -> tuple[float, float, float]:
    """The ratio of the p99s, and both, in seconds."""
    benches = [Bench(folder / "small", 100), Bench(folder / "large", history)]
    for bench in benches:
        bench.change_some()
    taken: list[list[float]] = [[], []]
    for _ in range(rounds):
        for index, bench in enumerate(benches):
            taken[index] += bench.list_latencies_s(calls)
    for bench in benches:
        bench.process.stop()
    small, large = map(p99, taken)
    return large / small, small, large


def under_load(folder: Path, count: int) -> tuple[int, float]:
    """Eight clients submit and cancel, one follows. Updates lost to the follower, and seconds per shot made."""
    bench = Bench(folder / "load", 0)
    names = [f"n{i}" for i in range(count)]
    picture: dict[str, Job] = {}

    def submit(mine: list[str]) -> None:
        client = Client(bench.client.url, bench.client._token)
        for name in mine:
            client.submit([request(name, bench.cover)], [name])
            if int(name[1:]) % 10 == 0:
                client.cancel(name)

    def follow() -> None:
        since = 0
        while sum(job.state in (JobState.DONE, JobState.CANCELLED) for job in picture.values()) < count:
            page = bench.client.jobs(since, wait_s=10)
            since = page.revision
            picture.update((job.id, job) for job in page.jobs)

    follower = threading.Thread(target=follow)
    clients = [threading.Thread(target=submit, args=(names[i::CLIENTS],)) for i in range(CLIENTS)]
    for thread in [follower, *clients]:
        thread.start()
    for thread in clients:
        thread.join()
    started = time.perf_counter()
    bench.client.pause(False)
    follower.join()
    seconds = time.perf_counter() - started
    lost = sum(bench.client.job(name) != picture.get(name) for name in names)
    bench.process.stop()
    return lost, seconds / (count * 0.9)


def routes_at(folder: Path, count: int, calls: int) -> dict[str, float]:
    """The p99 of each route, in seconds, with so many jobs queued."""
    bench = Bench(folder / "queued", 0)
    client = bench.client
    names = [f"q{i}" for i in range(count)]
    for first in range(0, count, 1000):
        part = names[first : first + 1000]
        client.submit([request(name, bench.cover) for name in part], part)
    since = client.jobs(2**53).revision - RECENT
    one = [request("new", bench.cover)]
    routes: dict[str, Callable[[int], object]] = {
        "GET /health": lambda _: client.health(),
        "GET /queue": lambda _: client.queue(),
        "PUT /queue": lambda _: client.pause(True),
        "POST /queue/first": lambda i: client.put_first(names[i : i + RECENT]),
        "GET /jobs": lambda _: client.jobs(since, limit=RECENT),
        "GET /jobs (queued)": lambda _: client.jobs(states=[JobState.QUEUED, JobState.RUNNING], limit=RECENT),
        "GET /jobs/{id}": lambda i: client.job(names[-i - 1]),
        "GET /jobs/{id}/preview": lambda i: client.preview(names[i]),
        "POST /jobs": lambda i: client.submit(one, [f"n{i}"]),
        "POST /jobs/{id}/cancel": lambda i: client.cancel(names[i]),
        "POST /jobs/{id}/retry": lambda i: client.retry(names[i]),
        "DELETE /jobs/{id}": lambda i: (client.cancel(f"n{i}"), client.delete(f"n{i}")),
        "POST /estimates": lambda _: client.estimate(one),
        "PUT /pins": lambda _: client.hold("blend", [bench.cover]),
        "HEAD /files": lambda _: client.has_file(bench.cover),
    }
    taken = {name: [timed(route, i) for i in range(calls)] for name, route in routes.items()}
    bench.process.stop()
    return {name: p99(values) for name, values in taken.items()}


def timed(call: Callable[[int], object], number: int) -> float:
    """How long one call takes, in seconds."""
    started = time.perf_counter()
    call(number)
    return time.perf_counter() - started


def unread_growth_bytes(folder: Path, clients: int, jobs: int) -> int:
    """How much the bridge grows by clients that ask for large jobs and don't read the answers."""
    bench = Bench(folder / "unread", 0)
    energy = tuple(i / 40_007 for i in range(40_000))  # as long as a request may be
    large = dataclasses.replace(request("large", bench.cover), energy=energy, prompt="x" * 20_000)
    for i in range(jobs):
        bench.client.submit([large], [f"l{i}"])
    bridge = psutil.Process(json.loads((folder / "unread" / "bridge.json").read_text())["pid"])
    before = bridge.memory_info().rss
    head = f"GET /jobs HTTP/1.1\r\nHost: 127.0.0.1:{bench.client._port}\r\nAuthorization: Bearer {bench.client._token}"
    asking = [socket.create_connection(("127.0.0.1", bench.client._port)) for _ in range(clients)]
    for connection in asking:
        connection.sendall(f"{head}\r\n\r\n".encode())
    largest = before
    for _ in range(30):
        time.sleep(0.1)
        largest = max(largest, bridge.memory_info().rss)
    for connection in asking:
        connection.close()
    bench.process.stop()
    return largest - before


def start_s(program: str, folder: Path) -> float:
    """From starting the process to its first answer on /health."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    started = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-c", program, str(port), str(folder)], cwd=ROOT)
    asked = urllib.request.Request(f"http://127.0.0.1:{port}/health", headers={"Authorization": "Bearer t"})
    while True:
        try:
            urllib.request.urlopen(asked).read()
            break
        except OSError:
            time.sleep(0.005)
    taken = time.perf_counter() - started
    process.terminate()
    process.wait()
    return taken


def main() -> None:
    """Prints the figures."""
    quick = parser(__doc__).parse_args().quick
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ratio, small, large = growth(folder, 5_000 if quick else 100_000, 5, 50 if quick else 400)
        print(f"list: p99 {small * 1e3:.2f} ms at 100 jobs, {large * 1e3:.2f} ms at the full history")
        lost, per_shot = under_load(folder, 50 if quick else 1000)
        routes = routes_at(folder, 1000 if quick else 10_000, 30 if quick else 200)
        for route, seconds in routes.items():
            print(f"{route}: p99 {seconds * 1e3:.1f} ms")
        grown = unread_growth_bytes(folder, *((4, 10) if quick else (12, 60)))
        starts = [(start_s(EMPTY_APP, folder), start_s(BRIDGE, folder / "start")) for _ in range(2 if quick else 9)]
    figure("queue_p99_growth", ratio, "ratio")
    figure("queue_lost_updates", lost, "jobs")
    figure("bridge_overhead_ms", per_shot * 1e3, "ms")
    figure("queued_p99_ms", max(routes.values()) * 1e3, "ms")
    figure("unread_growth_mib", grown / 2**20, "MiB")
    figure("start_ratio", statistics.median(own / empty for empty, own in starts), "ratio")


if __name__ == "__main__":
    main()
