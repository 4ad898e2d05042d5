"""`docs/checks.md` has every measure of the check, with the limit that the code holds it to."""

import ast
import importlib
import inspect
import re
from pathlib import Path

from bridge.check import measures

ROOT = Path(__file__).parents[2]
MAKERS = {
    name: list(inspect.signature(maker).parameters)
    for name, maker in inspect.getmembers(measures, inspect.isfunction)
    if maker.__module__ == measures.__name__
}
"""what makes a measure of a value, and the names of its arguments"""


def sources() -> list[Path]:
    """Where measures may be made."""
    return [
        path for path in sorted((ROOT / "bridge" / "check").glob("*.py")) if path.stem not in ("__init__", "measures")
    ]


def measured() -> list[tuple[str, str | None]]:
    """Every measure's name, and its limit if that is the same for every video."""
    found = []
    for path in sources():
        names = vars(importlib.import_module(f"bridge.check.{path.stem}"))
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for call in ast.walk(tree):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in MAKERS:
                given = dict(zip(MAKERS[call.func.id], call.args, strict=False))
                given |= {keyword.arg or "": keyword.value for keyword in call.keywords}
                if isinstance(given["name"], ast.Constant):
                    limit = _value(given["limit"], names) if "limit" in given else ""
                    found.append((str(given["name"].value), limit))
    return found


def _value(node: ast.expr, names: dict[str, object]) -> str | None:
    """What the expression gives with a module's own names alone; None if it needs others."""
    used = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
    if used - names.keys():
        return None
    return str(eval(compile(ast.Expression(node), "limit", "eval"), names))


def documented() -> dict[str, str]:
    """The rows of the tables: a measure's name, and what stands beside it."""
    text = (ROOT / "docs" / "checks.md").read_text(encoding="utf-8")
    return dict(re.findall(r"^\| ([^|]+?) \| (.*) \|$", text, re.MULTILINE))


def test_every_measure_has_its_row_and_every_row_its_measure():
    rows = documented().keys() - {"measure", "a rule's name"}
    names = {name for name, _ in measured()}
    assert names - rows == set()
    text = "".join(path.read_text(encoding="utf-8") for path in sources())  # names that a loop goes through
    assert {row for row in rows - names if f'"{row}"' not in text} == set()


def test_the_limits_are_the_codes():
    rows = documented()
    wrong = {(name, limit): rows.get(name) for name, limit in measured() if limit and limit not in rows.get(name, "")}
    assert wrong == {}
