# SPDX-License-Identifier: GPL-3.0-or-later
"""Which devices this machine has, found without torch."""

import dataclasses
import functools
import os
import platform
import subprocess

from blender_addon.core.types import ClipRequest
from bridge.common.cores import cores
from bridge.jobs.executor import Device, DeviceKind

FOR_TWO_GIB = 60.0
"""a GPU with so much memory holds two workers' models beside what one of them computes"""


@functools.cache
def gpus() -> tuple[Device, ...]:
    """The NVIDIA GPUs that `CUDA_VISIBLE_DEVICES` lets us see, by number or UUID; none where `nvidia-smi` isn't."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    seen = None if visible is None else [name.strip() for name in visible.split(",") if name.strip()]
    return tuple(
        Device(DeviceKind.GPU, int(index), model.strip())
        for index, model, uuid in _asked("index,name,uuid")
        if seen is None or index in seen or any(uuid.strip().startswith(name) for name in seen)
    )


def gpu_workers() -> tuple[Device, ...]:
    """A worker for each GPU, then a second one for each that is large enough for two."""
    sizes_gib = {int(index): int(mib) / 1024 for index, mib in _asked("index,memory.total", ",nounits")}
    large = [device for device in gpus() if sizes_gib.get(device.index, 0) >= FOR_TWO_GIB]
    return (*gpus(), *(dataclasses.replace(device, worker=1) for device in large))


def free_gpu_gib() -> float | None:
    """How much memory the first GPU has free; None without one."""
    free = {int(index): int(mib) / 1024 for index, mib in _asked("index,memory.free", ",nounits")}
    return free.get(gpus()[0].index) if gpus() else None


def _asked(columns: str, form: str = "") -> list[list[str]]:
    """What `nvidia-smi` says of each GPU; nothing where it isn't."""
    try:
        listing = subprocess.run(
            ["nvidia-smi", f"--query-gpu={columns}", f"--format=csv,noheader{form}"],
            capture_output=True,
            text=True,
            check=True,
            timeout=20,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    return [line.split(",") for line in listing.splitlines()]


def cpus(count: int | None = None) -> list[Device]:
    """This many workers on the CPU; by default one for each core that we may use."""
    model = platform.processor() or platform.machine()
    return [Device(DeviceKind.CPU, index, f"{model} x {cores()}") for index in range(count or cores())]


def kind_for(request: ClipRequest) -> DeviceKind:
    """What a clip is made on here: a GPU if its engine is made for one and there is one."""
    return kind_of(request.painter, request.animator)


def kind_of(painter: str, animator: str) -> DeviceKind:
    """What this engine's clips are made on here."""
    return DeviceKind.GPU if _needs_gpu(painter, animator) and gpus() else DeviceKind.CPU


def wants_gpu(request: ClipRequest) -> bool:
    """Whether its engine is made for one."""
    return _needs_gpu(request.painter, request.animator)


def _needs_gpu(painter: str, animator: str) -> bool:
    from bridge.clips import registry

    return registry.needs_gpu(painter, animator)
