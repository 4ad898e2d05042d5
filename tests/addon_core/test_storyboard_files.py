"""What a storyboard names beside itself is found from anywhere."""

import tomllib

from blender_addon.core import storyboard_files

BOARD = """title = "Night"
character = "my hero.png"
font='Poster.otf'
# font = "hero.png"
[[shot]]
prompt = "a font = 'of light'"
"""


def test_files_beside_it_get_their_whole_paths(tmp_path):
    (tmp_path / "my hero.png").touch()
    (tmp_path / "Poster.otf").touch()
    before = tomllib.loads(BOARD)
    after = tomllib.loads(storyboard_files.written_out(BOARD, tmp_path))
    assert after == before | {
        "character": (tmp_path / "my hero.png").as_posix(),
        "font": (tmp_path / "Poster.otf").as_posix(),
    }
    assert storyboard_files.character(BOARD, tmp_path) == tmp_path / "my hero.png"


def test_what_is_not_there_is_left_to_the_bridge(tmp_path):
    assert storyboard_files.written_out(BOARD, tmp_path) == BOARD
    assert storyboard_files.character(BOARD, tmp_path) is None
    assert storyboard_files.character("title = ", tmp_path) is None
    assert storyboard_files.character("character = 3", tmp_path) is None


def test_the_shots_own_files_are_found_in_their_folder(tmp_path):
    (tmp_path / "shoot").mkdir()
    for name in ("band.png", "live.mp4"):
        (tmp_path / "shoot" / name).touch()
    board = 'material = "shoot/"\n[[shots]]\nimage = "band.png"\n[[shots]]\nclip = "live.mp4"\n'
    shots = tomllib.loads(storyboard_files.written_out(board, tmp_path))["shots"]
    assert shots[0]["image"] == (tmp_path / "shoot" / "band.png").as_posix()
    assert shots[1]["clip"] == (tmp_path / "shoot" / "live.mp4").as_posix()
    assert storyboard_files.own_shots(board) == {"s01": "band.png", "s02": "live.mp4"}
    assert storyboard_files.own_shots("shots = 3") == storyboard_files.own_shots("[") == {}
