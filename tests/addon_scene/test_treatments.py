"""Shots that are drawn in the cover's colours: what Blender makes of them, and who may change it."""

from dataclasses import replace

import bpy
import cv2
import numpy as np
import pytest

from blender_addon.core.types import PaletteColor, Treatment
from blender_addon.scene import grade, render_settings, segments, timeline, treatments
from tests.addon_scene import edit_world as world

PALETTE = tuple(
    PaletteColor(rgb, 0.3, name)
    for rgb, name in (((10, 20, 40), "ink"), ((230, 120, 40), "amber"), ((240, 235, 220), "paper"))
)
LENGTH = 24


@pytest.fixture
def edit(scene, song, tmp_path):
    """An edit with a shot per treatment, each of them of the same movie; graded."""
    plan = world.plan((LENGTH,) * len(Treatment))
    shots = tuple(replace(shot, treatment=one) for shot, one in zip(plan.shots, Treatment, strict=True))
    clip = next(iter(world.make_clips(tmp_path / "clips", (LENGTH,)).values()))
    plan = replace(plan, shots=shots)
    timeline.build(scene, plan, world.analysis(), song_path=song, clips={shot.id: clip for shot in shots})
    grade.apply(scene, world.GRADE)
    treatments.apply(scene, PALETTE)
    render_settings.settings(scene)
    return scene


def strip_with(scene, treatment):
    return next(strip for strip in timeline.shot_strips(scene) if strip["treatment"] == treatment.value)


def drawn(scene, treatment, at, tmp_path):
    """A frame of the shot with this treatment, without the grade."""
    grade.remove(scene)
    image = scene.render.image_settings
    image.media_type, image.file_format = "IMAGE", "PNG"
    scene.render.compositor_device, scene.render.filepath = "CPU", str(tmp_path / "drawn.png")
    scene.frame_set(1 + list(Treatment).index(treatment) * LENGTH + at)
    bpy.ops.render.render(write_still=True)
    found = cv2.imread(str(tmp_path / "drawn.png"))
    assert found is not None
    return found[..., ::-1].astype(int)


def test_each_shot_wears_its_treatment_below_the_grade_and_says_so(edit):
    for strip, treatment in zip(timeline.shot_strips(edit), Treatment, strict=True):
        names = [modifier.node_group.name.split(":")[-1].split()[0] for modifier in strip.modifiers]
        assert names == ([] if treatment is Treatment.NONE else [treatment.value]) + ["Cover"]
    assert [shot.treatment for shot in timeline.read(edit).shots] == list(Treatment)


def test_another_choice_changes_clothes_and_an_editor_s_group_stays(edit):
    strip = strip_with(edit, Treatment.DUOTONE)
    group = strip.modifiers[0].node_group
    group.nodes["Amount"].outputs[0].default_value = 0.25
    treatments.apply(edit, PALETTE)
    assert strip.modifiers[0].node_group == group
    assert group.nodes["Amount"].outputs[0].default_value == 0.25
    strip["treatment"] = Treatment.MONO.value
    treatments.spread(edit)
    assert strip.modifiers[0].node_group == strip_with(edit, Treatment.MONO).modifiers[0].node_group
    strip["treatment"] = Treatment.NONE.value
    treatments.spread(edit)
    assert [modifier.node_group for modifier in strip.modifiers] == [grade.find(edit)]
    assert not [group for group in bpy.data.node_groups if "duotone" in group.name], "nobody wears it"


def test_what_is_keyed_in_a_treatment_is_rendered_again(edit):
    def names():
        return [segment.name for segment in segments.segments(edit)]

    before, index = names(), list(Treatment).index(Treatment.GLOW)
    amount = strip_with(edit, Treatment.GLOW).modifiers[0].node_group.nodes["Amount"].outputs[0]
    amount.keyframe_insert("default_value", frame=5)
    assert [i for i, pair in enumerate(zip(before, names(), strict=True)) if pair[0] != pair[1]] == [index]


@pytest.mark.slow
def test_what_the_treatments_look_like(edit, tmp_path):
    plain = drawn(edit, Treatment.NONE, 2, tmp_path)
    flat = {one: drawn(edit, one, 2, tmp_path) for one in (Treatment.MONO, Treatment.DUOTONE, Treatment.HALFTONE)}
    spread = np.ptp(flat[Treatment.MONO] - flat[Treatment.MONO].mean(axis=-1, keepdims=True), axis=-1)
    assert spread.mean() < 0.4 * np.ptp(plain, axis=-1).mean(), "hardly any colour is left"
    amber = flat[Treatment.DUOTONE].reshape(-1, 3).mean(axis=0)
    assert amber[0] > amber[1] > amber[2]
    steps = [np.abs(np.diff(one[..., 1])).mean() for one in (flat[Treatment.HALFTONE], plain)]
    assert steps[0] > 1.5 * steps[1], "dots"


@pytest.mark.slow
def movies_of(scene, treatment):
    """The segments within the shot: their frames from its first on, and whether its movie alone is seen."""
    left = 1 + list(Treatment).index(treatment) * LENGTH
    found = [segment for segment in segments.segments(scene) if left <= segment.start < left + LENGTH]
    return [(segment.start - left, segment.end - left, segment.movie is not None) for segment in found]


def test_where_split_channels_are_together_the_movie_alone_is_seen(edit):
    assert movies_of(edit, Treatment.SPLIT) == [
        (0, treatments.HIT_FRAMES, False),
        (treatments.HIT_FRAMES, LENGTH, True),
    ]
    assert movies_of(edit, Treatment.GLOW) == [(0, LENGTH, False)]


def test_a_split_that_an_editor_changed_is_drawn_throughout(edit):
    split = strip_with(edit, Treatment.SPLIT).modifiers[0].node_group
    split.nodes[treatments.HIT].inputs["To Max"].default_value = 0.5
    assert movies_of(edit, Treatment.SPLIT) == [(0, LENGTH, False)]
    assert not [group for group in bpy.data.node_groups if group.name == treatments.NAME], "nothing is left of the test"


def test_split_channels_come_together_and_follow_their_shot(edit, tmp_path):
    plain = drawn(edit, Treatment.NONE, treatments.HIT_FRAMES + 2, tmp_path)
    later = drawn(edit, Treatment.SPLIT, treatments.HIT_FRAMES + 2, tmp_path)
    assert np.abs(plain - later).mean() < 1.0
    hit = drawn(edit, Treatment.SPLIT, 0, tmp_path)
    plain = drawn(edit, Treatment.NONE, 0, tmp_path)
    assert np.abs(plain - hit)[..., 0].mean() > 2.0
    assert np.abs(plain - hit)[..., 1].mean() < 1.0, "green stays"
