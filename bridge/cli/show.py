# SPDX-License-Identifier: GPL-3.0-or-later
"""What the command line shows while it works: a bar per stage on a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

    from blender_addon.core.messages import EnginePart, Engines
    from blender_addon.core.options import Option
    from blender_addon.core.types import CoverLook, Job, SongAnalysis
    from bridge.check import CheckReport
    from bridge.make import MakeResult
    from bridge.plan.explain import Explanation
    from bridge.render import RenderResult


OTHER_TEMPO = 0.03
"""a section's tempo is told if it is so much unlike the song's, as a share of it"""


def show_analysis(analysis: SongAnalysis) -> None:
    """The song's grid in a few lines."""
    from blender_addon.core import reading_names, regrid

    table = _table("Song")
    table.add_row("length", f"{analysis.duration_s:.1f} s")
    table.add_row("tempo", f"{analysis.tempo_bpm:.1f} bpm" if analysis.beats else "no beat found")
    table.add_row("meter", reading_names.bar_name(analysis.meter))
    chosen = regrid.reading_of(analysis)
    for number, one in enumerate(analysis.readings, start=1):
        what = reading_names.name(one) if number == 1 else reading_names.difference(one, analysis.readings[0])
        mark = "  <- this one" if number == chosen else ""
        table.add_row(f"reading {number}", f"{what}, {one.share:.0%} likely{mark}")
    table.add_row("beats, downbeats", f"{len(analysis.beats)}, {len(analysis.downbeats_s)}")
    table.add_row("confidence", f"{analysis.confidence:.0%} likely that a downbeat is right")
    table.add_row("drop", f"{analysis.drop_s:.2f} s" if analysis.drop_s is not None else "none")
    for section in analysis.sections:
        place = f"{section.start_s:7.2f} - {section.end_s:7.2f} s   energy {section.energy:.2f}"
        if section.tempo_bpm and abs(section.tempo_bpm / analysis.tempo_bpm - 1) > OTHER_TEMPO:
            place += f"   {section.tempo_bpm:.1f} bpm"
        table.add_row(f"{section.label} {section.role.value}", place)
    for gap in analysis.drum_gaps:
        table.add_row("drum gap", f"{gap.start_s:7.2f} - {gap.end_s:7.2f} s")
    _print(table)
    if choice := reading_names.choice(analysis):
        _print(choice)


def show_comparison(heard: Sequence[SongAnalysis], chosen: SongAnalysis) -> None:
    """What each tracker hears: its bars, and how many of its downbeats the chosen one has too."""
    from rich.table import Table

    from blender_addon.core import regrid

    table = Table(title="Trackers", title_justify="left", title_style="bold", box=None, header_style="bold")
    for name in ("tracker", "tempo", "beats a bar", "from", "downbeats", "in common", "sure"):
        table.add_column(name, overflow="fold")
    for one in heard:
        first = f"{one.downbeats_s[0]:.2f} s" if one.downbeats_s else "none"
        table.add_row(
            one.tracker,
            f"{one.tempo_bpm:.1f} bpm",
            str(one.meter),
            first,
            str(len(one.downbeats_s)),
            f"{regrid.downbeats_in_common(one, chosen):.0%}",
            f"{one.confidence:.0%}",
        )
    _print(table)


_INDENT = 6
_RENDER_PARTS = {"build": "building the edit", "render": "the frames", "join": "joining with the sound"}


def show_look(look: CoverLook) -> None:
    """The palette as coloured bars, with names."""
    from rich.text import Text

    from blender_addon.core import textures

    table = _table("Cover")
    for color in look.palette:
        bar = Text("█" * max(1, round(color.weight * 40)), style="#{:02x}{:02x}{:02x}".format(*color.rgb))
        table.add_row(f"{color.name}  {color.weight:.0%}", bar)
    table.add_row("words", ", ".join(look.words))
    found = {name: getattr(look.texture, name) for name in textures.NAMES}
    table.add_row("texture", ", ".join(f"{name} {amount:.3f}" for name, amount in found.items() if amount) or "none")
    _print(table)


def show_plan(explanation: Explanation) -> None:
    """What was decided on the whole, then every shot: where, how long, what, and why it is cut there."""
    from rich.padding import Padding
    from rich.text import Text

    for line in explanation.summary:
        _print(line)
    _print(Text("shot        from      long  bars  act  framing  energy  motion", style="bold"))
    for row in explanation.rows:
        place = f"{row.id:<6}{row.start_s:>8.2f} s{row.length_s:>8.2f} s{row.bars or '-':>6}{row.act:>5}"
        _print(Text(f"{place}  {row.framing:<7}{row.energy:>8.2f}{row.motion:>8}"))
        _print(
            Padding(Text(row.why), (0, 0, 0, _INDENT))
        )  # whole, below: beside the figures there is no room for words
        _print(Padding(Text(row.prompt, style="dim"), (0, 0, 0, _INDENT)))
    for violation in explanation.broken:
        _print(f"Broken at frame {violation.frame}: {violation.rule}. {violation.sentence}")


def show_result(result: MakeResult) -> None:
    """What was made, how it measures, and the time that each stage took."""
    from bridge.check import table

    _print(table(result.check))
    if result.likeness:
        likeness = _table("Likeness of the keyframes")
        for shot_id, value in result.likeness.items():
            likeness.add_row(shot_id, f"{value:.2f}")
        _print(likeness)
    times = _table("Time")
    for title, seconds in result.seconds.items():
        times.add_row(title, f"{seconds:.1f} s")
    for part, seconds in result.render_s.items():
        times.add_row(f"  of the render, {_RENDER_PARTS[part]}", f"{seconds:.1f} s")
    times.add_row("in all", f"{sum(result.seconds.values()):.1f} s")
    _print(times)
    for name, path in (("video", result.video), ("Blender file", result.blend), ("report", result.page)):
        _print(f"{name:<13} {path}")


def show_render(result: RenderResult) -> None:
    """What was made, and how much of it was there already."""
    kept = result.segments - result.segments_rendered
    _print(f"video         {result.path}")
    _print(f"segments      {result.segments_rendered} rendered, {kept} kept from before")


def show_check(report: CheckReport, page: Path) -> None:
    """Every measure with its verdict."""
    from bridge.check import table

    _print(table(report))
    _print(f"report        {page}")


def show_engines(engines: Engines) -> None:
    """Which painters and animators can run, and what the others lack."""
    from rich.markup import escape

    tables = {"Painters make the stills": engines.painters, "Animators make them move": engines.animators}
    for title, parts in tables.items():
        table = _table(title)
        for part in parts:
            table.add_row(part.name, "ready" if part.available else "not here", part.description)
        _print(table)
    lacking: dict[str, list[str]] = {}
    for part in (*engines.painters, *engines.animators):
        if not part.available:
            lacking.setdefault(part.missing, []).append(part.name)
    if lacking:
        needs = _table("Those that are not here need")
        for missing, names in lacking.items():
            needs.add_row(", ".join(names), escape(missing))
        _print(needs)
    _print("An engine is one of each, as in `--engine sdxl+svd`; `animatic` is cover+camera.")
    _print("`beatboard engines sdxl+svd` lists its options and the graphics card it needs.")


def show_engine(name: str, parts: Sequence[EnginePart], options: Sequence[Option]) -> None:
    """One engine, painter or animator: what it needs, can do, and may be asked."""
    from rich.markup import escape
    from rich.table import Table

    facts = _table(name)
    for part in parts:
        facts.add_row(part.name, part.description)
        facts.add_row("", "ready" if part.available else f"needs {escape(part.missing)}")
        facts.add_row("", ", ".join(capabilities(part)))
        for line in (*part.memory, *part.licences):
            facts.add_row("", escape(line))
    _print(facts)
    table = Table(title="Options", title_justify="left", title_style="bold", box=None, header_style="bold")
    for column in ("option", "what it does", "takes", "default"):
        table.add_column(column, overflow="fold")
    for option in options:
        table.add_row(option.name, option.help, option.takes, option.default or option.automatic)
    _print(table)


def capabilities(part: EnginePart) -> list[str]:
    """What a painter or animator declares, in words."""
    labels = {
        "made for a graphics card": part.needs_gpu,
        "costs money": part.costs_money,
        "paints a video's keyframes together": part.paints_together,
        "can end a shot on a given picture": part.takes_last_frame,
        "reads the prompt": part.takes_words,
    }
    return [words for words, is_so in labels.items() if is_so] or ["runs on the processor"]


def show_jobs(jobs: Sequence[Job]) -> None:
    """The queue."""
    from rich.table import Table

    table = Table(box=None, header_style="bold")
    for name in ("job", "shot", "state", "", "doing"):
        table.add_column(name, no_wrap=name != "doing", overflow="fold")
    for job in jobs:
        progress = f"{job.progress:.0%}"
        table.add_row(job.id, job.request.shot_id, job.state.value, progress, job.error or job.stage)
    _print(table)


def _table(title: str) -> Table:
    from rich.table import Table

    return Table(title=title, title_justify="left", title_style="bold", box=None, show_header=False)


def _print(what: object) -> None:
    from rich.console import Console

    Console(highlight=False).print(what, soft_wrap=isinstance(what, str))
