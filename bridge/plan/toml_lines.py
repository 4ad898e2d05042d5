# SPDX-License-Identifier: GPL-3.0-or-later
"""On which line of a TOML file a key stands, which `tomllib` does not tell."""

import re

_TOKEN = re.compile(r'"""(?:\\.|[^\\])*?"""|\'\'\'.*?\'\'\'|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'|#[^\n]*', re.DOTALL)
_HEADER = re.compile(r"^\s*\[+\s*([^\[\]\n]+?)\s*\]+", re.MULTILINE)


class TomlLines:
    """The lines of the keys of a valid TOML file with one list of tables, `[[shots]]`."""

    def __init__(self, text: str) -> None:
        self._text = _TOKEN.sub(_blank, text)
        headers = list(_HEADER.finditer(self._text))
        self._shots = [header.start() for header in headers if _bare(header[1]) == "shots"]
        self._ends = [*sorted(header.start() for header in headers), len(text)]
        self._headers = {_bare(header[1]).split(".")[0]: header.start(1) for header in reversed(headers)}

    def of(self, key: str, shot: int | None = None) -> int | None:
        """The line, from 1, on which a key stands: in the `shot`th table of `[[shots]]`, or outside of all tables.

        A list of tables counts as a key, which stands on its first header. None if the key is written unusually.
        """
        if shot is not None and shot < len(self._shots):
            start = self._text.index("]", self._shots[shot])
            place = self._find(key, start, min(end for end in self._ends if end > start))
        else:
            inside = (0, self._ends[0]) if shot is None else (0, len(self._text))
            place = self._find(key, *inside)
        if place is None and shot is None:
            place = self._headers.get(key)
        return None if place is None else self._text.count("\n", 0, place) + 1

    def _find(self, key: str, start: int, end: int) -> int | None:
        spelled = rf"(?:{re.escape(key)}|\"{re.escape(key)}\"|'{re.escape(key)}')"
        found = re.compile(rf"(?<![\w.\"'-]){spelled}\s*[=.]").search(self._text, start, end)
        return found.start() if found else None


def _bare(name: str) -> str:
    return name.strip().strip("\"'")


def _blank(token: re.Match[str]) -> str:
    """Empties comments and values, keeps quoted keys, and keeps every line where it is."""
    text = token[0]
    is_key = re.match(r"\s*[=.\]]", token.string[token.end() :]) and "\n" not in text
    return text if is_key else re.sub(r"[^\n]", " ", text)
