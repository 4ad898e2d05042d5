# SPDX-License-Identifier: GPL-3.0-or-later
"""`beatboard jobs`: the running bridge's queue."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from bridge.cli import options

if TYPE_CHECKING:
    from blender_addon.core.types import Job


def add(commands: options.Subparsers) -> None:
    """Adds it to the command line."""
    one = commands.add_parser("jobs", help="list, follow, cancel and retry the bridge's jobs")
    what = one.add_subparsers(required=True, metavar="WHAT")
    listing = what.add_parser("list", help="list every job and its state")
    options.add_json(listing)
    listing.set_defaults(command=run_list)
    what.add_parser("watch", help="follow queued and running jobs until they end").set_defaults(command=run_watch)
    for name, text in (
        ("cancel", "stop jobs"),
        ("retry", "queue failed or cancelled jobs again"),
        ("delete", "forget jobs that have ended"),
    ):
        verb = what.add_parser(name, help=text)
        verb.add_argument("ids", nargs="+", metavar="JOB")
        verb.set_defaults(command=run_verb, verb=name)


def run_list(arguments: argparse.Namespace) -> int:
    """Runs `jobs list`."""
    from bridge.cli import show
    from bridge.jobs import client

    jobs = list(client.all_jobs(client.connect()))
    if arguments.json:
        options.write_json(jobs, arguments.json)
    if str(arguments.json) != "-":
        show.show_jobs(jobs)
    return 0


def run_watch(arguments: argparse.Namespace) -> int:  # noqa: ARG001 - it has no options
    """Runs `jobs watch`."""
    from bridge.jobs import client

    for job in client.watch(client.connect()):
        print(line(job), flush=True)
    return 0


def run_verb(arguments: argparse.Namespace) -> int:
    """Runs `jobs cancel`, `jobs retry` and `jobs delete`."""
    from blender_addon.client.client import LinkError
    from bridge.common.errors import BadInput
    from bridge.jobs import client

    bridge = client.connect()
    for job_id in arguments.ids:
        try:
            if arguments.verb == "delete":
                bridge.delete(job_id)
            else:
                print(line(bridge.cancel(job_id) if arguments.verb == "cancel" else bridge.retry(job_id)))
        except LinkError as error:
            raise BadInput(str(error)) from None
    return 0


def line(job: Job) -> str:
    """A job in one line."""
    return f"{job.id}  {job.request.shot_id:<6} {job.state.value:<9} {job.progress:4.0%}  {job.error or job.stage}"
