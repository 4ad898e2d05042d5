"""A bridge on another machine, by address, token and fingerprint: here at another address, over TLS, files apart."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import bpy
import pytest

from blender_addon.core import codec
from blender_addon.core.types import CoverLook
from blender_addon.scene import timeline
from blender_addon.session import preferences, state
from bridge.server import tls
from tests.addon_ui import ui_world
from tests.addon_ui.test_queue import press
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

ADDRESS = "127.0.0.2"
TOKEN = "a-token-for-the-studio-that-is-long-enough"


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """The address of a bridge that listens there, and its certificate's fingerprint."""
    home = tmp_path_factory.mktemp("studio")
    certificate = tls.own_certificate(home / "tls", ADDRESS)
    command = [sys.executable, "-m", "bridge", "serve", "--host", ADDRESS, "--until-stdin-ends"]
    command += ["--certificate", str(certificate.certificate), "--key", str(certificate.key)]
    environment = os.environ | {"BEATBOARD_HOME": str(home), "BEATBOARD_TOKEN": TOKEN}
    with subprocess.Popen(command, stdin=subprocess.PIPE, env=environment, cwd=ui_world.ROOT) as process:
        published = home / "bridge.json"
        wait_until(lambda: published.exists() or process.poll() is not None)
        yield json.loads(published.read_text())["url"], certificate.fingerprint
        assert process.stdin
        process.stdin.close()


@pytest.fixture
def stored(served, monkeypatch, tmp_path):
    """The preferences of someone whose bridge is elsewhere."""
    monkeypatch.setenv("BEATBOARD_HOME", str(tmp_path / "home"))
    url, fingerprint = served
    chosen = SimpleNamespace(mode="REMOTE", address=url, token=TOKEN, fingerprint=fingerprint, keep_running=False)
    monkeypatch.setattr(preferences, "stored", lambda: chosen)
    ui_world.switch_on()
    yield chosen
    ui_world.switch_off()


def test_from_song_to_graded_clips(stored, tmp_path):
    scene = ui_world.open_empty()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "edit.blend"))
    settings, examples = state.settings_of(scene), ui_world.ROOT / "examples"
    settings.song, settings.cover = str(examples / "song.opus"), str(examples / "cover.jpg")
    settings.size, settings.length_s = "360", 6.0
    shutil.copy(examples / "cover.jpg", tmp_path / "hero.jpg")
    (tmp_path / "board.toml").write_text('subject = "a keeper"\ncharacter = "hero.jpg"\n')
    settings.storyboard = str(tmp_path / "board.toml")
    press("analyze")
    press("plan")
    assert timeline.absolute(settings.character) == tmp_path / "hero.jpg", "the storyboard's, found beside it"
    first = state.shot_list().shots[0].name
    seen = codec.loads(CoverLook, settings.look).grade
    press("generate", which="ACTIVE")
    strip = timeline.shot_strips(scene)[0]
    assert (strip["id"], strip.type) == (first, "MOVIE")
    assert timeline.absolute(strip.filepath).parent == tmp_path / "edit.beatboard" / "clips"
    assert codec.loads(CoverLook, settings.look).grade != seen
    client = state.session().connection.client
    assert client
    assert client.url == stored.address
    assert stored.address.startswith(f"https://{ADDRESS}:")
    assert not (tmp_path / "home" / "bridge.json").exists()
    with pytest.raises(RuntimeError, match="on another machine; this needs one on this machine"):
        press("check")


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("token", "", "Enter the bridge's address and token"),
        ("token", "wrong", "token"),
        ("fingerprint", "0" * 64, "shows another certificate"),
        ("address", "studio", "is not a bridge's address; it looks like"),
        ("address", "https://127.0.0.2:1", "does not answer"),
        ("address", "https://studio.invalid:8123", r"Blender is offline.*switch on .*Allow Online Access"),
    ],
)
def test_what_is_wrong_about_it_is_one_sentence(stored, tmp_path, name, value, sentence):
    scene = ui_world.open_empty()
    ui_world.lay_out(scene, tmp_path, (12, 24, 12))
    setattr(stored, name, value)
    with pytest.raises(RuntimeError, match=sentence):
        bpy.ops.beatboard.connect()
    assert len(state.shot_list().shots) == 3


def test_the_token_is_nowhere_in_the_file(stored, tmp_path):
    ui_world.lay_out(ui_world.open_empty(), tmp_path, (12, 24, 12))
    press("connect")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "edit.blend"), compress=False)
    assert TOKEN.encode() not in Path(tmp_path / "edit.blend").read_bytes()
