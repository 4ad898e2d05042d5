"""The walls between the rooms: who may import what (docs/architecture.md)."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STDLIB = set(sys.stdlib_module_names)
HEAVY = {"torch", "diffusers", "transformers", "accelerate", "peft", "safetensors"}
BPY = {"bpy", "bpy_extras", "gpu", "blf", "bl_math", "mathutils", "addon_utils", "bl_ui", "_bpy"}
BPY_ROOMS = ("timeline.py", "grade.py", "style.py", "titles.py", "deliver.py", "ui/")
PURE = (
    *("protocol.py", "codec.py", "timing.py", "strip_layout.py", "rules.py", "regrid.py", "storyboard_files.py"),
    "link/",
)


def imported(path: Path, *, top_level_only: bool = False) -> set[str]:
    """The top-level names of the packages that a file imports."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = tree.body if top_level_only else ast.walk(tree)
    names = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.split(".")[0])
    return names


def files(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


@pytest.mark.parametrize("path", files("blender_addon"), ids=str)
def test_addon(path):
    inside = path.relative_to(ROOT / "blender_addon").as_posix()
    names = imported(path)
    assert "bridge" not in names
    assert names <= STDLIB | BPY | {"numpy"}, "only what Blender ships"
    if not inside.startswith(BPY_ROOMS):
        assert not names & BPY
    if inside.startswith(PURE):
        assert names <= STDLIB


@pytest.mark.parametrize("path", files("bridge"), ids=str)
def test_bridge(path):
    names = imported(path)
    assert not names & BPY
    if not path.relative_to(ROOT / "bridge").as_posix().startswith(("engines/", "song/trackers/")):
        assert not names & HEAVY
    assert not imported(path, top_level_only=True) & HEAVY or "engines" in path.parts
