# SPDX-License-Identifier: GPL-3.0-or-later
"""What the terminal shows, at the width of the narrowest one."""

from blender_addon.core.rules import Rule, Violation
from blender_addon.core.types import ShotKind
from bridge.cli import show
from bridge.plan.explain import Explanation, Row

WHY = "the drop, the hardest cut; chorus starts; the first chorus hits: one beat held; loud: 2 bars"
PROMPT = "wide shot of a keeper, running [along] the shore, a stormy coast, deep teal, warm amber light, ink drawing"


def row(shot_id, **changes):
    values = {"start_s": 123.4, "length_s": 40.0, "bars": 16, "act": 2, "kind": ShotKind.MOTION, "framing": "medium"}
    values |= {"energy": 0.5, "motion": 180, "hold_s": 0.5, "prompt": PROMPT, "why": WHY}
    return Row(id=shot_id, **(values | changes))


def test_a_plan_is_told_whole_at_80_columns(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    broken = (Violation(Rule.SECTIONS, 48, "The section verse B starts without a new shot."),)
    show.show_plan(Explanation(("12 shots.",), (row("s01", bars=None), row("s10bc", start_s=3599.9)), broken))
    *table, told = capsys.readouterr().out.splitlines()
    assert max(map(len, table)) <= 80
    shown = " ".join(" ".join(table).split())
    assert "\u2026" not in shown
    assert shown.count(WHY) == shown.count(PROMPT) == 2
    assert "s01 123.40 s 40.00 s - 2 medium 0.50 180" in shown
    assert "s10bc 3599.90 s 40.00 s 16 2 medium 0.50 180" in shown
    rule = "A new section starts a new shot"
    assert told == f"Broken at frame 48: {rule}. The section verse B starts without a new shot."


def test_the_figures_stand_under_their_names(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    show.show_plan(Explanation((), (row("s01"),), ()))
    names, figures = capsys.readouterr().out.splitlines()[:2]
    for name, figure in (
        ("from", "123.40 s"),
        ("long", "40.00 s"),
        ("bars", "16"),
        ("energy", "0.50"),
        ("motion", "180"),
    ):
        assert names.index(name) + len(name) == figures.index(figure) + len(figure)
