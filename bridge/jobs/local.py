# SPDX-License-Identifier: GPL-3.0-or-later
"""The executor on this machine: a worker process per device, so that cancelling one ends its memory and not ours."""

import dataclasses
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from bridge.common import paths
from bridge.common.cores import cores
from bridge.jobs.executor import MAKE_CLIP, Device, DeviceKind, Event, Task
from bridge.jobs.lane import Lane
from bridge.jobs.scratch import Scratch


class LocalExecutor:
    """Worker processes on these devices. They start with their first task.

    Args:
        store: the store's folder.
        devices: each is a worker; those of one GPU take turns on it.
        on_event: called from the workers' threads.
        log_folder: where the workers' logs go; beside the scratch space if not given.
        make_clip: module:function, see `MAKE_CLIP`.
    """

    def __init__(
        self,
        store: Path,
        devices: Sequence[Device],
        on_event: Callable[[Event], None],
        *,
        log_folder: Path | None = None,
        make_clip: str = MAKE_CLIP,
    ) -> None:
        self._scratch = Scratch(store / "work")
        logs = log_folder or self._scratch.folder
        cpu_count = sum(device.kind is DeviceKind.CPU for device in devices)
        command = (sys.executable, "-m", "bridge.jobs.worker", "--store", str(store), "--make-clip", make_clip)
        command += ("--scratch", str(self._scratch.folder))
        self._lanes = [
            Lane(
                device,
                (*command, *self._turn(device)),
                _environment(device, cpu_count),
                logs / f"worker-{device.name}.log",
                on_event,
            )
            for device in devices
        ]

    def _turn(self, device: Device) -> tuple[str, ...]:
        """The file whose lock says which of a GPU's workers has its turn."""
        if device.kind is DeviceKind.CPU:
            return ()
        return ("--turn", str(self._scratch.folder / f"{device.kind}{device.index}.turn"))

    def warm_up(self, count: int | None) -> None:
        """Starts so many workers, or all, ahead of their first task."""
        for lane in self._lanes[:count]:
            lane.warm_up()

    def free_kinds(self) -> tuple[DeviceKind, ...]:
        """The kinds of device that have a free worker."""
        return tuple({lane.device.kind for lane in self._lanes if lane.is_free})

    def start(self, task: Task, kind: DeviceKind) -> None:
        """Gives the task to a free worker, one that is already up if possible."""
        lanes = [lane for lane in self._lanes if lane.device.kind is kind]
        painters = len({lane.device.index for lane in lanes})
        task = dataclasses.replace(task, painters=max(task.painters, painters))  # a node may have other executors' too
        max((lane for lane in lanes if lane.is_free), key=lambda lane: lane.is_up).start(task)

    def cancel(self, job_id: str) -> None:
        """Asks the worker to stop; `tend` kills it if it doesn't."""
        for lane in self._lanes:
            lane.cancel(job_id)

    def tend(self) -> None:
        """Sees to every worker: see `Lane.tend`."""
        for lane in self._lanes:
            lane.tend()

    def close(self) -> None:
        """Kills the workers, waits for their ends and empties the scratch space."""
        for lane in self._lanes:
            lane.close()
        self._scratch.close()


def _environment(device: Device, cpu_count: int) -> dict[str, str]:
    """The worker's: only its own GPU, its share of the cores, and this code."""
    environment = paths.child_environment(paths.ENGINE_SECRETS, PYTHONUNBUFFERED="1")
    if device.kind is DeviceKind.GPU:
        environment["CUDA_VISIBLE_DEVICES"] = str(device.index)
        # pieces of freed memory join, so that what one step needs isn't lost between what others left
        environment.setdefault("PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True")
    else:
        environment.setdefault("OMP_NUM_THREADS", str(max(1, cores() // cpu_count)))
    return environment
