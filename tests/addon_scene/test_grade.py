from contextlib import nullcontext
from dataclasses import replace

import bpy
import numpy as np
import pytest

from blender_addon.core.types import NEUTRAL_GRADE, Grade, Graded, ShotKind
from blender_addon.scene import compat, grade, passthrough, render_settings, timeline
from bridge.cover import apply_grade
from tests.addon_scene import edit_world as world
from tests.addon_scene.edit_world import the_group

SIDE_PX = 48


@pytest.fixture
def edit(scene, song, tmp_path):
    """A built edit of three movies."""
    clips = world.make_clips(tmp_path / "clips")
    timeline.build(scene, world.plan(), world.analysis(), song_path=song, clips=clips)
    render_settings.settings(scene)
    return scene


def groups(scene):
    return [[m.node_group.name for m in s.modifiers] for s in timeline.shot_strips(scene)]


def still_strip(scene, path):
    """All colours, on a strip that passes for one of ours."""
    rgb = np.random.default_rng(0).integers(0, 256, (SIDE_PX, SIDE_PX, 3))
    pixels = np.ones((SIDE_PX, SIDE_PX, 4), np.float32)
    pixels[..., :3] = rgb / 255
    image = bpy.data.images.new("colours", SIDE_PX, SIDE_PX)
    image.pixels = pixels[::-1].ravel()
    image.filepath_raw, image.file_format = str(path), "PNG"
    image.save()
    strip = scene.sequence_editor.strips.new_image("still", str(path), 2, 1, fit_method="FIT")
    strip["id"], strip["kind"] = "s01", "motion"
    return strip, rgb.astype(np.uint8)


def rendered(scene, path):
    scene.render.image_settings.media_type = "IMAGE"
    scene.render.image_settings.file_format = "PNG"
    scene.render.compositor_device = "CPU"
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)
    image = bpy.data.images.load(str(path))
    pixels = np.array(image.pixels).reshape(image.size[1], image.size[0], -1)[::-1, :, :3]
    return np.round(pixels * 255).astype(np.uint8)


def difference(one, other):
    return np.abs(one.astype(int) - other.astype(int)).max()


@pytest.mark.parametrize("strength", [1.0, 0.4])
@pytest.mark.parametrize("matrix", [world.GRADE.matrix, (1.3, -0.2, -0.1, -0.1, 1.2, -0.1, 0.2, -0.3, 1.1)])
def test_the_compositor_does_what_the_array_version_does(scene, tmp_path, strength, matrix):
    timeline.prepare(scene)
    scene.render.resolution_x = scene.render.resolution_y = SIDE_PX
    render_settings.settings(scene)
    strip, rgb = still_strip(scene, tmp_path / "colours.png")
    asked = replace(world.GRADE, strength=strength, matrix=matrix)
    group = grade.make(asked)
    strip.modifiers.new(name=grade.NAME, type="COMPOSITOR").node_group = group
    assert difference(rendered(scene, tmp_path / "out.png"), apply_grade(rgb, asked)) <= 1


def test_without_a_grade_colours_stay_exactly(scene, tmp_path):
    timeline.prepare(scene)
    scene.render.resolution_x = scene.render.resolution_y = SIDE_PX
    render_settings.settings(scene)
    _, rgb = still_strip(scene, tmp_path / "colours.png")
    assert difference(rendered(scene, tmp_path / "out.png"), rgb) == 0


def test_one_group_on_every_movie_and_applied_twice_as_once(edit):
    grade.apply(edit, world.GRADE)
    grade.apply(edit, world.GRADE)
    assert groups(edit) == [["Cover Grade"]] * 3
    assert [group.name for group in bpy.data.node_groups] == ["Cover Grade"]


def test_the_grades_numbers_can_be_read_from_the_group(edit):
    grade.apply(edit, world.GRADE)
    grade.apply(edit, replace(world.GRADE, strength=0.3))
    group = the_group(edit)
    assert group.nodes[grade.STRENGTH].outputs[0].default_value == pytest.approx(0.3)
    assert tuple(group.nodes["Green from"].inputs[1].default_value) == pytest.approx((0.03, 0.92, 0.05))
    points = group.nodes[grade.CURVES].mapping.curves[0].points
    assert [p.location[1] for p in points] == pytest.approx(world.GRADE.curves[0], abs=1e-6)


def test_a_neutral_grade_is_none(edit):
    grade.apply(edit, world.GRADE)
    grade.apply(edit, NEUTRAL_GRADE)
    assert groups(edit) == [[], [], []]
    assert not bpy.data.node_groups
    grade.apply(edit, Grade(strength=0.0, matrix=world.GRADE.matrix))
    assert groups(edit) == [[], [], []]


def test_the_editors_own_nodes_and_modifiers_stay(edit):
    timeline.shot_strips(edit)[0].modifiers.new(name="Mine", type="BRIGHT_CONTRAST")
    grade.apply(edit, world.GRADE)
    group = the_group(edit)
    group.nodes.new("CompositorNodeBlur")
    group.links.new(group.nodes["Input"].outputs[0], group.nodes["Output"].inputs[0])
    assert not grade.is_whole(group)
    grade.apply(edit, world.GRADE)
    assert grade.is_whole(the_group(edit))
    assert bpy.data.node_groups["Cover Grade (edited)"] == group
    grade.remove(edit)
    assert [m.name for m in timeline.shot_strips(edit)[0].modifiers] == ["Mine"]


def test_a_new_take_gets_the_grade(edit, tmp_path):
    grade.apply(edit, world.GRADE)
    strip = timeline.shot_strips(edit)[1]
    strip.modifiers.remove(strip.modifiers[0])
    grade.spread(edit)
    assert groups(edit) == [["Cover Grade"]] * 3


def lossless_planes(scene, path, *, direct):
    scene.render.ffmpeg.constant_rate_factor = "LOSSLESS"
    render_settings.for_this_process(scene)
    original = passthrough.colors
    if direct:
        passthrough.colors = lambda *_: nullcontext(False)
    try:
        render_settings.render(scene, path, 1, 25, audio=False)
    finally:
        passthrough.colors = original
    return world.pictures(path)


def bend_all(group):
    """The combined curve, which bends every channel before its own."""
    curve = group.nodes[grade.CURVES].mapping.curves[3]
    curve.points.new(0.5, 0.7)
    group.nodes[grade.CURVES].mapping.update()


def update(group):
    """As 5.2 does when it opens an older version's file."""
    nodes, links = group.nodes, group.links
    alpha, keep = nodes.new("CompositorNodeSeparateColor"), nodes.new("CompositorNodeSetAlpha")
    links.new(nodes[grade.ENCODE].outputs[0], alpha.inputs[0])
    links.new(nodes[grade.DECODE].inputs[0].links[0].from_socket, keep.inputs["Image"])
    links.new(alpha.outputs["Alpha"], keep.inputs["Alpha"])
    links.new(keep.outputs[0], nodes[grade.DECODE].inputs[0])
    assert grade.is_whole(group)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("wanted", "change"),
    [
        (world.GRADE, None),
        (world.GRADE, update),
        (replace(world.GRADE, strength=0.5), update),
        (replace(world.GRADE, strength=0.5), None),
        (replace(world.GRADE, matrix=Grade().matrix), None),
        (world.GRADE, bend_all),
        (world.GRADE, lambda group: setattr(group.nodes[grade.CURVES].inputs["Factor"], "default_value", 0.4)),
        (
            world.GRADE,
            lambda group: setattr(group.nodes[grade.CURVES].inputs["Black Level"], "default_value", (0.1, 0.2, 0, 1)),
        ),
    ],
)
def test_unconverted_colours_give_the_same_picture(edit, tmp_path, wanted, change):
    grade.apply(edit, wanted)
    if change:
        change(the_group(edit))
    before = [g.name for g in bpy.data.node_groups]
    with passthrough.colors(edit, 1, 25) as can:
        assert can
        assert edit.view_settings.view_transform == "Raw"
    assert (edit.view_settings.view_transform, edit.sequencer_colorspace_settings.name) == ("Standard", "sRGB")
    assert groups(edit) == [["Cover Grade"]] * 3
    quick = lossless_planes(edit, tmp_path / "quick.mp4", direct=False)
    plain = lossless_planes(edit, tmp_path / "plain.mp4", direct=True)
    assert max(difference(a, b) for a, b in zip(quick, plain, strict=True)) <= 1
    assert [g.name for g in bpy.data.node_groups] == before


@pytest.mark.parametrize(
    "spoil",
    [
        lambda scene: timeline.shot_strips(scene)[0].modifiers.new(name="Mine", type="BRIGHT_CONTRAST"),
        lambda scene: timeline.shot_strips(scene)[0].modifiers.clear(),
        lambda scene: setattr(timeline.shot_strips(scene)[0].modifiers[0], "mute", True),
        lambda scene: setattr(timeline.shot_strips(scene)[0].colorspace_settings, "name", "AgX Base sRGB"),
        lambda scene: setattr(scene.view_settings, "exposure", 0.5),
        lambda scene: setattr(the_group(scene).nodes[grade.CURVES], "mute", True),
        lambda scene: scene.sequence_editor.strips.new_effect("Title", "TEXT", 4, 2, length=5),
    ],
)
def test_colours_are_converted_where_it_matters(edit, spoil):
    grade.apply(edit, world.GRADE)
    spoil(edit)
    with passthrough.colors(edit, 1, 13) as can:
        assert not can


# Where the edit turns into the cover


HOLD = 12


@pytest.fixture
def ending(scene, song, tmp_path):
    """An edit whose last shot, of 48 frames, ends on the cover: it turns for 24 frames, then rests."""
    plan = world.plan((18, 48))
    last = replace(plan.shots[1], kind=ShotKind.COVER_END, hold_frames=HOLD)
    clips = world.make_clips(tmp_path / "clips", (18, 48))
    timeline.build(scene, replace(plan, shots=(plan.shots[0], last)), world.analysis(), song_path=song, clips=clips)
    render_settings.settings(scene)
    return scene


@pytest.mark.slow
@pytest.mark.parametrize("direct", [False, True])
def test_the_grade_falls_to_nothing_while_the_picture_turns_into_the_cover(ending, tmp_path, direct):
    def planes(name, wanted):
        grade.apply(ending, wanted)
        ending.render.ffmpeg.constant_rate_factor = "LOSSLESS"
        passing = passthrough.colors
        if direct:
            passthrough.colors = lambda *_: nullcontext(False)
        try:
            render_settings.render(ending, tmp_path / name, audio=False)
        finally:
            passthrough.colors = passing
        return np.stack(world.pictures(tmp_path / name)).astype(float)

    bare, faded = planes("bare.mp4", NEUTRAL_GRADE), planes("faded.mp4", world.GRADE)
    ending.timeline_markers.clear()
    timeline.shot_strips(ending)[1]["kind"] = "motion"
    whole = planes("whole.mp4", world.GRADE)
    shares = [
        float(((f - b) * (w - b)).sum() / ((w - b) ** 2).sum()) for b, f, w in zip(bare, faded, whole, strict=True)
    ]
    x = np.clip((np.arange(66) - 29) / 25, 0, 1)
    assert shares == pytest.approx(1 - x * x * (3 - 2 * x), abs=0.02)
    assert shares[:30] == [1.0] * 30
    assert np.abs(faded[54:] - bare[54:]).max() <= 1


def test_the_fade_follows_the_shot(ending):
    grade.apply(ending, world.GRADE)
    group = the_group(ending)
    assert grade.fading(group) == range(31, 55)
    compat.place(timeline.shot_strips(ending)[1], 19, 19, 51)  # sixteen frames shorter
    grade.follow(ending)
    assert grade.fading(group) == range(19, 39)
    timeline.shot_strips(ending)[1]["kind"] = "motion"
    grade.follow(ending)
    assert grade.graded(group, 1, 10_000) is Graded.WHOLLY


def test_a_group_wired_anew_is_not_faded(ending):
    grade.apply(ending, world.GRADE)
    group = the_group(ending)
    group.links.new(group.nodes[grade.STRENGTH].outputs[0], group.nodes[grade.MIX].inputs[0])
    before = group.nodes[grade.FADE].inputs["From Min"].default_value
    timeline.shot_strips(ending)[1]["kind"] = "motion"
    grade.follow(ending)
    assert group.nodes[grade.FADE].inputs["From Min"].default_value == before
    assert grade.graded(group, 60, 67) is Graded.WHOLLY
