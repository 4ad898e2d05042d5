# SPDX-License-Identifier: GPL-3.0-or-later
"""How many of the processor's cores are ours."""

import os


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
