"""What is not ours, or was changed since, keeps its name and its content."""

import pytest

from bridge.cli.main import main
from bridge.common import user_files
from bridge.common.errors import BadInput


@pytest.fixture(autouse=True)
def _home(tmp_path, monkeypatch):
    monkeypatch.setenv("BEATBOARD_HOME", str(tmp_path / "home"))


def test_ours_is_known_by_its_content(tmp_path):
    path, moved = tmp_path / "a.html", tmp_path / "b.html"
    path.write_text("ours")
    assert not user_files.is_ours(path)
    user_files.remember(path)
    assert user_files.is_ours(path)
    path.rename(moved)
    assert user_files.is_ours(moved)
    moved.write_text("edited")
    assert not user_files.is_ours(moved)


def test_a_name_beside_is_the_first_that_takes_nothing(tmp_path):
    path = tmp_path / "song.blend"
    assert user_files.free_name(path) == path
    path.write_text("theirs")
    assert user_files.free_name(path) == tmp_path / "song-2.blend"
    (tmp_path / "song-2.blend").write_text("ours")
    user_files.remember(tmp_path / "song-2.blend")
    assert user_files.free_name(path) == tmp_path / "song-2.blend", "ours is replaced"
    (tmp_path / "song-2.blend").write_text("ours, edited")
    assert user_files.free_name(path) == tmp_path / "song-3.blend"


def test_a_name_that_was_asked_for_is_refused_before_any_work(tmp_path):
    path = tmp_path / "grid.json"
    user_files.must_be_free(path)
    path.write_text("theirs")
    with pytest.raises(BadInput, match="--overwrite"):
        user_files.must_be_free(path)
    user_files.must_be_free(path, overwrite=True)
    assert path.read_text() == "theirs"


def test_commands_write_again_what_they_wrote_and_nothing_else(tmp_path, capsys):
    from PIL import Image

    cover, cube = tmp_path / "cover.png", tmp_path / "grade.cube"
    Image.effect_noise((64, 64), 90).convert("RGB").save(cover)
    cube.write_text("a grade of theirs")
    assert main(["look", str(cover), "--cube", str(cube)]) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert cube.read_text() == "a grade of theirs"
    assert main(["look", str(cover), "--cube", str(cube), "--overwrite"]) == 0
    assert main(["look", str(cover), "--cube", str(cube)]) == 0, "ours now"
