"""Every script still runs: the benchmarks and stress tests in their smallest form, and the others' tests are named."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
FIGURE = re.compile(r"figure ([\w-]+) (-?[\d.]+(?:e[+-]\d+)?) (\S+)")
WINDOW = "needs a Blender with a window: scripts/gui/test_gui.sh sets one up"
EAR = "tests/scripts/test_ear.py trains with it"
LIMIT_S = 900

ELSEWHERE = {
    "build_extension.py": "tests/addon_ui/test_addon.py builds and installs the zip",
    "render.py": "tests/render/test_render.py renders with it",
    "measuring.py": "what the others share",
    **dict.fromkeys(
        (f"ear/{name}.py" for name in ("composing", "dataset", "genres", "network", "scores", "sounding")), EAR
    ),
    "ear/synthesizer.py": EAR,
    "ear/train.py": EAR,
    "gui/bench_driver.py": WINDOW,
    "gui/driver.py": WINDOW,
    "gui/drop.py": WINDOW,
    "gui/hand.py": WINDOW,
    "gui/walk.py": WINDOW,
}
"""all Python scripts that are not run here, and why not"""


def smallest_form(path):
    """The command's arguments and the test's marks. What offers tiny networks needs torch to make them."""
    name = path.relative_to(SCRIPTS).as_posix()
    arguments, marks = ["--quick"], [pytest.mark.slow]
    if name == "bench/ui.py":
        marks.append(pytest.mark.skip(reason=WINDOW))
    if "wants_gpu=True" in path.read_text(encoding="utf-8"):
        arguments.append("--tiny")
        has_torch = importlib.util.find_spec("torch") is not None
        marks += [
            pytest.mark.torch,
            pytest.mark.skipif(not has_torch, reason="needs the gpu extra: scripts/test.sh --engines"),
        ]
    return pytest.param(path, arguments, id=name, marks=marks)


def found(*folders):
    return sorted(path for folder in folders for path in (SCRIPTS / folder).glob("*.py"))


@pytest.mark.parametrize(("path", "arguments"), [smallest_form(path) for path in found("bench", "stress")])
def test_the_smallest_form_runs_and_ends_with_figures(path, arguments, tmp_path):
    environment = os.environ | {"BEATBOARD_HOME": str(tmp_path / "home")}
    done = subprocess.run(
        [sys.executable, path, *arguments],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-5000:]
    lines = done.stdout.splitlines()
    figures = [FIGURE.fullmatch(line) for line in lines if line.startswith("figure ")]
    assert all(figures), done.stdout[-2000:]
    names = [figure[1] for figure in figures if figure]
    assert len(set(names)) == len(names)
    assert FIGURE.fullmatch(lines[-1]), "it does not end with a figure"


def test_every_other_script_is_tried_elsewhere_or_says_why_not():
    others = {path.relative_to(SCRIPTS).as_posix() for path in SCRIPTS.rglob("*.py")}
    others -= {path.relative_to(SCRIPTS).as_posix() for path in found("bench", "stress")}
    assert others == set(ELSEWHERE)


@pytest.mark.parametrize("path", sorted(SCRIPTS.rglob("*.sh")), ids=lambda path: path.name)
def test_shell_scripts_can_be_read(path):
    read = subprocess.run(["bash", "-n", path], capture_output=True, text=True, check=False)
    assert read.returncode == 0, read.stderr
