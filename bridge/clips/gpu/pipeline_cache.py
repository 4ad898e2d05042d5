# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps loaded pipelines between shots, and sees to it that a painter and an animator don't push each other out.

A pipeline that holds the device's memory while another needs it waits in the computer's own memory: moving it back
takes a second, loading it again ten.
"""

import gc
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

from bridge.clips.gpu import devices
from bridge.clips.gpu.devices import MemoryPolicy
from bridge.clips.gpu.footprints import Footprint

MOST_KEPT = 3
"""a painter, its refiner and an animator"""


@dataclass
class Kept:
    """A pipeline, ready to run, and the memory policy that it is under."""

    pipeline: Any
    policy: MemoryPolicy
    parked: bool = False
    """in the computer's memory, to make room"""

    @property
    def holds_memory(self) -> bool:
        """Whether it keeps its weights on the device between runs; an offloaded one doesn't."""
        return not self.parked and self.policy <= MemoryPolicy.TILED


class PipelineCache:
    """Pipelines by what they were made from, least recently used first."""

    def __init__(self) -> None:
        self._kept: dict[Hashable, Kept] = {}

    def take(
        self,
        key: Hashable,
        need: Footprint,
        asked: MemoryPolicy | None,
        level: int,
        build: Callable[[], Any],
        tune: Callable[[Kept], None] | None = None,
    ) -> Kept:
        """The pipeline of this key, on the device.

        Args:
            key: all that `build` depends on.
            need: its memory.
            asked: the user's policy, if any.
            level: how often the shot ran out of memory; each time takes the next policy.
            build: loads it, if it isn't there yet.
            tune: what is to be done once it is on the device.
        """
        key = (key, asked, level)
        device = devices.best_device()
        is_latest = next(reversed(self._kept), None) == key
        kept = self._kept.pop(key, None)
        if kept is None:
            while len(self._kept) >= MOST_KEPT:
                del self._kept[next(iter(self._kept))]
            self._make_room(device, need)
            free_gib = devices.free_gib(device)
            policy = need.policy(free_gib) if asked is None else asked
            for _ in range(level):
                policy = policy.cheaper()
            kept = Kept(build(), policy)
            devices.place(kept.pipeline, device, policy, need.stays(free_gib))
            if tune:
                tune(kept)
        elif kept.parked:
            self._make_room(device, need)
            kept.pipeline.to(device)
            kept.parked = False
        elif not is_latest:  # the latest ran as things are; what is taken now may be another worker's last decoding
            self._make_room(device, need.with_weights(0.01) if kept.holds_memory else need)
        self._kept[key] = kept
        return kept

    def clear(self) -> None:
        """Forgets all of them."""
        self._kept.clear()
        gc.collect()
        devices.free_cached()

    def _make_room(self, device: Any, need: Footprint) -> None:
        """Parks the others, the longest unused first, until everything that is needed fits."""
        if device.type == "cpu":
            return
        wanted = need.weights_gib + need.working_gib

        def fits() -> bool:
            return devices.room_gib(device) >= wanted

        if not fits():
            devices.free_cached()  # what the last shot has left unused is room too
        for kept in self._kept.values():
            if fits():
                return
            if kept.holds_memory:
                kept.pipeline.to("cpu")
                kept.parked = True
                gc.collect()
                devices.free_cached()


PIPELINES = PipelineCache()
"""this process's"""
