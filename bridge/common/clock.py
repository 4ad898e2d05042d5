# SPDX-License-Identifier: GPL-3.0-or-later
"""The time that deadlines and limits go by. In one place, so that a test or the soak can let it jump.

It never goes back when somebody sets the computer's clock.
"""

import time


def now_s() -> float:
    """Seconds since some moment in the past."""
    return time.monotonic()
