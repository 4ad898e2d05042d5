"""An edit in Blender to each format and back into Blender: every strip stays on its frames and shows the same ones."""

from fractions import Fraction

import pytest

from bridge import exchange
from bridge.cli.main import main
from bridge.common import paths
from bridge.render.blender import Farm
from bridge.render.edit import build_edit
from tests.addon_scene import edit_world

pytestmark = pytest.mark.slow

FPS = Fraction(30000, 1001)


def cuts_of(blend, folder):
    from blender_addon.core import codec
    from blender_addon.core.cut_list import CutList

    with Farm(None, paths.cache_folder()) as farm:
        told = farm.take().ask({"do": "cuts", "blend": str(blend), "scene": "", "cube": str(folder / "g.cube")})
    return codec.decode(CutList, told["cuts"])


def places(cuts):
    return sorted(
        (item.start_frame, item.frame_count, round(item.source_start), item.source_frames, item.path)
        for track in cuts.tracks
        for item in track.items
    )


@pytest.fixture(scope="module")
def edit(tmp_path_factory):
    folder = tmp_path_factory.mktemp("edit")
    plan = edit_world.plan(fps=FPS)
    clips = edit_world.make_clips(folder / "edit.beatboard" / "clips", fps=FPS, handles=3)
    edit_world.make_song(folder / "song.wav")
    analysis, look = edit_world.analysis(), edit_world.look()
    with Farm(None, paths.cache_folder()) as farm:
        build_edit(farm, plan, analysis, look, clips, folder / "song.wav", folder / "edit.blend", None)
    return folder / "edit.blend"


def test_the_timeline_has_shots_handles_song_and_markers(edit):
    cuts = cuts_of(edit, edit.parent)
    shots = [item for track in cuts.tracks if not track.is_sound for item in track.items]
    assert [(shot.start_frame, shot.frame_count) for shot in shots] == [(0, 12), (12, 18), (30, 12)]
    assert [(shot.source_start, shot.source_frames) for shot in shots] == [(3, 18), (3, 24), (3, 18)]
    assert cuts.fps == FPS
    song = next(item for track in cuts.tracks if track.is_sound for item in track.items)
    assert song.source_start == pytest.approx(1.2345 * float(FPS), abs=1e-3)
    assert [(m.name, m.frame, m.color) for m in cuts.markers] == [("2 intro A", 0, "YELLOW")]
    assert dict(shots[0].properties)["prompt"] == "prompt 0"


@pytest.mark.parametrize("suffix", [".otio", ".xml", ".fcpxml"])
def test_out_and_in_again_moves_nothing(edit, suffix, tmp_path, capsys):
    before = cuts_of(edit, tmp_path)
    out, back = edit.parent / f"out{suffix}", tmp_path / "back.blend"
    assert main(["export", str(edit), "-o", str(out)]) == 0
    assert "LUT_3D_SIZE" in out.with_suffix(".cube").read_text()
    assert main(["import", str(out), "-o", str(back)]) == 0
    after = cuts_of(back, tmp_path)
    assert places(after) == places(before)
    assert after.fps == before.fps
    assert [(m.name, m.frame) for m in after.markers] == [(m.name, m.frame) for m in before.markers]
    assert capsys.readouterr().err == ""


def test_a_file_of_the_users_is_not_replaced(edit, tmp_path, capsys):
    theirs = tmp_path / "theirs.otio"
    theirs.write_text("mine")
    assert main(["export", str(edit), "-o", str(theirs)]) == 2
    assert theirs.read_text() == "mine"
    assert "--overwrite" in capsys.readouterr().err


def test_a_transition_and_missing_media_are_laid_out(edit, tmp_path):
    from blender_addon.core.cut_list import CutList, Item, ItemKind, Track

    clip = str(edit.parent / "edit.beatboard" / "clips" / "s02.mp4")
    first = Item("a", ItemKind.MOVIE, 0, 10, clip, 2.0, 24)
    second = Item("b", ItemKind.MOVIE, 10, 10, clip, 6.0, 24, fade_before=3, fade_after=2)
    gone = Item("c", ItemKind.MOVIE, 25, 5, "/not/there.mov", 0.0, 5)
    cuts = CutList("theirs", FPS, 160, 90, 30, (Track("V1", False, (first, second, gone)),))
    notes = exchange.import_cuts(cuts, tmp_path / "theirs.blend")
    assert any("/not/there.mov" in note for note in notes)
    back = cuts_of(tmp_path / "theirs.blend", tmp_path)
    found = {item.name: item for track in back.tracks for item in track.items}
    assert (found["b"].start_frame, found["b"].source_start) == (
        10 - 1 + (found["b"].fade_before - 2),
        6.0 - 3 + found["b"].fade_before,
    )
    assert found["b"].fade_before + found["b"].fade_after == 5
    assert (found["c"].start_frame, found["c"].frame_count) == (25, 5)
