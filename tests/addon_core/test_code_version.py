"""Versions made from code (`blender_addon/core/code_version.py`), and that each covers all the code it stands for."""

import shutil
from pathlib import Path

import pytest

from blender_addon.core.code_version import code_version

CODE = '"""Doc."""\n\n\ndef double(x):\n    """Doc."""\n    return f"{x * 2}"  # twice\n'
SAME = {
    "comments": CODE.replace("# twice", "# two times"),
    "docstrings": CODE.replace("Doc.", "Other."),
    "no docstrings": CODE.replace('    """Doc."""\n', ""),
    "line endings": CODE.replace("\n", "\r\n"),
    "layout": CODE.replace("x * 2", "x*2").replace("\n\n\n", "\n"),
}
OTHER = {
    "a number": CODE.replace("2", "3"),
    "a name": CODE.replace("double", "twice"),
    "a default": CODE.replace("(x)", "(x=1)"),
    "an operator": CODE.replace("*", "+"),
}


def version_of(folder: Path, code: str) -> str:
    code_version.cache_clear()
    (folder / "room").mkdir(exist_ok=True)
    (folder / "room" / "code.py").write_bytes(code.encode())
    return code_version(folder / "room")


@pytest.mark.parametrize("code", SAME.values(), ids=SAME.keys())
def test_what_changes_nothing_keeps_the_version(tmp_path, code):
    assert version_of(tmp_path, code) == version_of(tmp_path, CODE)


@pytest.mark.parametrize("code", OTHER.values(), ids=OTHER.keys())
def test_what_changes_something_gives_another(tmp_path, code):
    assert version_of(tmp_path, code) != version_of(tmp_path, CODE)


def test_every_file_of_a_folder_counts_and_the_folder_may_be_anywhere(tmp_path):
    here, there = tmp_path / "here" / "room", tmp_path / "there" / "room"
    here.mkdir(parents=True)
    (here / "a.py").write_text(CODE)
    (here / "deep").mkdir()
    (here / "deep" / "b.py").write_text("B = 1\n")
    before = code_version(here)
    shutil.copytree(here, there)
    assert code_version(there) == before
    (there / "deep" / "b.py").write_text("B = 2\n")
    code_version.cache_clear()
    assert code_version(there) != before


def test_it_is_the_same_in_every_supported_python(tmp_path):
    """A cluster's nodes, and Blender beside the bridge, have a Python of their own; the tests run on each."""
    assert version_of(tmp_path, CODE) == "c8916a616cfa"
