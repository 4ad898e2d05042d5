"""The add-on switched on and off; the extension's zip; polls; properties."""

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import bpy
import pytest

from blender_addon.actions import shots, title
from blender_addon.client.process import Installation
from blender_addon.core import network
from blender_addon.core.clip_requests import clip_requests
from blender_addon.core.types import Ending, PaletteColor, ShotKind, Treatment
from blender_addon.scene import timeline, treatments
from blender_addon.session import connection, environment, preferences, state, tasks
from tests.addon_scene import edit_world
from tests.addon_ui import ui_world

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


def ours() -> set[str]:
    """Every name that Blender knows because of us."""
    types = {name for name in dir(bpy.types) if name.lower().startswith("beatboard")}
    attributes = {
        f"{holder.__name__}.{name}"
        for holder in (bpy.types.Scene, bpy.types.Strip, bpy.types.WindowManager)
        for name in dir(holder)
        if name.startswith("beatboard")
    }
    handlers = {
        f"{name}:{handler.__module__}"
        for name in dir(bpy.app.handlers)
        if isinstance(held := getattr(bpy.app.handlers, name), list)
        for handler in held
        if "blender_addon" in handler.__module__
    }
    menus = {
        f"{kind.__name__}:{draw.__name__}"
        for kind in (bpy.types.SEQUENCER_MT_strip, bpy.types.SEQUENCER_MT_marker, bpy.types.UI_MT_button_context_menu)
        for draw in kind._dyn_ui_initialize()
        if "blender_addon" in draw.__module__
    }
    return types | attributes | handlers | menus


def test_switching_off_leaves_nothing(scene):
    before = ours()
    assert not before
    ui_world.switch_on()
    on = ours()
    assert {"Scene.beatboard", "Strip.beatboard_prompt"} <= on
    assert {name.split(":")[0] for name in on} >= {"load_post", "undo_post", "redo_post", "save_post"}
    ui_world.switch_off()
    assert ours() == before
    ui_world.switch_on()
    assert ours() == on
    ui_world.switch_off()


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    path = tmp_path_factory.mktemp("zip") / "beatboard.zip"
    command = [sys.executable, ROOT / "scripts/build_extension.py", "-o", path]
    subprocess.run(command, check=True, capture_output=True)
    return path


def test_the_zip_has_what_the_bridge_needs_and_the_version(archive):
    with zipfile.ZipFile(archive) as file:
        names = set(file.namelist())
        manifest = tomllib.loads(file.read("blender_manifest.toml").decode())
    assert {"__init__.py", "LICENSE", "blender_addon/scene/timeline.py", "blender_addon/ui/__init__.py"} <= names
    assert {"bridge/server/serve.py", "bridge/check/page.html", "requirements/base.txt", "scripts/render.py"} <= names
    assert not [name for name in names if name.startswith(("tests", "examples", "docs")) or "__pycache__" in name]
    assert manifest["version"] == tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert manifest["blender_version_min"] == "5.0.0"
    assert set(manifest["permissions"]) == {"network", "files", "clipboard"}
    assert all(len(reason) <= 64 and reason[-1].isalnum() for reason in manifest["permissions"].values())


BARE = """
import sys
sys.modules["numpy"] = None
import bpy, blender_addon
from blender_addon.session import tasks
blender_addon.register()
assert not tasks.has_numpy()
print("registered")
"""


def test_the_add_on_works_in_a_blender_without_numpy():
    ran = subprocess.run([sys.executable, "-c", BARE], capture_output=True, text=True, check=False)
    assert ran.stdout.endswith("registered\n"), ran.stderr


INSTALL = """
import sys, bpy, addon_utils
addon_utils.enable("bl_pkg")
install = bpy.ops.extensions.package_install_files
install(filepath=sys.argv[1], repo="user_default", enable_on_install=True, overwrite=True)
name = "bl_ext.user_default.beatboard"
assert name in bpy.context.preferences.addons, list(bpy.context.preferences.addons.keys())
assert bpy.context.preferences.addons[name].preferences.mode == "MANAGED"
preferences = bpy.context.preferences.addons[name].preferences
preferences.runway_key = " key-of-nobody "
assert preferences.runway_key == "key-of-nobody"
bpy.ops.wm.save_userpref()
assert sys.modules[name + ".blender_addon.session.state"].session().secrets == {"RUNWAYML_API_SECRET": "key-of-nobody"}
import os, pathlib
user = pathlib.Path(os.environ["BLENDER_USER_RESOURCES"])
assert list(user.rglob("userpref.blend"))
assert not [path for path in user.rglob("*") if path.is_file() and b"key-of-nobody" in path.read_bytes()]
assert bpy.context.scene.beatboard.animator == "camera"
assert not bpy.ops.beatboard.analyze.poll()
addon_utils.disable(name)
assert not hasattr(bpy.types.Scene, "beatboard")
repos = [repo.module for repo in bpy.context.preferences.extensions.repos]
bpy.ops.extensions.package_uninstall(repo_index=repos.index("user_default"), pkg_id="beatboard")
print("installed and uninstalled")
"""


def test_the_zip_installs_and_uninstalls(archive, tmp_path):
    (tmp_path / "install.py").write_text(INSTALL)
    import os

    done = subprocess.run(
        [sys.executable, tmp_path / "install.py", archive],
        env={**os.environ, "BLENDER_USER_RESOURCES": str(tmp_path / "user")},
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert "installed and uninstalled" in done.stdout, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    left = [path for path in (tmp_path / "user").rglob("*") if path.is_file() and "beatboard" in path.as_posix()]
    assert not left


@pytest.fixture
def on(scene):
    ui_world.switch_on()
    yield ui_world.open_empty()
    ui_world.switch_off()


def test_strip_properties_are_the_shots_settings(on, tmp_path):
    ui_world.lay_out(on, tmp_path)
    strip = timeline.shot_strips(on)[1]
    strip.beatboard_prompt, strip.beatboard_motion, strip.beatboard_framing = "rain", 999, "close"
    shot = timeline.read(on).shots[1]
    assert (shot.prompt, shot.motion, shot.framing.value) == ("rain", 255, "close")


def test_a_shot_s_treatment_is_chosen_and_undressed_in_the_tab(on, tmp_path):
    ui_world.lay_out(on, tmp_path)
    clip = next(iter(edit_world.make_clips(tmp_path / "clips", (48,)).values()))
    treatments.apply(on, (PaletteColor((10, 20, 40), 0.5, "ink"), PaletteColor((240, 120, 60), 0.5, "amber")))
    strip = timeline.place_clip(on, "s02", clip)
    strip.beatboard_treatment = "duotone"
    assert timeline.read(on).shots[1].treatment is Treatment.DUOTONE
    assert any("duotone" in modifier.node_group.name for modifier in strip.modifiers)
    strip.beatboard_treatment = "none"
    assert not any("duotone" in modifier.node_group.name for modifier in strip.modifiers)


def test_a_full_copy_of_a_scene_has_its_own_treatments(on, tmp_path):
    ui_world.lay_out(on, tmp_path)
    clip = next(iter(edit_world.make_clips(tmp_path / "clips", (48,)).values()))
    treatments.apply(on, (PaletteColor((10, 20, 40), 0.5, "ink"), PaletteColor((240, 120, 60), 0.5, "amber")))
    timeline.place_clip(on, "s02", clip).beatboard_treatment = "split"
    bpy.ops.scene.new(type="FULL_COPY")
    copy = bpy.context.scene
    shots.refresh(copy, force=True)
    groups = [{group for _, group in timeline.worn(scene, treatments.NAME)} for scene in (on, copy)]
    assert all(groups)
    assert not groups[0] & groups[1]


def test_another_ending_makes_the_last_shot_s_clip_stale_and_no_other(on, tmp_path):
    ui_world.lay_out(on, tmp_path)
    plan, analysis = timeline.read(on), edit_world.analysis()
    asked = clip_requests(plan, analysis, painter="cover", animator="camera")
    state.settings_of(on).ending = "card"
    plan = timeline.read(on)
    assert plan.ending is Ending.CARD
    changed = ["ending" in shots.changes(*pair, plan) for pair in zip(asked, plan.shots, strict=True)]
    assert changed == [shot.kind is ShotKind.COVER_END for shot in plan.shots]
    assert any(changed)


def test_the_list_shows_the_timeline(on, tmp_path):
    ui_world.lay_out(on, tmp_path, (20, 48, 28, 24))
    rows = state.shot_list().shots
    assert [(row.name, row.start, row.frame_count, row.act) for row in rows] == [
        ("s01", 0, 20, 1), ("s02", 20, 48, 2), ("s03", 68, 28, 3), ("s04", 96, 24, 1),
    ]  # fmt: skip
    assert [row.bars for row in rows] == ["0.5", "1", "0.5", "0.5"]
    assert [row.frames_off for row in rows] == [0, 20, 20, 0]


def test_choosing_a_row_selects_its_strip(on, tmp_path):
    ui_world.lay_out(on, tmp_path)
    state.shot_list().active = 2
    assert [strip["id"] for strip in timeline.shot_strips(on) if strip.select] == ["s03"]
    assert on.sequence_editor.active_strip["id"] == "s03"


def test_nothing_that_cannot_be_done_can_be_pressed(on):
    """In an empty file, before the bridge is set up. What is asked at once, or only shown, can be pressed."""
    at_once = {
        *("open_log", "preferences", "cancel_task", "copy_details", "dismiss", "open"),
        *("choose_song", "choose_cover", "choose_storyboard", "choose_character"),
        *("restore_fps", "set_engine", "reset_option"),
    }
    can_be_pressed = {name for name in dir(bpy.ops.beatboard) if getattr(bpy.ops.beatboard, name).poll()}
    assert can_be_pressed == at_once


def test_a_title_is_the_storyboards_until_someone_writes_one_and_none_once_it_is_emptied(on):
    scene = ui_world.open_empty()
    settings = state.settings_of(scene)
    assert title.nothing_to_write(settings)
    settings.storyboard = "//board.toml"
    assert (title.asked(settings, "title"), title.asked(settings, "artist")) == (None, None)
    assert not title.nothing_to_write(settings)
    settings.title = settings.artist = ""
    assert (title.asked(settings, "title"), title.asked(settings, "artist")) == ("", "")
    assert title.nothing_to_write(settings)
    settings.artist = "Someone"
    assert not title.nothing_to_write(settings), "an artist can stand alone"
    settings.property_unset("title")
    assert title.asked(settings, "title") is None


def test_a_trouble_of_a_task_is_a_sentence(on, tmp_path):
    settings = state.settings_of(on)
    settings.song, settings.cover = str(tmp_path / "gone.wav"), str(tmp_path / "gone.png")
    from blender_addon.actions import plan, song

    with pytest.raises(tasks.Problem, match="not set up"):
        song.analyze(on)
    with pytest.raises(tasks.Problem, match="Analyze the song"):
        plan.plan(on)
    ui_world.lay_out(on, tmp_path)
    with pytest.raises(tasks.Problem, match="no shot under the playhead"):
        shots.split(on, 5000)


@pytest.fixture
def online():
    """Switches Blender's leave to go online."""

    def switch(value: bool) -> None:
        bpy.context.preferences.system.use_online_access = value

    before = bpy.app.online_access
    yield switch
    switch(before)


def test_nothing_is_downloaded_without_leave_to_go_online(on, online):
    online(False)
    assert not bpy.ops.beatboard.set_up.poll()
    with pytest.raises(RuntimeError, match="switch on Preferences > System > Network > Allow Online Access"):
        bpy.ops.beatboard.set_up()
    online(True)
    assert bpy.ops.beatboard.set_up.poll()


def test_a_bridge_that_we_start_is_told_whether_it_may_go_online(on, online, tmp_path):
    state.session().connection.installation = Installation(Path(sys.executable), ROOT, tmp_path)
    online(False)
    connection.opener()
    first = state.session().connection.process
    assert first
    assert network.is_offline(first.variables)
    online(True)
    connection.opener()
    second = state.session().connection.process
    assert second
    assert second is not first, "it is started anew"
    assert not network.is_offline(second.variables)


@pytest.mark.parametrize(
    ("address", "is_ours"),
    [
        ("http://127.0.0.1:8123", True),
        ("https://[::1]:8123", True),
        ("http://localhost:8123", True),
        ("https://studio:8123", False),
        ("https://192.168.0.7:8123", False),
        ("https://127.0.0.1.example.org:8123", False),
        ("", False),
    ],
)
def test_this_computer_is_no_network(address, is_ours):
    assert network.is_loopback(address) == is_ours


def test_without_blender_as_a_package_the_lock_file_still_fits():
    text = (ROOT / "requirements/base.txt").read_text()
    kept = environment.without_bpy(text)
    assert "bpy==" in text
    assert "bpy==" not in kept
    missing = set(text.splitlines()) - set(kept.splitlines())
    assert all(line.startswith(("bpy==", "    --hash")) for line in missing)
    assert "cattrs==" in kept


def test_the_managed_environment_is_ready_only_for_its_packages(tmp_path):
    made = environment.Environment(tmp_path / "environment", ROOT)
    assert not made.is_ready
    made.python.parent.mkdir(parents=True)
    made.python.touch()
    made.mark_ready()
    assert made.is_ready
    assert not environment.Environment(tmp_path / "environment", ROOT, gpu=True).is_ready


def test_the_extension_folder_is_its_source():
    assert (preferences.SOURCE / "blender_manifest.toml").is_file()
    assert (preferences.SOURCE / "bridge" / "server" / "serve.py").is_file()


def test_no_fitting_python_is_one_sentence(monkeypatch):
    monkeypatch.setattr(environment.shutil, "which", lambda name: None)
    with pytest.raises(tasks.Problem, match=r"No Python 3\.11.* was found\. Install one, or uv"):
        environment.find_python()


def test_a_set_up_that_stops_says_why_and_goes_on_next_time(tmp_path, monkeypatch):
    source = tmp_path / "source"
    (source / "requirements").mkdir(parents=True)
    (source / "requirements" / "base.txt").write_text("bpy==5.0.1 \\\n    --hash=sha256:0\nno such package\n")
    monkeypatch.setattr(environment.shutil, "which", lambda name: None if name == "uv" else sys.executable)
    made = environment.Environment(tmp_path / "user" / "environment", source)
    told = []
    with pytest.raises(tasks.Problem, match=r"The set-up stopped: .*The log has more: "):
        environment.set_up(made, lambda progress, stage: told.append(progress))
    assert made.python.exists()
    assert not made.is_ready
    assert "bpy" not in (made.folder / "requirements.txt").read_text()
    assert "no such package" in made.log.read_text()
    assert told == sorted(told)


def test_the_preferences_show_what_connect_found_without_a_move_of_the_mouse(on):
    area = bpy.context.window_manager.windows[0].screen.areas[0]
    kind = area.type
    try:
        drawn = {}
        for area.type in ("PREFERENCES", "SEQUENCE_EDITOR"):
            drawn[area.type] = {region.type for region in shots.regions() if region in list(area.regions)}
    finally:
        area.type = kind
    assert drawn == {"PREFERENCES": {"WINDOW"}, "SEQUENCE_EDITOR": {"UI"}}


def test_redraws_are_as_rare_as_they_are_dear():
    from blender_addon.ui import timer

    pace = state.Pace()
    timer.measure(pace, 100.0)
    assert timer.may_redraw(pace, 100.0)
    timer.redraw(pace, 100.0)
    timer.measure(pace, 100.0)
    assert not timer.may_redraw(pace, 100.2)
    assert timer.may_redraw(pace, 100.0 + 1.01 * timer.REFRESH_S)
    timer.redraw(pace, 200.0)
    timer.measure(pace, 200.2)
    timer.measure(pace, 200.3)
    assert pace.cost_s == pytest.approx(0.1)
    assert not timer.may_redraw(pace, 200.0 + 0.9 * 0.1 / timer.SHARE)
    assert timer.may_redraw(pace, 200.0 + 1.1 * 0.1 / timer.SHARE)
