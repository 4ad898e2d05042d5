# SPDX-License-Identifier: GPL-3.0-or-later
"""The way from this machine's other programs to its running bridge: `beatboard jobs` uses it."""

from collections.abc import Iterator
from contextlib import contextmanager

from blender_addon.client import process
from blender_addon.client.client import Client, LinkError, Unreachable
from blender_addon.core.types import Job, JobState
from bridge.common import paths
from bridge.common.errors import BadInput

LATEST = 2**53
"""a revision that is never reached: asking for what changed since then gives no jobs, and the newest revision"""
NOT_RUNNING = "No bridge is running. Start one with: beatboard serve"
FINAL = (JobState.DONE, JobState.FAILED, JobState.CANCELLED)


def connect() -> Client:
    """A client of the bridge that runs on this machine for this user.

    Raises:
        BadInput: none does.
    """
    with _plainly():
        client = process.find(paths.data_folder())
    if client is None:
        raise BadInput(NOT_RUNNING)
    return client


def all_jobs(client: Client, states: tuple[JobState, ...] = ()) -> Iterator[Job]:
    """Every job, least recently changed first."""
    since, more = 0, True
    while more:
        with _plainly():
            page = client.jobs(since, states=states)
        yield from page.jobs
        since, more = page.revision, page.more


def watch(client: Client, wait_s: float = 20.0) -> Iterator[Job]:
    """What is queued or running, then every change; ends when nothing is queued or running any more."""
    with _plainly():
        since = client.jobs(LATEST).revision
    active = set()
    for job in all_jobs(client, (JobState.QUEUED, JobState.RUNNING)):
        active.add(job.id)
        yield job
    while active:
        with _plainly():
            page = client.jobs(since, wait_s=wait_s)
        since = page.revision
        for job in page.jobs:
            if job.id in active or job.state not in FINAL:
                (active.discard if job.state in FINAL else active.add)(job.id)
                yield job


@contextmanager
def _plainly() -> Iterator[None]:
    """Turns the link's errors into ours."""
    try:
        yield
    except Unreachable:
        raise BadInput(NOT_RUNNING) from None
    except LinkError as error:
        raise BadInput(str(error)) from None
