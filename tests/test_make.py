"""What `make` refuses before it spends time, and what it never overwrites."""

from pathlib import Path

import numpy as np
import pytest

from blender_addon.core import formats
from bridge import make
from bridge.cli.main import main
from bridge.common import user_files
from bridge.common.errors import BadInput
from bridge.make import MakeOptions, Project
from bridge.plan.storyboard import Storyboard

pytestmark = pytest.mark.slow


@pytest.fixture
def options(tmp_path, monkeypatch):
    monkeypatch.setenv("BEATBOARD_HOME", str(tmp_path / "home"))
    (tmp_path / "song.wav").write_bytes(b"song")
    (tmp_path / "cover.png").write_bytes(b"cover")
    return MakeOptions(tmp_path / "song.wav", tmp_path / "cover.png", tmp_path / "out" / "video.mp4")


def changed(options: MakeOptions, **changes) -> MakeOptions:
    return make.dataclasses.replace(options, **changes)


def test_preflight_leaves_nothing_behind(options, tmp_path):
    make.preflight(options)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"animator": "camra"}, "no animator 'camra'. Did you mean 'camera'"),
        ({"clip_options": (("dpth", "anything"),)}, "cover.camera has no option 'dpth'. Did you mean 'depth'"),
        ({"clip_options": (("handles", "99"),)}, "handles takes a whole number from 0 to 48, not '99'"),
        ({"output": Path("video.mov")}, r"ends in \.mp4, not 'video\.mov'"),
        ({"blender": Path("/nowhere/blender")}, "There is no Blender program at /nowhere/blender"),
    ],
)
def test_preflight_refuses(options, changes, message):
    with pytest.raises(BadInput, match=message):
        make.preflight(changed(options, **changes))


def test_the_inputs_are_never_the_output(options, tmp_path):
    song = tmp_path / "song.mp4"
    song.write_bytes(b"song")
    with pytest.raises(BadInput, match="is the song itself"):
        make.preflight(changed(options, song=song, output=song))
    assert song.read_bytes() == b"song"
    inside = Project.beside(options.output).folder / "song.wav"
    inside.write_bytes(b"song")
    with pytest.raises(BadInput, match="is in the folder that `make` writes to"):
        make.preflight(changed(options, song=inside))


def test_a_folder_that_may_not_be_written_to(options, monkeypatch):
    def refuse(self, *_, **__):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "touch", refuse)  # the tests may run as root, who may write everywhere
    with pytest.raises(BadInput, match="may not be written to"):
        make.preflight(options)


def test_a_video_that_is_not_ours_is_not_replaced_unless_asked(options):
    options.output.parent.mkdir()
    options.output.write_bytes(b"a film of theirs")
    with pytest.raises(BadInput, match="--overwrite"):
        make.preflight(options)
    make.preflight(changed(options, overwrite=True))
    user_files.remember(options.output)
    make.preflight(options)
    assert options.output.read_bytes() == b"a film of theirs"


@pytest.mark.parametrize(
    ("side_px", "format_", "painter", "told"),
    [
        (500, "16:9", "cover", "640 pixels"),
        (500, "1:1", "cover", ""),
        (1400, "9:16", "cover", ""),
        (500, "16:9", "sdxl", ""),
    ],
)
def test_a_cover_of_few_pixels_is_told_of(options, side_px, format_, painter, told):
    import cv2

    cv2.imwrite(str(options.cover), np.full((side_px, side_px, 3), 90, np.uint8))
    note = make.size_note(changed(options, formats=(formats.parse(format_),), painter=painter))
    assert told in note
    assert bool(note) == bool(told)


def test_several_formats_get_files_of_their_own(options):
    both = changed(options, formats=formats.parse_list("16:9,9:16,640x480"))
    names = [both.output_for(wanted).name for wanted in both.formats]
    assert names == ["video-16x9.mp4", "video-9x16.mp4", "video-640x480.mp4"]
    assert options.output_for(options.formats[0]) == options.output


@pytest.mark.parametrize("what", ["song", "cover"])
def test_a_missing_input_is_one_sentence_and_exit_code_2(options, what, tmp_path, capsys):
    paths = {"song": str(options.song), "cover": str(options.cover)}
    paths[what] = str(tmp_path / "nowhere.bin")
    assert main(["make", paths["song"], paths["cover"], "-o", str(options.output)]) == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.startswith("beatboard: ")
    assert not options.output.exists()


def test_the_command_lines_words_come_before_the_storyboards(options):
    board = Storyboard(texture="grain")
    assert make.texture_words(options, board) == "grain"
    assert make.texture_words(changed(options, texture="none"), board) == "none"
