# SPDX-License-Identifier: GPL-3.0-or-later
"""Versions made from code, for the names of what is kept on disk: nobody has to remember to raise a number.

What a cache holds was made by some code. Named by the hash of that code, it is made again when the code changes, and
only then: comments, docstrings, layout and line endings don't count, nor does the version of Python.
"""

import ast
import hashlib
from functools import cache
from pathlib import Path
from typing import Any


@cache
def code_version(*sources: Path) -> str:
    """Names what the sources do: 12 hex digits, the same on every machine that has the same code.

    Args:
        sources: Python files, and folders, of which every Python file below counts.
    """
    parts = [
        (path.relative_to(source.parent).as_posix(), _meaning(ast.parse(path.read_bytes())))
        for source in sources
        for path in ([source] if source.is_file() else sorted(source.rglob("*.py")))
    ]
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:12]


def _meaning(node: Any) -> Any:
    """The syntax tree as plain lists. What is empty is left out, since versions of Python differ in what they list."""
    if isinstance(node, list):
        return [_meaning(entry) for entry in node if not _is_docstring(entry)]
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = [(name, value) for name, value in ast.iter_fields(node) if value not in (None, []) and name != "ctx"]
    return [type(node).__name__, *((name, _meaning(value)) for name, value in fields)]


def _is_docstring(node: Any) -> bool:
    """Whether it is a string that nobody reads: a docstring, or one below an attribute."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
