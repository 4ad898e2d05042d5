"""Segments that need no Blender for each frame: rests, and the baked grade."""

import sys
from dataclasses import replace
from fractions import Fraction
from itertools import repeat

import av
import numpy as np
import pytest

from blender_addon.scene import grade, render_settings, segments, timeline
from bridge.cover.grading import transform
from bridge.render import footage, render
from bridge.render.blender import Farm
from bridge.render.encode import STILL_FRAMES, encode, encode_still
from bridge.render.footage import Baked, decoded, is_at_rest
from tests.addon_scene import edit_world as world

pytestmark = pytest.mark.slow

REST = 14


@pytest.fixture
def resting_plan():
    plan = world.plan((30, 12))
    return replace(plan, shots=(replace(plan.shots[0], hold_frames=REST), plan.shots[1]))


@pytest.fixture
def clips(tmp_path):
    (tmp_path / "clips").mkdir()
    return {
        "s01": world.make_clip(tmp_path / "clips" / "s01.mp4", 30, 1, rest=REST - 1),
        "s02": world.make_clip(tmp_path / "clips" / "s02.mp4", 12, 2),
    }


def build(scene, plan, song, clips):
    timeline.build(scene, plan, world.analysis(), song_path=song, clips=clips)
    grade.apply(scene, world.GRADE)
    render_settings.settings(scene)


def arguments(tmp_path, plan, song, clips):
    return {
        "plan": plan,
        "analysis": world.analysis(),
        "look": world.look(),
        "clips": clips,
        "song_path": song,
        "out_path": tmp_path / "video.mp4",
        "work_dir": tmp_path / "work",
        "workers": 1,
    }


def luma(video):
    with av.open(str(video)) as container:
        return [frame.to_ndarray()[: frame.height].astype(int) for frame in container.decode(video=0)]


def test_a_long_rest_is_a_segment_of_its_own(scene, song, resting_plan, clips):
    build(scene, resting_plan, song, clips)
    found = segments.segments(scene)
    assert [(s.start, s.end, s.rests) for s in found] == [(1, 15, True), (15, 31, False), (31, 43, False)]
    assert [s.movie and (s.movie.first_frame, s.movie.width_px) for s in found] == [(0, 160), (14, 160), (0, 160)]


def test_the_covers_rest_is_at_its_end(scene, song, resting_plan, clips):
    first = replace(resting_plan.shots[0], kind=segments.ShotKind.COVER_END)
    build(scene, replace(resting_plan, shots=(first, resting_plan.shots[1])), song, clips)
    assert [(s.start, s.end, s.rests) for s in segments.segments(scene)][:2] == [(1, 17, False), (17, 31, True)]


@pytest.fixture
def ending_plan(resting_plan):
    """On the cover: of 40 frames, frames 2 to 25 turn into it, the rest shows it."""
    plan = world.plan((30, 40))
    last = replace(plan.shots[1], kind=segments.ShotKind.COVER_END, hold_frames=REST)
    return replace(plan, shots=(resting_plan.shots[0], last))


@pytest.fixture
def ending_clips(tmp_path, clips):
    return {"s01": clips["s01"], "s02": world.make_clip(tmp_path / "clips" / "end.mp4", 40, 2)}


def test_the_grades_fade_is_a_segment_of_its_own(scene, song, ending_plan, ending_clips):
    build(scene, ending_plan, song, ending_clips)
    found = segments.segments(scene)
    assert [(s.start, s.end, s.graded.value) for s in found] == [
        (1, 15, "wholly"), (15, 31, "wholly"), (31, 33, "wholly"), (33, 57, "fading"), (57, 71, "not"),
    ]  # fmt: skip
    grade.remove(scene)
    assert {s.graded.value for s in segments.segments(scene)} == {"not"}


def test_moving_the_ending_leaves_the_other_segments_names(scene, song, ending_plan, ending_clips):
    build(scene, ending_plan, song, ending_clips)
    before = segments.segments(scene)
    timeline.shot_strips(scene)[1].channel = 6
    timeline.shot_strips(scene)[1]["hold_frames"] = REST + 1
    grade.follow(scene)
    after = segments.segments(scene)
    assert [s.name for s in after[:2]] == [s.name for s in before[:2]]
    assert (after[3].start, after[3].end) == (32, 56)
    assert {s.name for s in after[2:]}.isdisjoint({s.name for s in before[2:]})


@pytest.mark.parametrize(
    "change",
    [
        lambda strip: setattr(strip.transform, "offset_x", 4),
        lambda strip: setattr(strip.transform, "scale_x", 1.2),
        lambda strip: setattr(strip.crop, "min_x", 3),
        lambda strip: setattr(strip, "color_saturation", 0.5),
        lambda strip: setattr(strip, "blend_alpha", 0.5),
        lambda strip: setattr(strip, "use_flip_x", True),
        lambda strip: setattr(strip, "mute", True),
        lambda strip: setattr(strip, "strobe", 3),
        lambda strip: strip.keyframe_insert("blend_alpha", frame=3),
        lambda strip: strip.modifiers.new(name="Mine", type="BRIGHT_CONTRAST"),
    ],
)
def test_a_changed_strip_is_left_to_blender(scene, song, resting_plan, clips, change):
    build(scene, resting_plan, song, clips)
    change(timeline.shot_strips(scene)[0])
    assert [segment.movie is None for segment in segments.segments(scene)] == [True, True, False]


def test_rest_is_seen_in_the_pictures(clips):
    assert is_at_rest(clips["s01"], 0, REST)
    assert not is_at_rest(clips["s01"], 0, REST + 3)
    assert not is_at_rest(clips["s02"], 0, 3)


def test_a_rest_is_rendered_once_and_looks_as_if_rendered_each_time(tmp_path, song, resting_plan, clips, monkeypatch):
    asked = []
    from bridge.render.blender import Blender

    ask = Blender.ask
    monkeypatch.setattr(Blender, "ask", lambda self, job, *rest: asked.append(job) or ask(self, job, *rest))
    render(**arguments(tmp_path, resting_plan, song, clips), by_blender=True)
    jobs = [(job["start"], job["end"]) for job in asked if job["do"] == "render"]
    assert sorted(jobs) == [(14, 15), (15, 31), (31, 43)]
    quick = luma(tmp_path / "video.mp4")

    every = [replace(shot, hold_frames=0) for shot in resting_plan.shots]
    render(**arguments(tmp_path, replace(resting_plan, shots=tuple(every)), song, clips), by_blender=True)
    plain = luma(tmp_path / "video.mp4")
    assert len(quick) == len(plain) == 42
    assert max(np.abs(one - other).mean() for one, other in zip(quick, plain, strict=True)) < 1.0


def test_the_table_is_the_grade(scene, song, resting_plan, clips, monkeypatch):
    """In a Blender without NumPy too, as some distributions have it."""
    build(scene, resting_plan, song, clips)
    with monkeypatch.context() as bare:
        bare.setitem(sys.modules, "numpy", None)
        rows = grade.table(scene)
    table = np.array(rows)
    steps = np.linspace(0, 1, grade.TABLE_SIZE, dtype=np.float32)
    blue, green, red = np.meshgrid(steps, steps, steps, indexing="ij")
    expected = transform(np.stack([red, green, blue], axis=-1).reshape(-1, 3), world.GRADE)
    assert np.abs(table - np.clip(expected, 0, 1)).max() < 0.1 / 255
    assert timeline.read(scene) == resting_plan


def test_the_baked_video_looks_like_blenders(tmp_path, song, ending_plan, ending_clips):
    result = render(**arguments(tmp_path, ending_plan, song, ending_clips))
    assert result.segments_rendered == 5
    baked = luma(tmp_path / "video.mp4")
    again = render(**arguments(tmp_path, ending_plan, song, ending_clips), by_blender=True)
    assert again.segments_rendered == 4  # the baked ones don't pass for Blender's; the fading one was Blender's
    plain = luma(tmp_path / "video.mp4")
    assert len(baked) == len(plain) == 70
    assert max(np.abs(one - other).mean() for one, other in zip(baked, plain, strict=True)) < 1.5
    left = {path.suffix for path in (tmp_path / "work" / "segments").iterdir()}
    assert left == {".mp4"}


def test_a_table_that_differs_is_seen(tmp_path, song, resting_plan, clips):
    material = arguments(tmp_path, resting_plan, song, clips)
    with Farm(None, tmp_path / "work") as farm:
        from bridge.render.edit import build_edit

        build_edit(farm, resting_plan, world.analysis(), world.look(), clips, song, tmp_path / "video.blend", None)
        blender = farm.take()
        blender.ask(
            {"do": "open", "blend": str(tmp_path / "video.blend"), "scene": "", "draft": False, "master": False}
        )
        still = tmp_path / "still.mp4"
        blender.ask({"do": "render", "start": 20, "end": 21, "path": str(still), "lossless": True})
        blender.ask({"do": "bake", "path": str(tmp_path / "grade.cube")})
    movie = {"path": str(clips["s01"]), "first_frame": 0}
    assert Baked(tmp_path / "grade.cube", 160, 90, Fraction(24)).matches(movie, 19, still)
    assert not Baked(None, 160, 90, Fraction(24)).matches(movie, 19, still)
    assert not material["out_path"].exists()


def test_blender_draws_what_its_table_does_not_give(tmp_path, song, resting_plan, clips, monkeypatch):
    asked = []
    from bridge.render.blender import Blender

    ask = Blender.ask
    monkeypatch.setattr(Blender, "ask", lambda self, job, *rest: asked.append(job) or ask(self, job, *rest))
    monkeypatch.setattr(footage, "BAKED_LEVELS", -1.0)
    assert render(**arguments(tmp_path, resting_plan, song, clips)).segments_rendered == 3
    drawn = [(job["start"], job["end"]) for job in asked if job["do"] == "render" and not job["lossless"]]
    assert sorted(drawn) == [(15, 31), (31, 43)]  # the rest is one frame of Blender's, repeated
    assert len(luma(tmp_path / "video.mp4")) == 42


def test_clips_with_handles_render_to_the_same_pictures(tmp_path, song, resting_plan, clips):
    render(**arguments(tmp_path, resting_plan, song, clips))
    plain = np.stack(luma(tmp_path / "video.mp4"))
    wide = {
        "s01": world.make_clip(tmp_path / "clips" / "w01.mp4", 30, 1, rest=REST - 1, handles=6),
        "s02": world.make_clip(tmp_path / "clips" / "w02.mp4", 12, 2, handles=6),
    }
    render(**arguments(tmp_path, resting_plan, song, wide))
    found = np.stack(luma(tmp_path / "video.mp4"))
    assert found.shape == plain.shape
    assert np.abs(found - plain).mean(axis=(1, 2)).max() < 1.2, "the clips are coded anew, no frame is off"
    assert np.abs(found[1:] - plain[:-1]).mean(axis=(1, 2))[REST:].min() > 1.6, "which would show"


@pytest.mark.parametrize("count", [5, 24, 61])
def test_a_still_is_repeated_without_being_encoded_again(tmp_path, clips, count):
    picture = next(decoded(clips["s01"], 20, 1)).reformat(format="yuv420p")
    encode_still(picture, tmp_path / "still.mp4", count, Fraction(24))
    with av.open(str(tmp_path / "still.mp4")) as container:
        frames = list(container.decode(video=0))
    assert [round((frame.time or 0) * 24, 6) for frame in frames] == list(range(count))
    assert frames[0].key_frame
    wanted = picture.to_ndarray().astype(int)
    assert max(np.abs(frame.to_ndarray().astype(int) - wanted).mean() for frame in frames) < 2
    encode(repeat(picture, min(count, STILL_FRAMES)), tmp_path / "plain.mp4", Fraction(24))
    plain = [frame.to_ndarray() for frame in decoded(tmp_path / "plain.mp4", 0, STILL_FRAMES)]
    assert all(np.array_equal(frame.to_ndarray(), plain[index % STILL_FRAMES]) for index, frame in enumerate(frames))
