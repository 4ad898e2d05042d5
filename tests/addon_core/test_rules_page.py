# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/rules.md and the rules in code tell the same."""

import re
from pathlib import Path

from blender_addon.core import rules

PAGE = (Path(__file__).parents[2] / "docs" / "rules.md").read_text(encoding="utf-8")


def limits():
    """The figures of the module: single numbers and pairs."""
    named = {name: value for name, value in vars(rules).items() if name.isupper() and name[0] != "_"}
    return {name: value for name, value in named.items() if isinstance(value, (int, float, tuple))}


def test_each_rule_has_its_heading_in_order():
    headings = re.findall(r"^## (.+)$", PAGE, re.MULTILINE)
    assert headings == [*(rule.value for rule in rules.Rule), "Where two can't both hold"]


def test_each_rule_says_where_it_gives_way():
    sections = re.split(r"^## .+$", PAGE, flags=re.MULTILINE)[1:-1]
    assert all(re.search(r"gives way|always ends", section) for section in sections)


def test_each_limit_is_told_with_its_value():
    told = dict(re.findall(r"`([A-Z_]+)`\s\(([^)]*)\)", PAGE))
    figures = {name: [float(number) for number in re.findall(r"\d+(?:\.\d+)?", text)] for name, text in told.items()}
    assert figures == {name: [*value] if isinstance(value, tuple) else [value] for name, value in limits().items()}
