"""A folder of material: what is found, named, left out, kept."""

import shutil

import cv2
import pytest

from bridge.common.errors import BadInput
from bridge.material import folder as folders
from bridge.material.folder import watch_folder
from tests.material.made_clips import moving, texture, write


def silent(progress, stage):
    pass


@pytest.fixture
def shoot(tmp_path, monkeypatch):
    monkeypatch.setenv("BEATBOARD_HOME", str(tmp_path / "home"))
    folder = tmp_path / "shoot"
    (folder / "day two").mkdir(parents=True)
    write(folder / "day two" / "b.MOV", moving(1.0, lambda t: 20))
    cv2.imwrite(str(folder / "a.png"), texture(2))
    return folder


def test_bad_files_are_named_and_the_rest_goes_on(shoot):
    (shoot / "broken.mp4").write_bytes(b"no video")
    (shoot / "empty.jpg").touch()
    (shoot / "notes.txt").write_text("not for us")
    (shoot / ".hidden.mp4").write_bytes(b"")
    found = watch_folder(shoot, silent)
    assert [item.name for item in found.items] == ["a.png", "day two/b.MOV"]
    assert [line.split(" is left out: ")[0] for line in found.left_out] == ["broken.mp4", "empty.jpg"]


def test_each_file_is_measured_once_and_a_stop_loses_only_the_one_under_way(shoot, monkeypatch):
    write(shoot / "z.mp4", moving(1.0, lambda t: 20, seed=9))
    real, asked = folders.watching.measure_clip, []

    def stopped(path, tell):
        asked.append(path.name)
        if path.name == "z.mp4" and len(asked) == 2:
            raise KeyboardInterrupt
        return real(path, tell)

    monkeypatch.setattr(folders.watching, "measure_clip", stopped)
    with pytest.raises(KeyboardInterrupt):
        watch_folder(shoot, silent)
    watch_folder(shoot, silent)
    watch_folder(shoot, silent)
    assert asked == ["b.MOV", "z.mp4", "z.mp4"]


def test_the_files_are_left_as_they_are_and_copies_count_once(shoot):
    shutil.copy(shoot / "a.png", shoot / "copy.png")
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in shoot.rglob("*") if path.is_file()}
    assert len(watch_folder(shoot, silent).items) == 2
    assert before == {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in shoot.rglob("*") if path.is_file()}


def test_a_folder_without_material_is_one_sentence(tmp_path):
    with pytest.raises(BadInput, match="There is no folder"):
        watch_folder(tmp_path / "gone", silent)
    with pytest.raises(BadInput, match="no picture or clip"):
        watch_folder(tmp_path, silent)


def test_the_progress_goes_up(shoot):
    told = []
    watch_folder(shoot, lambda progress, stage: told.append((progress, stage)))
    assert [progress for progress, _ in told] == sorted(progress for progress, _ in told)
    assert told[-1][1] == "watching day two/b.MOV"
