# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast this machine's devices are with each engine and size: measured on every clip, used by every estimate."""

import heapq
import logging
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from blender_addon.core.types import Clip, ClipRequest
from bridge.common.cache_database import CacheDatabase
from bridge.jobs.devices import kind_for
from bridge.jobs.executor import Device, DeviceKind

_SCHEMA = """
CREATE TABLE IF NOT EXISTS speeds (
    engine TEXT, width_px INTEGER, height_px INTEGER, device TEXT,
    seconds_per_frame REAL NOT NULL, peak_memory_bytes INTEGER NOT NULL,
    PRIMARY KEY (engine, width_px, height_px, device)
) WITHOUT ROWID;
"""
log = logging.getLogger(__name__)
NEWEST_WEIGHT = 0.3
"""of the newest measure in the running mean"""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a batch will take."""

    seconds: float
    """from start to end, with all devices at work"""
    peak_memory_bytes: int
    """of the hungriest shot, on one device"""


@dataclass(frozen=True, slots=True)
class Load:
    """So many shots of one kind and size."""

    kind: DeviceKind
    engine: str
    width_px: int
    height_px: int
    frame_count: int
    count: int = 1
    part: float = 1.0
    """how much of each is left to do, 0-1"""


class Speeds:
    """The measures, in a small database of their own."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = CacheDatabase(path, _SCHEMA)

    def close(self) -> None:
        """Closes the database."""
        self._db.close()

    def record(self, clip: Clip, device: str, peak_memory_bytes: int) -> None:
        """Takes a finished clip into the running mean."""
        request = clip.request
        if clip.seconds_taken <= 0 or clip.frame_count <= 0:
            return
        self._asked(
            "INSERT INTO speeds VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
            " seconds_per_frame = seconds_per_frame + ? * (excluded.seconds_per_frame - seconds_per_frame),"
            " peak_memory_bytes = max(peak_memory_bytes, excluded.peak_memory_bytes)",
            (
                *(request.engine, request.width_px, request.height_px, device),
                *(clip.seconds_taken / clip.frame_count, peak_memory_bytes, NEWEST_WEIGHT),
            ),
        )

    def estimate(
        self, requests: Sequence[ClipRequest], devices: Sequence[Device], parts: Sequence[float] | None = None
    ) -> Estimate | None:
        """What a batch takes on these devices; None if an engine was never measured on them.

        Args:
            parts: how much of each request is left to do, 0-1.
        """
        loads = [
            Load(kind_for(one), one.engine, one.width_px, one.height_px, one.frame_count, 1, part)
            for one, part in zip(requests, parts or [1.0] * len(requests), strict=True)
        ]
        return self.estimate_loads(loads, devices)

    def estimate_loads(self, loads: Iterable[Load], devices: Sequence[Device]) -> Estimate | None:
        """The same for any number of shots, in time that doesn't grow with it.

        Each shot goes to the device of its kind that is free first, as the dispatcher does it.
        """
        lines = {kind: [(0.0, device.model) for device in devices if device.kind is kind] for kind in DeviceKind}
        measures: dict[tuple, tuple[float, int] | None] = {}
        peak = 0
        for load in loads:
            line = lines[load.kind]
            key = (load.engine, load.width_px, load.height_px, line[0][1]) if line else ()
            if key not in measures:
                measures[key] = self._measured(*key) if key else None
            measured = measures[key]
            if measured is None:
                return None
            _add(line, load.count, measured[0] * load.frame_count * load.part)
            peak = max(peak, measured[1])
        return Estimate(max((end_s for line in lines.values() for end_s, _ in line), default=0.0), peak)

    def _asked(self, statement: str, values: tuple) -> list[tuple]:
        """Runs a statement; a measure is never worth a fault, so a full disk or a damaged file gives nothing."""
        try:
            return self._db.execute(statement, values)
        except sqlite3.Error as error:
            log.warning("the measured speeds can't be used: %s", error)
            return []

    def _measured(self, engine: str, width_px: int, height_px: int, device: str) -> tuple[float, int] | None:
        """Seconds per frame and peak memory; from the nearest size, by pixels, if this one was never measured."""
        pixels = width_px * height_px
        rows = self._asked(
            "SELECT seconds_per_frame, peak_memory_bytes, width_px * height_px FROM speeds"
            " WHERE engine = ? AND device = ? ORDER BY abs(width_px * height_px - ?) LIMIT 1",
            (engine, device, pixels),
        )
        return (rows[0][0] * pixels / rows[0][2], rows[0][1]) if rows else None


def _add(line: list[tuple[float, str]], count: int, seconds: float) -> None:
    """Puts equal shots into a line of devices: evenly as long as there are many, then on what is free first."""
    each = max(0, count // len(line) - 1)
    line[:] = [(end_s + each * seconds, model) for end_s, model in line]
    for _ in range(count - each * len(line)):
        end_s, model = line[0]
        heapq.heapreplace(line, (end_s + seconds, model))
