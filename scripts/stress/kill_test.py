# SPDX-License-Identifier: GPL-3.0-or-later
"""Kills the bridge or one of its workers (SIGKILL) at random moments, over batches of small animatic shots.

    python scripts/stress/kill_test.py [--quick] [--kills 200]

In the end every accepted job must be there and have ended once, no clip may have been made twice, and every clip
must decode to its frames. Exit code 1 if not.
"""

import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import psutil

from blender_addon.client.client import Client, Refused, Unreachable
from blender_addon.client.process import BridgeProcess, Installation
from blender_addon.core.types import Clip, ClipRequest, Job, JobState
from bridge.clips.base import Work
from bridge.common.store import Store
from scripts.measuring import ROOT, clip_request, figure, parser

LONGEST_PAUSE_S = 4.0
MADE_LOG = "BEATBOARD_KILL_TEST_LOG"


def make_clip(request: ClipRequest, store: Store, work: Work) -> Clip:
    """The real one; notes what was really made. Runs in the workers."""
    from bridge.clips import make_clip

    def remember(key: str, clip: Clip) -> None:
        Store.remember(store, key, clip)
        with Path(os.environ[MADE_LOG]).open("a") as log:
            log.write(f"{request.shot_id}\n")

    store.remember = remember
    return make_clip.make_clip(request, store, work)


class Trial:
    """One home folder, its bridge, and what was done to it."""

    def __init__(self, home: Path, seed: int) -> None:
        self.random = random.Random(seed)
        self.log = home / "made.log"
        self.log.touch()
        os.environ[MADE_LOG] = str(self.log)
        installation = Installation(Path(sys.executable), ROOT, home)
        self.bridge = BridgeProcess(installation, make_clip="scripts.stress.kill_test:make_clip")
        self.client = self.bridge.ensure()
        self.cover = self.client.upload(_cover(home / "cover.png"))
        self.kills: Counter[str] = Counter()
        self.accepted: set[str] = set()
        self.retried: set[str] = set()

    def run(self, kills: int, batch_size: int) -> None:
        """Batch after batch, until so many processes were killed."""
        batch = 0
        while self.kills.total() < kills:
            ids = [f"b{batch}-{i:02}" for i in range(batch_size)]
            self._ask(lambda client, ids=ids: client.submit([_request(name, self.cover) for name in ids], ids))
            self.accepted |= set(ids)
            while self.kills.total() < kills and self._active():
                self._wait_for_work()
                time.sleep(self.random.uniform(0.0, LONGEST_PAUSE_S))
                self._kill()
            batch += 1
            print(f"{self.kills.total()} kills, {len(self.accepted)} jobs", file=sys.stderr, flush=True)

    def settle(self) -> list[Job]:
        """Lets everything end; what failed, since its worker was killed three times, is retried once."""
        while True:
            while self._active():
                time.sleep(0.2)
            jobs = self._ask(_all_jobs)
            failed = [job for job in jobs if job.state is JobState.FAILED and job.id not in self.retried]
            if not failed:
                return jobs
            for job in failed:
                self.retried.add(job.id)
                self._ask(lambda client, job=job: client.retry(job.id))

    def _active(self) -> bool:
        status = self._ask(lambda client: client.queue())
        return status.queued + status.running > 0

    def _wait_for_work(self) -> None:
        """Most kills should hit a shot that is being made, some the start of the processes."""
        end_s = time.monotonic() + (20.0 if self.random.random() < 0.8 else 0.0)
        while time.monotonic() < end_s and not self._ask(_is_making):
            time.sleep(0.05)

    def _ask(self, question):
        """Asks until the bridge answers, starting it again if it is dead."""
        while True:
            try:
                return question(self.client)
            except Unreachable:
                self.client = self.bridge.ensure()

    def _kill(self) -> None:
        pid = json.loads((self.bridge.home / "bridge.json").read_text())["pid"]
        try:
            bridge = psutil.Process(pid)
            workers = bridge.children()
            victim, kind = (bridge, "bridge") if not workers or self.random.random() < 0.5 else (None, "worker")
            (victim or self.random.choice(workers)).send_signal(signal.SIGKILL)
        except psutil.NoSuchProcess:
            return
        self.kills[kind] += 1


def _request(name: str, cover: str) -> ClipRequest:
    seed = int(name[1:].replace("-", ""))
    return clip_request(
        name, seed=seed, frame_count=8, width_px=96, height_px=54, cover_sha256=cover, options=(("handles", "0"),)
    )


def _cover(path: Path) -> Path:
    import numpy as np
    from PIL import Image

    y, x = np.mgrid[:96, :96]
    disc = 255 * ((x - 50) ** 2 + (y - 40) ** 2 < 400)
    Image.fromarray(np.stack([disc, 2 * x, 2 * y], axis=-1).astype(np.uint8)).save(path)
    return path


def _is_making(client: Client) -> bool:
    return any(job.stage != "starting" for job in client.jobs(states=[JobState.RUNNING]).jobs)


def _all_jobs(client: Client) -> list[Job]:
    jobs, since, more = {}, 0, True
    while more:
        page = client.jobs(since)
        jobs |= {job.id: job for job in page.jobs}
        since, more = page.revision, page.more
    return list(jobs.values())


def _is_whole(client: Client, job: Job, folder: Path) -> bool:
    import av

    assert job.clip
    try:
        client.download(job.clip.sha256, folder / "clip.mp4")
    except Refused:
        return False
    with av.open(str(folder / "clip.mp4")) as container:
        frames = sum(1 for _ in container.decode(video=0))
    return frames == job.request.frame_count


def main() -> int:
    """Prints what was killed and what came of it."""
    command = parser(__doc__)
    command.add_argument("--kills", type=int, default=200)
    command.add_argument("--seed", type=int, default=1)
    options = command.parse_args()
    kills, batch_size = (3, 8) if options.quick else (options.kills, 40)
    with tempfile.TemporaryDirectory() as folder:
        trial = Trial(Path(folder), options.seed)
        trial.run(kills, batch_size)
        jobs = trial.settle()
        counts = Counter(job.state.value for job in jobs)
        lost = len(trial.accepted - {job.id for job in jobs}) + counts["queued"] + counts["running"]
        doubled = sum(count > 1 for count in Counter(trial.log.read_text().split()).values())
        done = [job for job in jobs if job.state is JobState.DONE]
        corrupt = sum(not _is_whole(trial.client, job, Path(folder)) for job in done)
        workers = psutil.Process(json.loads((trial.bridge.home / "bridge.json").read_text())["pid"]).children()
        trial.bridge.stop()
        orphans = sum(worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE for worker in workers)
    print(f"killed: {dict(trial.kills)}; jobs: {dict(counts)}; retried by hand after 3 kills: {len(trial.retried)}")
    for name, value in (("lost", lost), ("doubled", doubled), ("corrupt", corrupt), ("orphans", orphans)):
        figure(f"kill_test_{name}", value, "jobs")
    return 1 if lost or doubled or corrupt or orphans else 0


if __name__ == "__main__":
    sys.exit(main())
