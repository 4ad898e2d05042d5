"""Odd places: no home, links, names that aren't UTF-8, streams that are closed or can't show a sign."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bridge.common import files, paths
from bridge.common.errors import BadInput

ROOT = Path(__file__).parents[2]


@pytest.fixture
def no_home(tmp_path, monkeypatch):
    """Neither data nor caches can be written to; the temporary folder can."""
    monkeypatch.delenv("BEATBOARD_HOME", raising=False)
    (tmp_path / "file").write_text("in the way")
    for name in ("XDG_DATA_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "file" / "home"))
    monkeypatch.setattr(paths.tempfile, "gettempdir", lambda: str(tmp_path / "temporary"))
    paths._usable.cache_clear()
    yield tmp_path / "temporary"
    paths._usable.cache_clear()


def test_without_a_home_a_temporary_place_is_used_and_told_once(no_home, capsys):
    assert paths.data_folder().is_relative_to(no_home)
    assert paths.cache_folder().is_relative_to(no_home)
    assert paths.data_folder() != paths.cache_folder()
    told = capsys.readouterr().err
    assert told.count("BEATBOARD_HOME") == 2, "once for data, once for caches"


def test_a_home_that_was_named_and_cannot_be_used_is_refused(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("BEATBOARD_HOME", str(tmp_path / "file" / "home"))
    with pytest.raises(BadInput, match="name another with BEATBOARD_HOME"):
        paths.data_folder()


def test_a_link_as_an_output_stays_one(tmp_path):
    (tmp_path / "real.json").write_text("old")
    (tmp_path / "latest.json").symlink_to("real.json")
    files.write_text(tmp_path / "latest.json", "new")
    assert (tmp_path / "latest.json").is_symlink()
    assert (tmp_path / "real.json").read_text() == "new"


def test_a_name_that_is_not_utf8_is_refused_before_any_work(tmp_path):
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    with pytest.raises(BadInput, match="not UTF-8"):
        files.check_writable(folder / "video.mp4")


@pytest.fixture
def cover(tmp_path):
    from PIL import Image

    Image.effect_noise((64, 64), 90).convert("RGB").save(tmp_path / "cover.png")
    return tmp_path / "cover.png"


def run(arguments: str, tmp_path: Path, **environment: str) -> subprocess.CompletedProcess[bytes]:
    command = f"'{sys.executable}' -m bridge {arguments}"
    home = {"BEATBOARD_HOME": str(tmp_path / "home"), "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, shell=True, capture_output=True, env=os.environ | home | environment, check=False)


def test_a_terminal_that_lacks_a_sign_ends_nothing(cover, tmp_path):
    done = run(f"look {cover}", tmp_path, PYTHONIOENCODING="cp1252")
    assert (done.returncode, done.stderr) == (0, b"")
    done = run(f"look {cover} --json -", tmp_path, PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert done.stdout.decode("ascii").strip().endswith("}")


def test_closed_streams_end_nothing(cover, tmp_path):
    assert run(f"look {cover} 2>&-", tmp_path).returncode == 0
    assert run(f"look {cover} >&-", tmp_path).returncode == 0
    assert run("look nowhere.png 2>&-", tmp_path).returncode == 2
