# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast this machine's devices are with each engine and size: measured on every clip, used by every estimate."""

import heapq
import sqlite3
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from blender_addon.core.types import Clip, ClipRequest
from bridge.jobs.devices import kind_for
from bridge.jobs.executor import Device, DeviceKind

_SCHEMA = """
CREATE TABLE IF NOT EXISTS speeds (
    engine TEXT, width_px INTEGER, height_px INTEGER, device TEXT,
    seconds_per_frame REAL NOT NULL, peak_memory_bytes INTEGER NOT NULL,
    PRIMARY KEY (engine, width_px, height_px, device)
) WITHOUT ROWID;
"""
NEWEST_WEIGHT = 0.3
"""of the newest measure in the running mean"""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a batch will take."""

    seconds: float
    """from start to end, with all devices at work"""
    peak_memory_bytes: int
    """of the hungriest shot, on one device"""


class Speeds:
    """The measures, in a small database of their own."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._db = sqlite3.connect(path, timeout=30.0, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = OFF")  # a lost measure is measured again
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        """Closes the database."""
        with self._lock:
            self._db.close()

    def record(self, clip: Clip, device: str, peak_memory_bytes: int) -> None:
        """Takes a finished clip into the running mean."""
        request = clip.request
        if clip.seconds_taken <= 0 or clip.frame_count <= 0:
            return
        with self._lock:
            self._db.execute(
                "INSERT INTO speeds VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
                " seconds_per_frame = seconds_per_frame + ? * (excluded.seconds_per_frame - seconds_per_frame),"
                " peak_memory_bytes = max(peak_memory_bytes, excluded.peak_memory_bytes)",
                (
                    *(request.engine, request.width_px, request.height_px, device),
                    *(clip.seconds_taken / clip.frame_count, peak_memory_bytes, NEWEST_WEIGHT),
                ),
            )

    def seconds_for(self, request: ClipRequest, device: str) -> tuple[float, int] | None:
        """Seconds and peak memory of one clip; from the nearest size, by pixels, if this one was never measured."""
        pixels = request.width_px * request.height_px
        with self._lock:
            row = self._db.execute(
                "SELECT seconds_per_frame, peak_memory_bytes, width_px * height_px FROM speeds"
                " WHERE engine = ? AND device = ? ORDER BY abs(width_px * height_px - ?) LIMIT 1",
                (request.engine, device, pixels),
            ).fetchone()
        if row is None:
            return None
        return row[0] * pixels / row[2] * request.frame_count, row[1]

    def estimate(
        self, requests: Sequence[ClipRequest], devices: Sequence[Device], parts: Sequence[float] | None = None
    ) -> Estimate | None:
        """What a batch takes on these devices; None if an engine was never measured on them.

        Each shot goes to the device of its kind that is free first, as the dispatcher does it.

        Args:
            parts: how much of each request is left to do, 0-1.
        """
        free_at_s: dict[DeviceKind, list[tuple[float, str]]] = {kind: [] for kind in DeviceKind}
        for device in devices:
            free_at_s[device.kind].append((0.0, device.model))
        end_s, peak = 0.0, 0
        for request, part in zip(requests, parts or [1.0] * len(requests), strict=True):
            line = free_at_s[kind_for(request.engine)]
            measured = self.seconds_for(request, line[0][1]) if line else None
            if measured is None:
                return None
            start_s, model = line[0]
            heapq.heapreplace(line, (start_s + measured[0] * part, model))
            end_s, peak = max(end_s, start_s + measured[0] * part), max(peak, measured[1])
        return Estimate(end_s, peak)
