"""In continuous integration a skipped test is a failure, unless its reason is listed here: nothing rots unseen."""

import importlib.util
import os

import pytest

ALLOWED = {
    "no GPU here": "continuous integration has none",
    "comes with torch for CUDA": "the same",
    "needs a Blender with a window: scripts/gui/test_gui.sh sets one up": "a download of 1.3 GB and a virtual screen",
    "needs the extra beat-this": "its torchaudio comes for CUDA alone, and does not load beside the CPU's torch",
}
"""what a skip's reason begins with, and why that is right"""
if importlib.util.find_spec("torch") is None:
    ALLOWED |= {"needs the gpu extra": "the second half of scripts/test.sh --engines has it"}
    ALLOWED |= {"needs the runway extra": "the same", "needs the fal extra": "the same"}


def is_strict() -> bool:
    return os.environ.get("CI") == "true"


def refuse(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Makes a skip a failure, unless it is an expected failure or its reason is allowed."""
    if not is_strict() or report.outcome != "skipped" or hasattr(report, "wasxfail"):
        return
    assert isinstance(report.longrepr, tuple)
    reason = report.longrepr[2].removeprefix("Skipped: ")
    if not reason.startswith(tuple(ALLOWED)):
        report.outcome = "failed"
        report.longrepr = f"{report.nodeid} is skipped ({reason}), and tests/allowed_skips.py does not allow that here"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    report = yield
    refuse(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report():
    report = yield
    refuse(report)
    return report
