"""The walls between the rooms: who may import what (docs/architecture.md).

A room is a folder, so that a new file is guarded the day it is made. Imports inside functions and under `TYPE_CHECKING`
count like any others.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
STDLIB = set(sys.stdlib_module_names)
HEAVY = {"torch", "diffusers", "transformers", "accelerate", "peft", "safetensors"}
BPY = {"bpy", "aud", "bpy_extras", "gpu", "blf", "bl_math", "mathutils", "addon_utils", "bl_ui", "_bpy"}
BPY_ROOMS = {"scene", "actions", "session", "ui"}
TORCH_OUTSIDE_CLIPS = {"bridge.song.trackers.beat_this"}
"""a tracker that is a torch model; it is loaded by name alone"""

STATEFUL_ROOMS = ("session", "actions", "ui")
THE_SESSION = {"blender_addon.session.state": {"_session"}}

ADDON_LEVELS = (("ui",), ("actions",), ("session",), ("scene", "client"), ("core",))
BRIDGE_LEVELS = (
    ("__main__",),
    ("cli",),
    ("server",),
    ("album",),
    ("make", "retime", "exchange"),
    ("render",),
    ("jobs", "material"),
    ("check", "clips"),
    ("plan", "song", "cover"),
    ("common",),
)
"""from the top down: a room imports from rooms below it; rooms of one level don't know each other"""


def modules(root: Path) -> dict[str, Path]:
    """Every module of both sides by its dotted name."""
    paths = [path for top in ("bridge", "blender_addon") for path in sorted((root / top).rglob("*.py"))]
    return {
        path.relative_to(root).with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__"): path
        for path in paths
    }


def imported(name: str, path: Path) -> Iterator[str]:
    """The dotted name of everything that a module imports, names from other modules included."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: package.count(".") + 2 - node.level] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def packages(name: str, path: Path) -> set[str]:
    return {target.split(".")[0] for target in imported(name, path)}


def room(name: str) -> str:
    return ".".join(name.split(".")[:2])


def faults(root: Path) -> list[str]:
    """Every import that goes through a wall."""
    return [
        *(fault for name, path in modules(root).items() for fault in wall_faults(name, path)),
        *order_faults(root, "bridge", BRIDGE_LEVELS),
        *order_faults(root, "blender_addon", ADDON_LEVELS),
        *circles(root),
        *state_faults(root),
    ]


def wall_faults(name: str, path: Path) -> Iterator[str]:
    side, inside = name.split(".")[0], name.split(".")[1] if "." in name else ""
    names = packages(name, path)
    if side == "bridge":
        if names & BPY:
            yield f"{name}: the bridge has no bpy"
        if names & HEAVY and inside != "clips" and name not in TORCH_OUTSIDE_CLIPS:
            yield f"{name}: torch and diffusers stay below clips/"
        return
    if "bridge" in names:
        yield f"{name}: the add-on knows no file of the bridge"
    if names - STDLIB - BPY - {"numpy", "blender_addon"}:
        yield f"{name}: only what Blender ships"
    if names & BPY and inside and inside not in BPY_ROOMS:
        yield f"{name}: bpy only in {sorted(BPY_ROOMS)}"
    if inside in ("core", "client") and names - STDLIB - {"blender_addon"}:
        yield f"{name}: the standard library only"


def order_faults(root: Path, side: str, levels: tuple[tuple[str, ...], ...]) -> Iterator[str]:
    level = {f"{side}.{name}": i for i, names in enumerate(levels) for name in names}
    for name, path in modules(root).items():
        here = room(name)
        if not name.startswith(f"{side}."):
            continue
        if here not in level:
            yield f"{name}: this room has no place in the order"
            continue
        for target in imported(name, path):
            there = room(target)
            if there != here and there in level and level[there] <= level[here]:
                yield f"{name}: imports {target}, which is not below it"


def state_faults(root: Path) -> Iterator[str]:
    """Variables of a module, and writing into another's: what lasts as long as Blender runs is in `session.state`."""
    known = modules(root)
    for name, path in known.items():
        if room(name) not in {f"blender_addon.{inside}" for inside in STATEFUL_ROOMS}:
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        variables = {text for node in tree.body for text in _assigned(node) if not text.lstrip("_").isupper()}
        yield from (f"{name}: {text} belongs into the session" for text in variables - THE_SESSION.get(name, set()))
        others = {target.rpartition(".")[2] for target in imported(name, path) if target in known}
        written = {text.partition(".")[0] for node in ast.walk(tree) for text in _assigned(node) if "." in text}
        yield from (f"{name}: writes into {other}" for other in written & others)


def _assigned(node: ast.AST) -> list[str]:
    """The names that a statement assigns to, and their attributes as "name.attribute"."""
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    leaves = [leaf for target in targets for leaf in (target.elts if isinstance(target, ast.Tuple) else [target])]
    return [
        ast.unparse(leaf)
        for leaf in leaves
        if isinstance(leaf, ast.Name) or (isinstance(leaf, ast.Attribute) and isinstance(leaf.value, ast.Name))
    ]


def circles(root: Path) -> Iterator[str]:
    """Modules that import each other, at whatever distance."""
    known = modules(root)
    arrows = {
        name: {found for target in imported(name, path) if (found := _module(target, known)) and found != name}
        for name, path in known.items()
        if path.name != "__init__.py"
    }
    below: dict[str, set[str]] = {}
    for start in arrows:
        seen: set[str] = set()
        waiting = [start]
        while waiting:
            new = arrows.get(waiting.pop(), set()) - seen
            seen |= new
            waiting += new
        below[start] = seen
    yield from (f"{name} imports itself by way of others" for name, seen in below.items() if name in seen)


def _module(target: str, known: dict[str, Path]) -> str | None:
    return next((name for name in (target, target.rpartition(".")[0]) if name in known), None)


def test_the_tree_keeps_its_walls():
    assert faults(ROOT) == []


def test_no_module_of_the_bridge_loads_torch_when_it_is_imported():
    """Below `clips/` it may; everything else stays light to import."""
    for name, path in modules(ROOT).items():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        top = {
            (alias.name if isinstance(node, ast.Import) else node.module or "").split(".")[0]
            for node in tree.body
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in node.names
        }
        assert not top & HEAVY or name.startswith("bridge.clips."), name


PLANTED = {
    "bpy in core": ("blender_addon/core/new.py", "import bpy"),
    "numpy in client": ("blender_addon/client/new.py", "def f():\n    import numpy"),
    "the bridge in the add-on": ("blender_addon/scene/new.py", "from bridge.common import files"),
    "a package that Blender doesn't ship": ("blender_addon/ui/new.py", "import httpx"),
    "bpy in the bridge": ("bridge/render/new.py", "import bpy"),
    "torch outside of clips": ("bridge/jobs/new.py", "import torch"),
    "upwards": ("bridge/common/new.py", "from bridge.song import audio"),
    "sideways": ("bridge/song/new.py", "from bridge.cover.image import load"),
    "upwards in the add-on": ("blender_addon/session/new.py", "from ..actions import shots"),
    "a room without a place": ("bridge/attic/new.py", "import os"),
    "a circle": ("bridge/plan/new.py", "import bridge.plan.new2"),
    "a module's own state": ("blender_addon/actions/new.py", "waiting: list[str] = []"),
    "writing into another module": ("blender_addon/ui/new.py", "from ..actions import shots\nshots.busy, b = True, 1"),
}


@pytest.mark.parametrize(("path", "code"), PLANTED.values(), ids=PLANTED.keys())
def test_each_planted_import_is_found(tmp_path, path, code):
    for file, text in ((path, code), ("bridge/plan/new2.py", "from bridge.plan import new")):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(text + "\n")
    for known in (
        "bridge/common/files.py",
        "bridge/song/audio.py",
        "bridge/cover/image.py",
        "blender_addon/actions/shots.py",
    ):
        (tmp_path / known).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / known).touch()
    found = faults(tmp_path)
    assert found
    assert all(fault.startswith(("bridge.", "blender_addon.")) and ".new" in fault for fault in found)
