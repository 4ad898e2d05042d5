"""The editor's own strips: they become shots as they are, and a whole edit is moved onto the bars."""

from fractions import Fraction
from itertools import pairwise

import av
import bpy
import cv2
import numpy as np
import pytest

from blender_addon.actions import generate, own_strips, shots
from blender_addon.actions import plan as planning
from blender_addon.core import codec
from blender_addon.scene import compat, timeline
from blender_addon.session import state
from blender_addon.session.tasks import Problem
from tests.addon_ui import ui_world
from tests.addon_ui.ui_world import edit_world

pytestmark = pytest.mark.slow
BAR = 48


@pytest.fixture
def scene(tmp_path):
    ui_world.switch_on()
    yield ui_world.open_empty()
    ui_world.switch_off()


def movie(scene, folder, name, left, right, source=60, skip=0, channel=3):
    """A strip that shows [left, right) of a clip from its frame `skip` on."""
    path = edit_world.make_clip(folder / f"{name}.mp4", source, len(name))
    strip = scene.sequence_editor.strips.new_movie(name, str(path), channel, left - skip)
    compat.place(strip, left - skip, left, right)
    return strip


def at(strip):
    return compat.left(strip), compat.right(strip)


def first_shown(strip):
    """The frame of its source that the strip begins with."""
    return compat.left(strip) - compat.content_start(strip)


def select(scene, *strips):
    for strip in timeline.all_strips(scene):
        strip.select = strip in strips


def with_song(scene, folder):
    """The song on the timeline by the editor's hand; a downbeat lies on frame 1 and every 48 frames."""
    wav = folder / "song.wav"
    edit_world.make_song(wav, 12.0)
    settings = state.settings_of(scene)
    settings.song, settings.analysis = str(wav), codec.dumps(edit_world.analysis(2.0))
    strip = scene.sequence_editor.strips.new_sound("mine", str(wav), 1, 1)
    scene.render.fps = 24
    return strip


# Use as Shot


def test_a_strip_of_each_kind_becomes_a_shot_that_shows_what_it_showed(scene, tmp_path):
    ui_world.lay_out(scene, tmp_path, (48, 48, 48, 48))
    clip = movie(scene, tmp_path, "mine", 49, 97, skip=5)
    cv2.imwrite(str(tmp_path / "still.png"), np.full((90, 160, 3), 90, np.uint8))
    still = scene.sequence_editor.strips.new_image("still", str(tmp_path / "still.png"), 3, 97)
    compat.place(still, 97, 97, 121)
    other = bpy.data.scenes.new("world")
    world = scene.sequence_editor.strips.new_scene("world", other, 3, 145)
    compat.place(world, 145, 145, 193)
    before = {strip.name: (at(strip), first_shown(strip)) for strip in (clip, still, world)}
    select(scene, clip, still, world)
    assert bpy.ops.beatboard.use_as_shot() == {"FINISHED"}
    now = {strip.name: (at(strip), first_shown(strip)) for strip in timeline.all_strips(scene) if strip.name in before}
    assert now == before
    shown = ui_world.spans(scene)
    assert (shown["o01"], shown["o02"], shown["o03"]) == ((49, 97), (97, 121), (145, 193))
    assert shown["s03"] == (121, 145)
    assert [ui_world.states(scene)[name] for name in ("o01", "o02", "o03")] == ["done"] * 3
    assert not {"o01", "o02", "o03"} & set(generate.needed(scene))


def test_generating_and_planning_again_leave_it_as_it_is(scene, tmp_path):
    edit = ui_world.lay_out(scene, tmp_path, (48, 48, 48))
    clip = movie(scene, tmp_path, "mine", 49, 97, skip=5)
    own_strips.use_as_shots(scene, ["mine"])
    with pytest.raises(Problem, match="strips of your own"):
        generate.generate(scene, ["o01"])
    planning.lay_out(scene, edit, tmp_path / "song.wav")
    assert (at(clip), first_shown(clip), clip.type) == ((49, 97), 5, "MOVIE")
    assert ui_world.spans(scene)["o01"] == (49, 97)


def test_it_snaps_and_is_undone_like_any_shot(scene, tmp_path):
    ui_world.lay_out(scene, tmp_path, (48, 48, 48, 48))
    select(scene, movie(scene, tmp_path, "mine", 52, 97, skip=8))
    bpy.ops.ed.undo_push(message="before")
    bpy.ops.beatboard.use_as_shot()
    bpy.ops.ed.undo_push(message="Use as Shot")
    shots.snap(bpy.context.scene, ["o01"])
    assert ui_world.spans(bpy.context.scene)["o01"] == (49, 97)
    bpy.ops.ed.undo()
    assert "o01" not in ui_world.spans(bpy.context.scene)


def test_what_is_no_strip_of_theirs_is_refused(scene, tmp_path):
    with pytest.raises(Problem, match="Plan the shots first"):
        own_strips.use_as_shots(scene, ["mine"])
    ui_world.lay_out(scene, tmp_path, (48, 48))
    with pytest.raises(Problem, match="movie, image or scene"):
        own_strips.use_as_shots(scene, ["s01"])


# Conform to Bars


def test_cuts_move_to_downbeats_and_back_by_undo(scene, tmp_path):
    with_song(scene, tmp_path)
    edges = [1, 52, 93, 150]
    for i, (left, right) in enumerate(pairwise(edges)):
        movie(scene, tmp_path, "abc"[i], left, right, source=90, skip=10)
    bpy.ops.ed.undo_push(message="before")
    select(scene)
    assert bpy.ops.beatboard.conform() == {"FINISHED"}
    found = {name: bpy.context.scene.sequence_editor.strips[name] for name in "abc"}
    assert [at(found[name]) for name in "abc"] == [(1, 49), (49, 97), (97, 145)]
    assert [first_shown(found[name]) for name in "abc"] == [10, 10, 10]
    bpy.ops.ed.undo_push(message="Conform to Bars")
    bpy.ops.ed.undo()
    found = bpy.context.scene.sequence_editor.strips
    assert [at(found[name]) for name in "abc"] == [(1, 52), (52, 93), (93, 150)]


def test_a_strip_that_gets_longer_shows_more_of_its_source(scene, tmp_path):
    with_song(scene, tmp_path)
    behind = movie(scene, tmp_path, "a", 1, 41, source=60)
    before = movie(scene, tmp_path, "bb", 41, 90, source=60, skip=11)
    short = movie(scene, tmp_path, "ccc", 90, 130, source=40)
    done = own_strips.conform(scene, [])
    assert [at(strip) for strip in (behind, before, short)] == [(1, 49), (49, 97), (97, 145)]
    assert first_shown(behind) == 0
    assert first_shown(before) == 11
    assert done.resting == ("ccc",)
    assert done.muted == ()


def test_where_the_source_ends_it_begins_earlier(scene, tmp_path):
    with_song(scene, tmp_path)
    strip = movie(scene, tmp_path, "a", 1, 41, source=60, skip=20)
    own_strips.conform(scene, [])
    assert (at(strip), first_shown(strip)) == ((1, 49), 12)
    assert compat.has_frames(strip)


def test_gaps_stay_and_a_clips_own_sound_moves_with_it(scene, tmp_path):
    with_song(scene, tmp_path)
    first = movie(scene, tmp_path, "a", 1, 46, source=90)
    second = movie(scene, tmp_path, "bb", 100, 140, source=90)
    heard = add_sound(tmp_path / "bb.mp4", tmp_path / "loud.mp4")
    second.filepath = str(heard)
    sound = scene.sequence_editor.strips.new_sound("its own", str(heard), 5, 100)
    compat.place(sound, 100, 100, 140)
    edit_world.make_song(tmp_path / "b.wav", 4.0)
    loose = scene.sequence_editor.strips.new_sound("loose", str(tmp_path / "b.wav"), 6, 100)
    before = at(loose)
    own_strips.conform(scene, [])
    assert (at(first), at(second)) == ((1, 49), (97, 145))
    assert at(sound) == (97, 145)
    assert at(loose) == before


def add_sound(video, path):
    """The video with four seconds of silence."""
    with av.open(str(video)) as source, av.open(str(path), "w") as out:
        pictures = out.add_stream_from_template(source.streams.video[0])
        audio = out.add_stream("aac", rate=48_000, layout="mono")
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = pictures
                out.mux(packet)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 192_000), np.float32), format="fltp", layout="mono")
        frame.sample_rate, frame.time_base, frame.pts = 48_000, Fraction(1, 48_000), 0
        out.mux(audio.encode(frame))
        out.mux(audio.encode(None))
    return path


def test_more_strips_than_bars_are_muted_not_lost(scene, tmp_path):
    with_song(scene, tmp_path)
    for i in range(8):
        movie(scene, tmp_path, f"n{i}", 1 + 6 * i, 7 + 6 * i)
    done = own_strips.conform(scene, [])
    assert done.muted
    assert all(scene.sequence_editor.strips[name].mute for name in done.muted)
    assert len([strip for strip in timeline.all_strips(scene) if strip.type == "MOVIE"]) == 8


def test_an_overlap_stays_as_long_as_it_was(scene, tmp_path):
    with_song(scene, tmp_path)
    first = movie(scene, tmp_path, "a", 1, 58, source=90)
    second = movie(scene, tmp_path, "bb", 52, 100, source=90, channel=4)
    own_strips.conform(scene, [])
    assert (at(first), at(second)) == ((1, 55), (49, 97))


@pytest.mark.parametrize("missing", ["analysis", "song", "strips", "lock", "layers"])
def test_what_cannot_be_conformed_is_told(scene, tmp_path, missing):
    said = {
        "analysis": "Analyze the song",
        "song": "not on the timeline",
        "strips": "no strips of your own",
        "lock": "is locked",
        "layers": "lie above each other",
    }
    song = with_song(scene, tmp_path)
    strip = movie(scene, tmp_path, "a", 1, 40) if missing != "strips" else None
    if missing == "analysis":
        state.settings_of(scene).analysis = ""
    if missing == "song":
        scene.sequence_editor.strips.remove(song)
    if strip and missing == "lock":
        strip.lock = True
    if missing == "layers":
        movie(scene, tmp_path, "bb", 5, 30, channel=5)
    with pytest.raises(Problem, match=said[missing]):
        own_strips.conform(scene, [])
