# SPDX-License-Identifier: GPL-3.0-or-later
"""Ten clients at work for an hour while everything goes wrong at random, on loopback only.

    python scripts/stress/soak.py [--minutes 60] [--seed 1] [--quick]

Faults: a worker is stopped (SIGSTOP) or killed, the bridge is killed, a row of the queue is damaged, the disk is full,
clients connect and say nothing, drip or don't read, and the clock that deadlines go by jumps ahead. In the end nothing
that was accepted may be lost, nothing made twice, no process, scratch file or pin left over, and the bridge's memory
may not have grown. Exit code 1 if not.
"""

import contextlib
import errno
import json
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import psutil

from blender_addon.client import process
from blender_addon.client.client import Client, LinkError, Refused
from blender_addon.core.types import Clip, ClipRequest, Job, JobState
from bridge.clips.base import Work
from bridge.common.store import Store
from scripts.measuring import ROOT, clip_request, figure, parser

CLIENTS = 10
BATCH = 5
LONGEST_PAUSE_S = 2.0
MOST_STRANGERS = 40
MOST_GROWTH_MIB = 64
FINAL = (JobState.DONE, JobState.CANCELLED)
HOME = "BEATBOARD_SOAK_HOME"


def make_clip(request: ClipRequest, store: Store, work: Work) -> Clip:
    """A tenth of a second's work, once per shot, as our own `make_clip` holds it. Runs in the workers."""
    with store.making(request.shot_id, lambda: work.report(0.0, "waiting")):
        return store.clip_for(request.shot_id) or made(request, store, work)


def made(request: ClipRequest, store: Store, work: Work) -> Clip:
    """Makes it, and notes who did."""
    home = Path(os.environ[HOME])
    (work.folder / "scratch.bin").write_bytes(b"x" * 10_000)
    for step in range(5):
        work.report(step / 5, "painting")
        time.sleep(0.02)
    if (home / "disk-is-full").exists():
        raise OSError(errno.ENOSPC, "No space left on device")
    clip = Clip(
        store.put_bytes(request.shot_id.encode() * 100), request, request.frame_count, request.fps, 64, 36, 0.1, 0.0
    )
    store.remember(request.shot_id, clip)
    with (home / "made.log").open("a") as log:
        log.write(f"{request.shot_id} {os.getpid()} {time.time():.3f}\n")
    return clip


def run_bridge(home: Path) -> None:
    """The bridge, with a clock and a disk that the soak can reach. Runs in a process of its own."""
    from bridge.common import clock, store
    from bridge.server.serve import serve

    real_now_s, write = clock.now_s, store.Incoming.write
    ahead = home / "clock-ahead"

    def now_s() -> float:
        return real_now_s() + (ahead.stat().st_size if ahead.exists() else 0)

    def write_if_room(incoming: store.Incoming, data: bytes) -> None:
        if (home / "disk-is-full").exists():
            raise OSError(errno.ENOSPC, "No space left on device")
        write(incoming, data)

    clock.now_s, store.Incoming.write = now_s, write_if_room
    serve(home=home, make_clip="scripts.stress.soak:make_clip", cpu_workers=2, say=lambda _: None)


class Soak:
    """One home folder, its bridge, its clients, and what is done to them."""

    def __init__(self, home: Path, seed: int) -> None:
        self.home = home
        self.random = random.Random(seed)
        self.faults: Counter[str] = Counter()
        self.accepted: set[str] = set()
        self.damaged: set[str] = set()
        self.troubles: list[str] = []
        self.over = threading.Event()
        self.strangers: list[socket.socket] = []
        self.memory_mib: list[float] = []
        self._lock = threading.Lock()
        self.start()

    # The bridge

    def start(self) -> None:
        """Starts it, and waits until it answers."""
        environment = os.environ | {HOME: str(self.home), "PYTHONPATH": str(ROOT)}
        program = (
            f"from pathlib import Path; from scripts.stress import soak; soak.run_bridge(Path({str(self.home)!r}))"
        )
        self.bridge = subprocess.Popen([sys.executable, "-c", program], env=environment, cwd=ROOT)
        end_s = time.monotonic() + 180  # on a busy machine, with faults at work
        while process.find(self.home) is None:
            if time.monotonic() > end_s or self.bridge.poll() is not None:
                raise RuntimeError(f"the bridge does not answer; exit code {self.bridge.poll()}")
            time.sleep(0.05)

    def ask(self, call: Callable[[Client], object]) -> object:
        """Asks until it is answered: the bridge may be down, its disk full, its clock wrong."""
        while True:
            try:
                client = process.find(self.home)
                if client is not None:
                    return call(client)
            except Refused as refused:
                if refused.status not in (500, 503, 507):
                    raise
            except LinkError:
                pass
            time.sleep(0.1)

    def workers(self) -> list[psutil.Process]:
        """The worker processes of this bridge and of those that were killed before it."""
        return [
            one for one in psutil.process_iter(["cmdline"]) if str(self.home / "store") in (one.info["cmdline"] or ())
        ]

    # Clients

    def follow(self, number: int) -> None:
        """One client: batch after batch, each to its end; some are cancelled, what failed is tried again."""
        rng, batch = random.Random(number), 0
        try:
            while not self.over.is_set():
                self.make_batch(rng, [f"c{number}-{batch}-{i}" for i in range(BATCH)])
                batch += 1
        except Exception as error:  # noqa: BLE001 - a thread's edge: whatever went wrong is told in the end
            self.troubles.append(f"client {number}: {type(error).__name__}: {error}")

    def make_batch(self, rng: random.Random, names: list[str]) -> None:
        """Submits these shots and sees them to their ends."""
        (self.home / names[0]).write_bytes(names[0].encode())
        cover = str(self.ask(lambda client: client.upload(self.home / names[0])))
        shots = [clip_request(name, cover_sha256=cover, frame_count=8, width_px=64, height_px=36) for name in names]
        self.ask(lambda client: client.submit(shots, names))
        with self._lock:
            self.accepted |= set(names)
        if rng.random() < 0.2:
            self.ask(lambda client: client.cancel(names[-1]))
        waiting = dict(zip(names, shots, strict=True))
        while waiting:
            for name in list(waiting):
                if self.has_ended(name, waiting[name]):
                    del waiting[name]
            time.sleep(0.2)
        (self.home / names[0]).unlink()

    def has_ended(self, name: str, shot: ClipRequest) -> bool:
        """Whether a job has; one that failed is tried again, one that was damaged is deleted and sent anew."""
        job = self.ask(lambda client: client.job(name))
        assert isinstance(job, Job)
        if job.state is JobState.FAILED and "can't be read" in job.error:
            with contextlib.suppress(Refused):  # it was deleted, but the answer was lost
                self.ask(lambda client: client.delete(name))
            self.ask(lambda client: client.submit([shot], [name]))
        elif job.state is JobState.FAILED:
            with contextlib.suppress(Refused):
                self.ask(lambda client: client.retry(name))
        return job.state in FINAL

    # Faults

    def stop_worker(self) -> None:
        """One that hangs for good, as a driver's fault makes it; the clock finds it."""
        if workers := self.workers():
            self.random.choice(workers).send_signal(signal.SIGSTOP)
            self.step_clock()

    def kill_worker(self) -> None:
        """Out of memory, for instance."""
        if workers := self.workers():
            self.random.choice(workers).kill()

    def kill_bridge(self) -> None:
        """And it is started again at once."""
        self.bridge.kill()
        self.bridge.wait()
        self.start()

    def damage_row(self) -> None:
        """A queued job's request can't be read any more."""
        with contextlib.closing(sqlite3.connect(self.home / "jobs.db", timeout=30, isolation_level=None)) as db:
            rows = db.execute(
                "UPDATE jobs SET request = replace(request, '\"motion\"', '\"verve\"') WHERE id ="
                " (SELECT id FROM jobs WHERE state = 'queued' LIMIT 1) RETURNING id"
            ).fetchall()
        self.damaged |= {row[0] for row in rows}

    def fill_disk(self) -> None:
        """For a moment."""
        (self.home / "disk-is-full").touch()
        time.sleep(self.random.uniform(0.1, 1.0))
        (self.home / "disk-is-full").unlink()

    def send_strangers(self) -> None:
        """Some say nothing, some half a request, and some ask for everything and read none of it."""
        published = json.loads((self.home / "bridge.json").read_text())
        address = ("127.0.0.1", int(published["url"].rpartition(":")[2]))
        asked = f"GET /jobs?limit=1000 HTTP/1.1\r\nHost: 127.0.0.1:{address[1]}\r\n"
        asked += f"Authorization: Bearer {published['token']}\r\n\r\n"
        for said in ("", "GET /jobs HTTP/1.1\r\nHost:", asked):
            for _ in range(5):
                stranger = socket.create_connection(address, timeout=5)
                stranger.sendall(said.encode())
                self.strangers.append(stranger)
        while len(self.strangers) > MOST_STRANGERS:
            self.strangers.pop(0).close()

    def step_clock(self) -> None:
        """An hour passes: whatever hangs is found. What works is hit too, and starts again."""
        with (self.home / "clock-ahead").open("ab") as file:
            file.truncate(file.tell() + 3600)

    def make_trouble(self, seconds: float) -> None:
        """One fault after the other."""
        kinds = [
            *(self.stop_worker, self.kill_worker, self.kill_worker, self.kill_bridge, self.damage_row),
            *(self.fill_disk, self.send_strangers, self.step_clock),
        ]
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            time.sleep(self.random.uniform(0.0, LONGEST_PAUSE_S))
            fault = self.random.choice(kinds)
            with contextlib.suppress(psutil.Error, OSError):
                fault()
                self.faults[fault.__name__] += 1
            with contextlib.suppress(psutil.Error):
                self.memory_mib.append(psutil.Process(self.bridge.pid).memory_info().rss / 2**20)

    # The end

    def settle(self) -> list[Job]:
        """Lets the clients finish, every hanging worker be found, and gives all jobs."""
        self.over.set()
        for stranger in self.strangers:
            stranger.close()
        end_s = time.monotonic() + 300
        while (waits := [thread for thread in threading.enumerate() if thread.name == "client"]) and (
            time.monotonic() < end_s
        ):
            self.step_clock()
            waits[0].join(5)
        self.troubles += [f"{len(waits)} clients still wait"] if waits else []
        jobs, since, more = {}, 0, True
        while more:
            page = self.ask(lambda client, since=since: client.jobs(since))
            jobs |= {job.id: job for job in page.jobs}  # type: ignore[attr-defined]
            since, more = page.revision, page.more  # type: ignore[attr-defined]
        return list(jobs.values())

    def leaks(self) -> list[str]:
        """What is left over once the bridge has ended."""
        self.bridge.terminate()
        self.bridge.wait(60)
        store = Store(self.home / "store")
        store.trim()  # as the bridge does every minute: it takes what killed uploads left an hour ago
        left = [f"process {worker.pid}" for worker in self.workers()]
        left += [f"pin of {owner}" for owner in store.owners()]
        left += [str(path) for path in (self.home / "store" / "work").iterdir()]
        left += [
            str(path)
            for path in (self.home / "store" / "incoming").iterdir()
            if time.time() - path.stat().st_mtime > 3600
        ]
        store.close()
        return left

    @property
    def growth_mib(self) -> float:
        """How much more memory the bridge had in the last third of the time than in the first."""
        third = max(1, len(self.memory_mib) // 3)
        return max(self.memory_mib[-third:], default=0.0) - max(self.memory_mib[:third], default=0.0)


def main() -> int:
    """Prints what was done and what came of it."""
    options = parser(__doc__)
    options.add_argument("--minutes", type=float, default=60.0)
    options.add_argument("--seed", type=int, default=1)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        soak = Soak(Path(folder), given.seed)
        for number in range(CLIENTS):
            threading.Thread(target=soak.follow, args=(number,), name="client", daemon=True).start()
        soak.make_trouble(15.0 if given.quick else given.minutes * 60)
        jobs = soak.settle()
        leaks = soak.leaks()
        makings = [line.split() for line in (Path(folder) / "made.log").read_text().splitlines()]
    lost = len(soak.accepted - {job.id for job in jobs}) + sum(job.state not in FINAL for job in jobs)
    times_made = Counter(name for name, _, _ in makings)
    doubled = {name for name, count in times_made.items() if count > 1}
    for name, pid, at_s in makings:
        if name in doubled:
            print(f"made twice: {name}, by process {pid} at {at_s}; its row was damaged: {name in soak.damaged}")
    states = dict(Counter(job.state.value for job in jobs))
    print(f"faults: {dict(soak.faults)}; damaged rows: {len(soak.damaged)}; jobs: {states}")
    for line in (*soak.troubles, *leaks[:10]):
        print(line)
    figure("soak_lost", lost, "jobs")
    figure("soak_doubled", len(doubled), "jobs")
    figure("soak_leaked", len(leaks), "things")
    figure("soak_growth_mib", soak.growth_mib, "MiB")
    return 1 if lost or doubled or leaks or soak.troubles or soak.growth_mib > MOST_GROWTH_MIB else 0


if __name__ == "__main__":
    sys.exit(main())
