# SPDX-License-Identifier: GPL-3.0-or-later
"""How long Blender's main thread keeps a 60 Hz timer waiting while clips stream in, against the same Blender idle.

And against the same Blender while a strip's colour is changed: what one redraw of the sequencer takes here.

    python scripts/bench/ui.py [--quick]

Opens a real Blender in a window on a virtual display, as scripts/gui/test_gui.sh does (see there for how it is found or
installed). Each clip takes ten seconds, as the animatic does at 1080p, and tells of its progress ten times a second;
as many are made at once as the bridge has workers.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from scripts.measuring import ROOT, figure, parser


def main() -> int:
    """Runs the benchmark; its figures go to standard output."""
    options = parser(__doc__).parse_args()
    with tempfile.TemporaryDirectory(prefix="beatboard-bench-") as folder:
        states = measure(Path(folder), idle_s=5.0 if options.quick else 20.0)
    figures: dict[str, float] = {}
    for state, prefix in (("idle", "ui_idle_gap"), ("edited", "ui_edit_gap"), ("streaming", "ui_gap")):
        gaps, longest = states[state]["gaps"], states[state]["longest"]
        print(f"{state}: {len(gaps)} ticks; the longest gaps, and what began when in them (and took how long), in ms:")
        for gap_ms, ran in longest:
            print(f"  {gap_ms:6.1f}: {'; '.join(ran) or 'nothing of ours'}")
        figures |= {f"{prefix}_p99_ms": quantile(gaps, 0.99), f"{prefix}_max_ms": max(gaps)}
    for name, value in figures.items():
        figure(name, value, "ms")
    return 0


def measure(folder: Path, idle_s: float) -> dict[str, Any]:
    """Of "idle", "edited", "streaming": `gaps` between ticks in milliseconds, the `longest` with what ran in them."""
    environment = os.environ | {
        "BEATBOARD_GUI_DRIVER": str(ROOT / "scripts" / "gui" / "bench_driver.py"),
        "BEATBOARD_GUI_LENGTH": str(idle_s),
        "BEATBOARD_GUI_WORK": str(folder),
    }
    done = subprocess.run(
        [str(ROOT / "scripts" / "gui" / "test_gui.sh")], env=environment, stdout=sys.stderr, check=False
    )
    gaps = folder / "gaps.json"
    if done.returncode or not gaps.is_file():
        sys.exit("bench/ui.py: Blender did not get to the end; out/gui/blender.log says why.")
    return json.loads(gaps.read_text(encoding="utf-8"))


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which this share of the values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


if __name__ == "__main__":
    sys.exit(main())
