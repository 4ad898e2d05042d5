"""A small Ray cluster of this machine, for the tests of what runs on one."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
TRIES = 4
"""Ray gives a node's helpers 15 s to start, whatever else the machine has to do, and has no setting for it"""


@contextlib.contextmanager
def running(**head: object) -> Iterator[str]:
    """The address of a cluster with one node of two processors, which finds our code; ended afterwards."""
    os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    cluster = _started({"num_cpus": 2, "num_gpus": 0, "include_dashboard": False, **head})
    try:
        yield cluster.address
    finally:
        cluster.shutdown()


def _started(node: dict[str, object]) -> Any:
    from ray.cluster_utils import Cluster

    for _ in range(TRIES - 1):
        with contextlib.suppress(Exception):  # Ray raises this very class
            return Cluster(initialize_head=True, head_node_args=node)
    return Cluster(initialize_head=True, head_node_args=node)
