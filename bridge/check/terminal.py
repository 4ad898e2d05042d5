# SPDX-License-Identifier: GPL-3.0-or-later
"""The report for the terminal."""

from pathlib import Path

from rich.markup import escape
from rich.table import Table

from bridge.check.report import CheckReport, Verdict

_MARKS = {
    Verdict.PASS: "[green]✓ pass[/]",
    Verdict.FAIL: "[bold red]✗ fail[/]",
    Verdict.INFO: "[dim]· info[/]",
}


def table(report: CheckReport) -> Table:
    """Every measure with its value, limit and verdict; what to do about it below each one that failed."""
    failed = len(report.failed)
    outcome = "[green]everything holds[/]" if report.ok else f"[red]{failed} of {len(report.measures)} fail[/]"
    rows = Table(
        title=f"[bold]{escape(Path(report.video).name)}[/]  {outcome}",
        title_justify="left",
        title_style="",
        box=None,
        header_style="dim",
    )
    for name in ("", "measure", "value", "limit", "verdict"):
        rows.add_column(name, overflow="fold")
    group = None
    for measure in report.measures:
        heading = "" if measure.group == group else f"[dim]{measure.group.value}[/]"
        group = measure.group
        rows.add_row(
            heading, escape(measure.name), escape(measure.text), escape(measure.limit), _MARKS[measure.verdict]
        )
        if measure.advice:
            rows.add_row("", "", f"[yellow]→ {escape(measure.advice)}[/]", "", "")
    return rows
