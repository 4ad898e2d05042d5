# SPDX-License-Identifier: GPL-3.0-or-later
"""The queue, its executors, and a batch without either server or database for `beatboard make`."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from blender_addon.core.types import ClipRequest, Job

if TYPE_CHECKING:
    from bridge.common.store import Store
    from bridge.jobs.batch import Workers


def run_batch(
    requests: Sequence[ClipRequest],
    store: "Store",
    *,
    workers: int | None = None,
    on_update: Callable[[Job], None] | None = None,
    make_clip: str | None = None,
) -> list[Job]:
    """Makes these clips in worker processes, and returns when each has ended; one bad shot stops no other.

    Args:
        requests: one per shot.
        store: where covers are and clips go.
        workers: how many processes; by default one per GPU for engines that need one, else one per core.
        on_update: called, on the calling thread, at every change of a job.
        make_clip: module:function to call in place of `bridge.clips.make_clip.make_clip`.

    Returns:
        The jobs, in the order of the requests, each done, failed or cancelled.

    Raises:
        KeyboardInterrupt, or whatever `on_update` raises: after the workers have ended. Finished clips are kept.
    """
    from bridge.jobs.batch import run

    return run(requests, store, workers, on_update, make_clip)


def standing_by(store: "Store", painter: str, animator: str, *, workers: int | None) -> "Workers":
    """Worker processes that are started ahead of their requests, for `with`.

    Args:
        workers: as in `run_batch`.
    """
    from bridge.jobs.batch import Workers
    from bridge.jobs.devices import kind_of

    return Workers(store, {kind_of(painter, animator)}, workers)
