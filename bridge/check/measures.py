# SPDX-License-Identifier: GPL-3.0-or-later
"""How a value becomes a `Measure`."""

from bridge.check.report import Group, Measure, Verdict


def limited(
    group: Group, name: str, value: float | None, text: str, unit: str, limit: str, ok: bool, advice: str
) -> Measure:
    """A measure that holds or fails; the advice stays only if it failed."""
    verdict = Verdict.PASS if ok else Verdict.FAIL
    return Measure(group, name, value, text, unit, limit, verdict, "" if ok else advice)


def info_only(group: Group, name: str, value: float | None, text: str, unit: str = "") -> Measure:
    """A measure without a limit."""
    return Measure(group, name, value, text, unit, "", Verdict.INFO)


def not_measured(group: Group, name: str) -> Measure:
    """In place of what a brief check leaves out."""
    return info_only(group, name, None, "not measured in a draft")
