# SPDX-License-Identifier: GPL-3.0-or-later
"""Files in the user's folders: what Beatboard did not write, or what was changed since, is never replaced.

What we write is remembered by its content, so a file is still known as ours when it was moved, and no longer when it
was edited.
"""

import itertools
from pathlib import Path

from bridge.common import files, paths
from bridge.common.errors import BadInput


def is_ours(path: Path) -> bool:
    """Whether the file is as we wrote it."""
    return path.is_file() and files.sha256_of(path) in _written()


def remember(*written: Path) -> None:
    """Called once a file lies in a user's folder as a whole."""
    hashes = [files.sha256_of(path) for path in written]
    with (paths.data_folder() / "written.txt").open("a", encoding="ascii") as file:
        file.writelines(f"{value}\n" for value in hashes)


def must_be_free(path: Path | None, *, overwrite: bool = False) -> None:
    """Refuses a name that the user gave for what would replace a file of theirs. Call it before any work.

    Raises:
        BadInput: there is such a file, and it is not as we wrote it.
    """
    if path is None or str(path) == "-":
        return
    files.check_writable(path)
    if path.exists() and not overwrite and not is_ours(path):
        raise BadInput(f"{path} exists and is not as Beatboard wrote it: name another file, or add --overwrite.")


def free_name(path: Path) -> Path:
    """The name for a file that goes beside one that the user named: `path`, or `<stem>-2`, `-3` and so on."""
    names = itertools.chain([path], (path.with_stem(f"{path.stem}-{n}") for n in itertools.count(2)))
    return next(name for name in names if not name.exists() or is_ours(name))


def _written() -> set[str]:
    try:
        return set((paths.data_folder() / "written.txt").read_text(encoding="ascii").split())
    except FileNotFoundError:
        return set()
