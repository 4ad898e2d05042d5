"""The song as curves of the scene: where the song plays, beside the user's own animation, gone without a trace."""

from fractions import Fraction

import bpy
import numpy as np
import pytest

from blender_addon.core.song_channels import Shape
from blender_addon.scene import compat, render_settings, segments, song_channels, timeline
from blender_addon.scene.song_channels import Target
from tests.addon_scene import edit_world as world
from tests.addon_scene.test_titles import picture

RATE_HZ = 100
HITS_S = (1.5, 2.0, 2.5)


def curves() -> dict[str, np.ndarray]:
    """A kick that hits at known times, and a loudness that rises from 0 to 1 over eight seconds."""
    kick = np.zeros(8 * RATE_HZ + 1)
    for time_s in HITS_S:
        kick[round(time_s * RATE_HZ)] = 1.0
    return {"kick": kick, "loudness": np.linspace(0, 1, len(kick))}


@pytest.fixture
def edit(scene, song, tmp_path):
    clips = world.make_clips(tmp_path / "clips")
    timeline.build(scene, world.plan(), world.analysis(), song_path=song, clips=clips)
    render_settings.settings(scene)
    return scene


@pytest.fixture
def baked(edit):
    song_channels.bake(edit, curves(), RATE_HZ)
    return edit


def value(scene, name, frame):
    scene.frame_set(frame)
    return scene[f"beatboard.{name}"]


def frame_of(scene, time_s):
    """Where the song's strip plays this moment; the excerpt starts at 1.2345 s on frame 1."""
    return compat.left(world.the_song(scene)) + round((time_s - 1.2345) * 24)


def hits(scene):
    return [frame for frame in range(-40, 180) if value(scene, "kick", frame) > 0.9]


def test_hits_are_on_the_frames_on_which_they_are_heard(baked):
    assert hits(baked) == [frame_of(baked, time_s) for time_s in HITS_S]
    assert value(baked, "loudness", frame_of(baked, 4.0)) == pytest.approx(0.5, abs=0.01)


def test_they_move_with_the_songs_strip_and_with_the_rate(baked):
    strip = world.the_song(baked)
    compat.place(strip, compat.content_start(strip) + 10, compat.left(strip) + 10, compat.right(strip) + 10)
    song_channels.follow(baked)
    assert hits(baked) == [frame_of(baked, time_s) for time_s in HITS_S]
    before = timeline.start_by(strip, 2.0, Fraction(24))
    baked.render.fps = 48
    song_channels.follow(baked)
    at = timeline.start_by(strip, 2.0, Fraction(48))
    assert at != before
    assert value(baked, "kick", at) == pytest.approx(1.0, abs=0.01)


def own_animation(scene):
    """What a user keyed and drove: the strip's opacity, a property of the scene."""
    scene["mine"] = 0.0
    scene.keyframe_insert('["mine"]', frame=3)
    scene["mine"] = 2.0
    scene.keyframe_insert('["mine"]', frame=9)
    timeline.shot_strips(scene)[0].driver_add("color_saturation").driver.expression = "0.5"
    return everything(scene)


def everything(scene):
    data = scene.animation_data
    return (
        sorted((c.data_path, [tuple(p.co) for p in c.keyframe_points]) for c in timeline.animation(scene)),
        [(d.data_path, d.driver.expression) for d in data.drivers] if data else None,
        sorted(action.name for action in bpy.data.actions),
        sorted(scene.keys()),
        data is not None,
    )


def test_the_users_animation_stays_and_ours_goes_without_a_trace(edit):
    before = own_animation(edit)
    song_channels.bake(edit, curves(), RATE_HZ)
    assert value(edit, "kick", frame_of(edit, 2.0)) == pytest.approx(1.0)
    assert (value(edit, "loudness", 0), edit["mine"]) == (pytest.approx(0.15, abs=0.02), 0.0)
    song_channels.remove(edit)
    edit["mine"] = 2.0
    assert everything(edit) == before


def test_a_scene_without_animation_has_none_again(edit):
    edit.animation_data_clear()
    before = everything(edit)
    song_channels.bake(edit, curves(), RATE_HZ)
    song_channels.remove(edit)
    assert everything(edit) == before


def test_baking_twice_is_baking_once(baked):
    before = everything(baked)
    song_channels.bake(baked, curves(), RATE_HZ)
    assert everything(baked) == before


def test_a_property_follows_and_is_as_before_when_all_is_removed(baked):
    strip = timeline.shot_strips(baked)[1]
    path = strip.path_from_id("blend_alpha")
    strip.blend_alpha = 0.25
    song_channels.drive(baked, Target(baked, path), "kick", 0.5, Shape())
    baked.frame_set(frame_of(baked, 2.0))
    assert strip.blend_alpha == pytest.approx(0.75)
    baked.frame_set(frame_of(baked, 2.0) + 4)
    assert strip.blend_alpha == pytest.approx(0.25)
    with pytest.raises(ValueError, match="animated already"):
        song_channels.drive(baked, Target(baked, path), "kick", 1, Shape())
    baked.frame_set(frame_of(baked, 2.0))
    song_channels.remove(baked)
    assert strip.blend_alpha == pytest.approx(0.25)
    assert not timeline.drivers(baked)


def test_the_rendered_picture_follows(baked, tmp_path):
    strip = timeline.shot_strips(baked)[1]
    strip.color_multiply = 0.2
    song_channels.drive(baked, Target(baked, strip.path_from_id("color_multiply")), "kick", 0.8, Shape())
    at = frame_of(baked, 2.0)
    assert compat.left(strip) < at < compat.right(strip) - 3
    on, off = (picture(baked, tmp_path, frame).mean() for frame in (at, at + 3))
    assert on > 3 * off


def test_whatever_blender_animates_can_listen(baked):
    cube = bpy.data.objects.new("Cube", bpy.data.meshes.new("Cube"))
    baked.collection.objects.link(cube)
    material = bpy.data.materials.new("Lamp")
    cube.data.materials.append(material)
    material.use_nodes = True
    group = bpy.data.node_groups.new("Grade", "CompositorNodeTree")
    exposure = group.nodes.new("CompositorNodeExposure")
    emission = material.node_tree.nodes.new("ShaderNodeEmission")
    targets = [
        Target(cube, "scale"),
        Target(material.node_tree, emission.inputs[1].path_from_id("default_value")),
        Target(group, exposure.inputs[1].path_from_id("default_value")),
    ]
    cube["mine"] = 3.0
    targets.append(Target(cube, '["mine"]'))
    for target in targets:
        assert song_channels.find(target.owner.session_uid) == target.owner
        song_channels.drive(baked, target, "loudness", 2.0, Shape())
    baked.frame_set(frame_of(baked, 4.0))
    depsgraph = bpy.context.evaluated_depsgraph_get()
    assert list(cube.evaluated_get(depsgraph).scale) == pytest.approx([2, 2, 2], abs=0.02)
    assert cube["mine"] == pytest.approx(4.0, abs=0.02)
    assert emission.inputs[1].default_value == pytest.approx(2.0, abs=0.02)
    assert song_channels.drivers(baked) == 6
    song_channels.remove(baked)
    assert (list(cube.scale), cube["mine"], emission.inputs[1].default_value) == ([1, 1, 1], 3.0, 1.0)
    assert cube.animation_data is None


def test_a_shape_is_a_channel_of_its_own_and_is_baked_again_with_the_song(baked):
    strip = timeline.shot_strips(baked)[1]
    for name in ("blend_alpha", "color_saturation"):
        song_channels.drive(baked, Target(baked, strip.path_from_id(name)), "kick", 1.0, Shape(release_s=0.5))
    assert "beatboard.kick.1" in baked
    assert "beatboard.kick.2" not in baked
    after = frame_of(baked, 1.5) + 6
    assert value(baked, "kick.1", after) == pytest.approx(2.718 ** (-0.25 / 0.5), abs=0.03)
    song_channels.bake(baked, {**curves(), "kick": np.zeros(801)}, RATE_HZ)
    assert value(baked, "kick.1", after) == 0


def test_what_follows_the_song_is_rendered_by_blender_and_anew_when_the_song_changes(baked):
    def names():
        return [segment.name for segment in segments.segments(baked)]

    before = names()
    assert all(segment.movie for segment in segments.segments(baked))
    strip = timeline.shot_strips(baked)[1]
    song_channels.drive(baked, Target(baked, strip.path_from_id("color_saturation")), "kick", 1.0, Shape())
    driven = names()
    assert names() == driven
    assert [a == b for a, b in zip(before, driven, strict=True)] == [True, False, True]
    assert [segment.movie is None for segment in segments.segments(baked)] == [False, True, False]
    song_channels.bake(baked, {**curves(), "kick": np.zeros(801)}, RATE_HZ)
    assert [a == b for a, b in zip(driven, names(), strict=True)] == [True, False, True]
