"""Fixtures of the tests that need Blender; none of it is imported before a test asks for it."""

import pytest

from tests.allowed_skips import pytest_make_collect_report, pytest_runtest_makereport  # noqa: F401 -- hooks


@pytest.fixture
def scene():
    """An empty file's scene."""
    import bpy

    bpy.ops.wm.read_factory_settings(use_empty=True)
    return bpy.context.scene


@pytest.fixture
def song(tmp_path):
    from tests.addon_scene.edit_world import make_song

    make_song(tmp_path / "song.wav")
    return tmp_path / "song.wav"


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Where the bridge of a file of tests keeps its things; it is one for all of them, since it is found again."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def tab_scene(home, monkeypatch):
    """An empty scene of a Blender with the tab."""
    from tests.addon_ui import ui_world

    monkeypatch.setenv("BEATBOARD_HOME", str(home))
    ui_world.switch_on(home)
    yield ui_world.open_empty()
    ui_world.switch_off()


@pytest.fixture
def edit(tab_scene, tmp_path):
    """The same with three shots laid out."""
    from tests.addon_ui import ui_world

    ui_world.lay_out(tab_scene, tmp_path, (12, 24, 12))
    return tab_scene
