# SPDX-License-Identifier: GPL-3.0-or-later
"""What a generation will take, before it starts: time, memory, money."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from blender_addon.core.types import ClipRequest
from bridge.clips import handles, registry
from bridge.common import paths
from bridge.jobs.devices import free_gpu_gib
from bridge.jobs.executor import Device, DeviceKind
from bridge.jobs.speeds import Speeds


@dataclass(frozen=True)
class Outlook:
    """What is known."""

    shots: int
    frames: int
    device: str
    seconds: float | None
    """with all devices at work; None if this machine has never made such a clip"""
    peak_memory_gib: float | None
    """measured, of one device"""
    needs: str
    """how the engine's models will run, from their sizes and the memory that is free; empty if they need no GPU"""
    cost: str
    """list price, for engines that cost money"""
    missing: str
    """what the engine lacks here; empty if nothing"""


def outlook(requests: Sequence[ClipRequest]) -> Outlook:
    """What these shots of one engine will take on this machine."""
    first = requests[0]
    painter, animator = registry.painter(first.painter), registry.animator(first.animator)
    devices = _devices(first, len(requests))
    speeds = Speeds(paths.store_folder() / "speeds.db")
    try:
        measured = speeds.estimate(requests, devices)
    finally:
        speeds.close()
    return Outlook(
        shots=len(requests),
        frames=sum(request.frame_count for request in requests),
        device=f"{len(devices)} x {devices[0].model}",
        seconds=measured.seconds if measured else None,
        peak_memory_gib=measured.peak_memory_bytes / 2**30 if measured else None,
        needs=_needs(painter, animator, dict(first.options)),
        cost=str(animator.price([handles.widened(request) for request in requests])) if animator.price else "",
        missing=registry.missing(painter, animator),
    )


def _needs(painter: registry.PainterEntry, animator: registry.AnimatorEntry, given: Mapping[str, str]) -> str:
    needs = [need for row in (painter, animator) if (need := row.footprint(given))]
    free_gib = free_gpu_gib()
    if not needs or free_gib is None:
        return "; ".join(f"{need.name}: {need.by_card}" for need in needs)
    return "; ".join(f"{need.name} {need.policy(free_gib).words}" for need in needs) + f" ({free_gib:.0f} GiB free)"


def _devices(request: ClipRequest, count: int) -> list[Device]:
    from bridge.jobs.devices import cpus, gpus, kind_for

    return list(gpus() if kind_for(request) is DeviceKind.GPU else cpus())[:count]
