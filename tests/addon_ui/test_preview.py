"""Proxies for the preview. Blender makes them in a job that needs a window's events: here it waits for them."""

import bpy
import numpy as np
import pytest

from blender_addon.scene import render_settings, segments, timeline
from blender_addon.ui import preview
from tests.addon_scene import edit_world as world
from tests.addon_ui import ui_world

pytestmark = pytest.mark.slow


@pytest.fixture
def edit(tmp_path, monkeypatch):
    """A shot of a large clip and one of a small; a window with a sequencer."""
    ui_world.switch_on()
    scene = ui_world.open_empty()
    ui_world.lay_out(scene, tmp_path / "work", (12, 12))
    for shot_id, width in (("s01", 1280), ("s02", 640)):
        clip = world.make_clip(tmp_path / f"{shot_id}.mp4", 12, 1, width_px=width, height_px=width * 9 // 16)
        timeline.place_clip(scene, shot_id, clip)
    render_settings.settings(scene)
    area = bpy.context.window_manager.windows[0].screen.areas[0]
    area.type = "SEQUENCE_EDITOR"
    monkeypatch.setattr(preview, "BUILD", "EXEC_DEFAULT")
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    yield scene
    ui_world.switch_off()


def space():
    return next(preview._sequencers())[1].spaces.active


def test_large_clips_get_a_proxy_which_the_render_does_not_use(edit, tmp_path):
    large, small = timeline.shot_strips(edit)
    before = [segment.name for segment in segments.segments(edit)]
    small.select, large.select = True, False
    edit.beatboard_proxies = True
    assert preview.proxy_of(large).exists()
    assert not preview.proxy_of(small).exists()
    assert (large.use_proxy, small.use_proxy) == (True, False)
    assert (large.select, small.select) == (False, True)
    assert space().proxy_render_size == "PROXY_50"
    assert [segment.name for segment in segments.segments(edit)] == before

    preview.proxy_of(large).write_bytes(world.make_clip(tmp_path / "other.mp4", 12, 9).read_bytes())
    render_settings.for_this_process(edit)
    render_settings.render(edit, tmp_path / "with.mp4", 1, 5, audio=False, lossless=True)
    edit.beatboard_proxies = False
    assert not large.use_proxy
    assert space().proxy_render_size == "SCENE"
    render_settings.render(edit, tmp_path / "without.mp4", 1, 5, audio=False, lossless=True)
    pairs = zip(world.pictures(tmp_path / "with.mp4"), world.pictures(tmp_path / "without.mp4"), strict=True)
    assert all(np.array_equal(one, other) for one, other in pairs)


def test_a_new_take_gets_its_proxy_while_they_are_on(edit, tmp_path):
    edit.beatboard_proxies = True
    assert preview.make(edit) == 0
    first = timeline.shot_strips(edit)[0]
    edit.beatboard_proxies = False
    edit.beatboard_proxies = True
    assert first.use_proxy
    assert (first.proxy.build_25, first.proxy.build_50) == (False, True)
    take = world.make_clip(tmp_path / "take.mp4", 12, 4, width_px=1280, height_px=720)
    strip = timeline.place_clip(edit, "s01", take)
    preview._tick()
    assert preview.proxy_of(strip).exists()
    assert str(take.parent) in str(preview.proxy_of(strip))


def test_few_cores_get_smaller_proxies_of_more_clips(edit, monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    edit.beatboard_proxies = True
    assert space().proxy_render_size == "PROXY_25"
    for strip in timeline.shot_strips(edit):
        assert strip.use_proxy
        assert preview.proxy_of(strip).name == "proxy_25.avi"
        assert preview.proxy_of(strip).exists()
