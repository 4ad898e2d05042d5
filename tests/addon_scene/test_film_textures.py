"""The cover's texture: what Blender draws of it, measured by what measures covers."""

from dataclasses import replace

import av
import bpy
import cv2
import numpy as np
import pytest

from blender_addon.core import textures
from blender_addon.core.types import ShotKind, Texture
from blender_addon.scene import compat, film_textures, grade, passthrough, render_settings, segments, timeline
from bridge.cover import measure_texture
from tests.addon_scene import edit_world as world

ALL = Texture(grain=0.02, halation=0.3, vignette=0.3, fade=0.05)
LENGTHS = (12, 18, 40)
REST = 14


@pytest.fixture
def edit(scene, song, tmp_path):
    """An edit of three movies; the last rests on the cover."""
    plan = world.plan(LENGTHS)
    last = replace(plan.shots[2], kind=ShotKind.COVER_END, hold_frames=REST)
    clips = world.make_clips(tmp_path / "clips", LENGTHS)
    plan = replace(plan, shots=(*plan.shots[:2], last))
    timeline.build(scene, plan, world.analysis(), song_path=song, clips=clips)
    grade.apply(scene, world.GRADE)
    render_settings.settings(scene)
    return scene


def plain_picture():
    """Grey, with a shadow at the left and two white lamps in it."""
    picture = np.full((360, 640, 3), 110, np.uint8)
    picture[:, :200] = 8
    for y in (110, 260):
        cv2.circle(picture, (100, y), 24, (255, 255, 255), -1)
    return picture


def drawn(scene, tmp_path, picture, asked):
    """The picture with a texture, as Blender draws it."""
    cv2.imwrite(str(tmp_path / "plain.png"), picture)
    timeline.prepare(scene)
    scene.render.resolution_x, scene.render.resolution_y = picture.shape[1::-1]
    render_settings.settings(scene)
    strip = scene.sequence_editor.strips.new_image("still", str(tmp_path / "plain.png"), 2, 1, fit_method="FIT")
    strip["id"], strip["kind"] = "s01", "motion"
    film_textures.apply(scene, asked)
    image = scene.render.image_settings
    image.media_type, image.file_format = "IMAGE", "PNG"
    scene.render.compositor_device, scene.render.filepath = "CPU", str(tmp_path / "drawn.png")
    bpy.ops.render.render(write_still=True)
    found = cv2.imread(str(tmp_path / "drawn.png"))
    assert found is not None
    return np.ascontiguousarray(found[..., ::-1], np.uint8)


@pytest.mark.parametrize("grain", [0.015, 0.04])
def test_as_much_grain_as_was_asked(scene, tmp_path, grain):
    picture = drawn(scene, tmp_path, plain_picture(), Texture(grain=grain))
    assert measure_texture(picture).grain == pytest.approx(grain, rel=0.15)


@pytest.mark.parametrize("vignette", [0.25, 0.5])
def test_as_dark_corners_as_were_asked(scene, tmp_path, vignette):
    grey = np.full((360, 640, 3), 150, np.uint8)
    assert measure_texture(grey).vignette == 0
    picture = drawn(scene, tmp_path, grey, Texture(vignette=vignette))
    assert measure_texture(picture).vignette == pytest.approx(vignette, rel=0.15)


def test_as_lifted_blacks_as_were_asked_and_whites_that_stay(scene, tmp_path):
    picture = drawn(scene, tmp_path, plain_picture(), Texture(fade=0.08))
    assert measure_texture(picture).fade == pytest.approx(0.08 + 0.92 * 8 / 255, abs=0.01)
    assert picture.max() == 255


@pytest.mark.parametrize("halation", [0.3, 0.8])
def test_as_warm_a_glow_as_was_asked(scene, tmp_path, halation):
    assert measure_texture(plain_picture()).halation == 0
    picture = drawn(scene, tmp_path, plain_picture(), Texture(halation=halation))
    assert measure_texture(picture).halation == pytest.approx(halation, rel=0.35)
    red, _, blue = picture[110, 132].astype(int)
    assert red > blue + 5


def test_nothing_is_measured_where_nothing_was_drawn():
    assert measure_texture(plain_picture()) == Texture(fade=measure_texture(plain_picture()).fade)


@pytest.mark.slow
def test_the_texture_ends_before_the_cover_rests(edit):
    film_textures.apply(edit, ALL)
    strip = film_textures.find(edit)
    assert strip is not None
    assert (compat.left(strip), compat.right(strip)) == (1, 1 + sum(LENGTHS) - REST)
    (curve,) = [c for c in timeline.animation(edit) if c.data_path == strip.path_from_id("blend_alpha")]
    assert [round(curve.evaluate(frame), 2) for frame in (1, 33, 57)] == [1.0, 1.0, 0.0]
    assert strip.channel > max(s.channel for s in timeline.shot_strips(edit))
    assert segments.segments(edit)[-1].movie, "the rest is the clip's own picture"


def test_applied_twice_is_applied_once_and_an_empty_texture_leaves_nothing(edit):
    before = (len(edit.sequence_editor.strips), len(bpy.data.node_groups))
    for _ in range(2):
        film_textures.apply(edit, ALL)
        assert len([s for s in edit.sequence_editor.strips if film_textures.KEY in s]) == 1
        assert len([g for g in bpy.data.node_groups if g.name.startswith(film_textures.NAME)]) == 1
    film_textures.apply(edit, Texture())
    assert (len(edit.sequence_editor.strips), len(bpy.data.node_groups)) == before
    assert not any("blend_alpha" in curve.data_path for curve in timeline.animation(edit))


def test_only_what_was_asked_costs_nodes(edit):
    film_textures.apply(edit, Texture(vignette=0.3))
    strip = film_textures.find(edit)
    assert strip is not None
    kinds = {node.bl_idname for node in strip.modifiers[0].node_group.nodes}
    assert not kinds & {"ShaderNodeTexWhiteNoise", "CompositorNodeGlare", "CompositorNodeConvertColorSpace"}


def names(scene):
    return [segment.name for segment in segments.segments(scene)]


@pytest.mark.slow
def test_each_amount_names_the_segments_that_it_is_seen_in(edit):
    film_textures.apply(edit, ALL)
    before = names(edit)
    assert names(edit) == before
    for name in textures.NAMES:
        assert film_textures.set_amount(edit, name, 0.01)
        after = names(edit)
        assert [a == b for a, b in zip(before, after, strict=True)] == [False, False, False, False, True], name
        before = after


def test_how_long_the_texture_goes_on_changes_only_where_it_ends(edit):
    film_textures.apply(edit, ALL)
    before = names(edit)
    compat.set_right(film_textures.find(edit), 50)
    assert [a == b for a, b in zip(before, names(edit), strict=True)] == [True, True, True, False, True]


def test_the_tabs_sliders_are_the_covers_and_shape_the_edit(tmp_path):
    from blender_addon.actions import look
    from blender_addon.session import state
    from tests.addon_ui import ui_world

    ui_world.switch_on()
    try:
        scene = ui_world.open_empty()
        ui_world.lay_out(scene, tmp_path)
        settings = state.settings_of(scene)
        look.remember(scene, replace(world.look(), texture=Texture(grain=0.03)))
        assert settings.texture_grain == pytest.approx(0.03)
        assert film_textures.find(scene) is None, "off until it is asked for"
        settings.use_texture = True
        settings.texture_grain, settings.texture_fade = 0.05, 0.1
        strip = film_textures.find(scene)
        assert strip is not None
        nodes = strip.modifiers[0].node_group.nodes
        assert [nodes[name].outputs[0].default_value for name in ("Grain", "Fade")] == pytest.approx([0.05, 0.1])
        settings.use_texture = False
        assert film_textures.find(scene) is None
    finally:
        ui_world.switch_off()


@pytest.mark.slow
def test_drawn_with_the_grade_it_looks_as_it_does_over_the_edit(edit, tmp_path, monkeypatch):
    film_textures.apply(edit, ALL)
    render_settings.for_this_process(edit)
    strip, groups = film_textures.find(edit), set(bpy.data.node_groups.keys())
    assert strip is not None
    with passthrough.colors(edit, 1, 7) as can:
        assert can
        assert strip.mute
    assert not strip.mute
    assert set(bpy.data.node_groups.keys()) == groups
    pictures = []
    for name in ("in one go", "over"):
        render_settings.render(edit, tmp_path / f"{name}.mp4", 1, 7, audio=False, lossless=True)
        monkeypatch.setattr(passthrough, "_texture_over", lambda *_: None)
        with av.open(str(tmp_path / f"{name}.mp4")) as container:
            pictures.append([frame.to_ndarray(format="rgb24").astype(int) for frame in container.decode(video=0)])
    assert len(pictures[0]) == 6
    assert np.abs(np.subtract(*pictures)).mean() < 0.5


@pytest.mark.parametrize("change", ["smaller", "faded", "muted"])
def test_what_it_would_not_be_the_same_for_stays_over_the_edit(edit, change):
    film_textures.apply(edit, ALL)
    strip = film_textures.find(edit)
    assert strip is not None
    if change == "smaller":
        timeline.shot_strips(edit)[0].transform.scale_x = 0.5
    elif change == "faded":
        edit.frame_end = 1 + sum(LENGTHS)
    else:
        strip.modifiers[0].mute = True
    frames = (1, 7) if change != "faded" else (1, 1 + sum(LENGTHS) - REST)
    with passthrough.colors(edit, *frames) as can:
        assert not can
