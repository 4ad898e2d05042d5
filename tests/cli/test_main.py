"""The command line: exit codes, one sentence for bad input, JSON that reads back."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from blender_addon.core import codec
from blender_addon.core.types import CoverLook
from bridge.cli.main import main, parser
from bridge.cli.options import make_options

pytestmark = pytest.mark.slow


@pytest.fixture
def cover(tmp_path):
    path = tmp_path / "cover.png"
    ramp = np.linspace(20, 220, 160, dtype=np.uint8)
    picture = np.stack(
        [np.tile(ramp, (160, 1)), np.tile(ramp[:, None], (1, 160)), np.full((160, 160), 90, np.uint8)], 2
    )
    Image.fromarray(picture).save(path)
    return path


def refused(capsys, *arguments: str) -> str:
    """Runs a command that must be refused, and gives its sentence."""
    assert main(list(arguments)) == 2
    output = capsys.readouterr()
    assert output.out == ""
    last = output.err.strip().splitlines()[-1]
    assert last.startswith("beatboard: ")
    assert "Traceback" not in output.err
    return last


def test_json_on_standard_output_is_the_look_and_nothing_else(cover, capsys):
    assert main(["look", str(cover), "--json", "-"]) == 0
    look = codec.decode(CoverLook, json.loads(capsys.readouterr().out))
    assert sum(color.weight for color in look.palette) == pytest.approx(1.0, abs=0.01)


def test_pictures_and_tables_are_written(cover, tmp_path):
    files = {
        "--json": tmp_path / "new" / "look.json",
        "--cube": tmp_path / "look.cube",
        "--plot": tmp_path / "look.png",
    }
    arguments = [part for option, path in files.items() for part in (option, str(path))]
    assert main(["look", str(cover), *arguments]) == 0
    assert json.loads(files["--json"].read_text())["palette"]
    assert "LUT_3D_SIZE 33" in files["--cube"].read_text()
    assert Image.open(files["--plot"]).size[0] > 300


@pytest.mark.parametrize("command", ["analyze", "look"])
@pytest.mark.parametrize("kind", ["missing", "folder", "text", "empty"])
def test_bad_files_are_refused_in_one_sentence(command, kind, tmp_path, capsys):
    path = tmp_path / "input.bin"
    if kind == "folder":
        path.mkdir()
    elif kind == "text":
        path.write_text("this is neither sound nor picture\n" * 50)
    elif kind == "empty":
        path.touch()
    assert path.name in refused(capsys, command, str(path))


def test_a_name_of_two_lines_is_told_in_one(tmp_path, capsys):
    (tmp_path / "two\nlines.mp3").write_text("no song")
    assert "two lines.mp3" in refused(capsys, "analyze", str(tmp_path / "two\nlines.mp3"))


def test_a_plan_of_another_make_is_refused(cover, tmp_path, capsys):
    plan = tmp_path / "plan.json"
    plan.write_text('{"shots": []}')
    arguments = ("check", str(cover), "--song", str(cover), "--cover", str(cover), "--plan", str(plan))
    assert "is not a plan that `beatboard plan --json` wrote: EditPlan: field" in refused(capsys, *arguments)


def test_an_engine_option_without_a_value_is_refused(cover, capsys):
    message = refused(capsys, "make", str(cover), str(cover), "--set", "steps")
    assert message == "beatboard: --set takes NAME=VALUE, not 'steps'."


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["make", "s", "c", "--fps", "23"], "frame rate '23' is not one of 24, 25"),
        (["make", "s", "c", "--length", "0"], "0 is not between 1 and 3600 seconds"),
        (["make", "s", "c", "--grade", "2"], "2 is not between 0 and 1"),
        (["make", "s", "c", "--workers", "1.5"], "'1.5' is not a whole number from 1"),
        (["make", "s", "c", "--length", "long"], "'long' is not a number"),
        (["mkae"], "invalid choice: 'mkae'"),
    ],
)
def test_bad_options_are_named(arguments, message, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


def test_engines_are_listed_with_what_they_lack(capsys):
    assert main(["engines", "--json", "-"]) == 0
    told = json.loads(capsys.readouterr().out)
    painters, animators = ({part["name"]: part for part in told[kind]} for kind in ("painters", "animators"))
    assert painters["cover"]["available"] is animators["camera"]["available"] is True
    assert animators["svd"]["needs_gpu"] is animators["runway"]["costs_money"] is True
    assert animators["wan"]["takes_last_frame"] is animators["wan"]["takes_words"] is True


def test_one_engine_tells_its_options_needs_and_memory(capsys):
    assert main(["engines", "sdxl+svd"]) == 0
    told = capsys.readouterr().out
    for words in ("painter_steps", "noise", "upscale", "made for a graphics card", "8 GB"):
        assert words in told
    assert main(["engines", "runway"]) == 0
    assert "costs money" in capsys.readouterr().out
    assert "Did you mean 'sdxl+svd'" in refused(capsys, "engines", "sdxl-svd")


@pytest.mark.parametrize(
    ("arguments", "painter", "animator", "options"),
    [
        ([], "cover", "camera", ()),
        (["--engine", "sdxl+svd", "--quality", "draft"], "sdxl", "svd", (("quality", "draft"),)),
        (["--painter", "sdxl", "--set", "lora=a:0.5", "--set", "lora=b"], "sdxl", "camera", (("lora", "b"),)),
        (["--engine", "animatic", "--animator", "wan"], "cover", "wan", ()),
    ],
)
def test_painter_and_animator_are_chosen_apart(arguments, painter, animator, options, cover):
    given = parser().parse_args(["make", str(cover), str(cover), *arguments])
    wishes = make_options(given, Path("video.mp4"))
    assert (wishes.painter, wishes.animator, wishes.clip_options) == (painter, animator, options)


def test_the_command_line_loads_no_heavy_package():
    heavy = "numpy librosa scipy cv2 av rich fastapi torch bpy"
    code = f"import sys; from bridge.cli.main import parser; parser(); print(set({heavy.split()!r}) & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"
