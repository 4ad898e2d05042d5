"""How tests wait for what other processes do: as long as a busy machine may need, since only what hangs should fail."""

import time
from collections.abc import Callable

PATIENCE_S = 300.0


def wait_until(condition: Callable[[], object], meanwhile: Callable[[], object] = lambda: None) -> None:
    """Asks again and again until the condition holds, doing something in between.

    Raises:
        AssertionError: it did not come to hold within `PATIENCE_S`.
    """
    end_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end_s, "waited too long"
        meanwhile()
        time.sleep(0.02)
