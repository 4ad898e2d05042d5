"""What is kept on disk is named by the code that made it: each such version covers all of that code.

A new import that shapes what is kept has to be covered too, or be named here as one that doesn't.
"""

from pathlib import Path

import pytest

from blender_addon.scene import segments as scene_segments
from bridge.clips.animatic import version
from bridge.cover import analyze
from bridge.material import folder
from bridge.render import segments
from bridge.song import cache
from tests.test_imports import ROOT, _module, imported, modules

SHAPES_NOTHING = (
    "blender_addon.core.code_version",
    "blender_addon.core.codec",
    "blender_addon.core.options",  # what is asked for is in the request
    "bridge.clips.options",
    "blender_addon.core.lyrics",  # the words are in the plan
    "blender_addon.core.song_channels",  # curves are made anew for each edit, and driven values are in the scene
    "blender_addon.core.rules",  # what they shape is a plan, which is named by what it says
    "blender_addon.core.reading_names",  # words for what was heard
    "blender_addon.core.textures",  # words for the grade's textures, which Blender draws
    "blender_addon.core.types",  # another field is another request
    "bridge.clips.base",
    "bridge.clips.gpu",  # where Depth Anything runs
    "blender_addon.scene.cut_lists",  # what other editors get
    "bridge.common.errors",
    "bridge.common.files",
    "bridge.common.paths",
    "bridge.common.progress",
    "bridge.common.cores",
)
KEPT = {
    "analyses": ("bridge.song", cache.SOURCES),
    "measures of material": ("bridge.material.watching", folder.SOURCES),
    "looks": ("bridge.cover.analyze", analyze.SOURCES),
    "the animatic's stills": ("bridge.clips.animatic.cover_painter", version.SOURCES),
    "the animatic's clips": ("bridge.clips.animatic.camera_animator", version.SOURCES),
    "rendered segments": ("blender_addon.scene", scene_segments.SOURCES),
    "encoded segments": ("bridge.render.footage", segments.SOURCES),
}
"""where the making starts, and what the version covers: folders and files"""


def reached(start: str, known: dict[str, Path]) -> set[str]:
    """The modules of ours that this one, or those below it, import at whatever distance."""
    waiting = [name for name in known if _below(name, (start,))]
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in seen and not _below(name, SHAPES_NOTHING):
            seen.add(name)
            waiting += [found for target in imported(name, known[name]) if (found := _module(target, known))]
    return seen


def _below(name: str, tops: tuple[str, ...]) -> bool:
    return any(name == top or name.startswith(f"{top}.") for top in tops)


@pytest.mark.parametrize(("start", "sources"), KEPT.values(), ids=KEPT.keys())
def test_all_that_shapes_it_is_covered(start, sources):
    known = modules(ROOT)
    missed = [name for name in reached(start, known) if not {known[name], *known[name].parents} & set(sources)]
    assert sorted(missed) == []
