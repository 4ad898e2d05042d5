"""Timelines to other editors and back: nothing moves by a frame, and what is lost is told."""

from dataclasses import replace
from fractions import Fraction

import opentimelineio as otio
import pytest

from blender_addon.core.cut_list import CutList, Item, ItemKind, TimelineMarker, Track
from bridge import exchange
from bridge.common.errors import BadInput

RATES = [
    Fraction(24000, 1001),
    Fraction(24),
    Fraction(25),
    Fraction(30000, 1001),
    Fraction(30),
    Fraction(50),
    Fraction(60000, 1001),
    Fraction(60),
]


def shot(folder, number, start, count, **rest) -> Item:
    path = str(folder / "my clips" / f"s{number:02d}-ab.mp4")
    return Item(f"s{number:02d}", ItemKind.MOVIE, start, count, path, 6.0, count + 12, **rest)


def cut_list(folder, fps, fades=(5, 5)) -> CutList:
    before, after = fades
    into = shot(folder, 3, 100, 41, fade_before=before, fade_after=after)
    shots = (shot(folder, 1, 0, 37), shot(folder, 2, 47, 53), into)
    song = Item("Song", ItemKind.SOUND, 0, 141, str(folder / "song.wav"), 1234.0, 5000)
    title = Item("Title", ItemKind.TITLE, 12, 48, text="Über <Mond> & Meer")
    return CutList(
        "edit",
        fps,
        1920,
        1080,
        141,
        (Track("Shots", False, shots), Track("Titles", False, (title,)), Track("Song", True, (song,))),
        (TimelineMarker("1 intro A", 0, "YELLOW"), TimelineMarker("2", 48), TimelineMarker("3 drop", 96, "RED")),
    )


def places(cuts, *, sound=True):
    return sorted(
        (item.start_frame, item.frame_count, item.source_start, item.path, item.fade_before, item.fade_after)
        for track in cuts.tracks
        for item in track.items
        if sound or not track.is_sound
    )


@pytest.mark.parametrize("fps", RATES, ids=str)
@pytest.mark.parametrize("suffix", [".otio", ".xml", ".fcpxml"])
def test_a_round_trip_moves_nothing(tmp_path, suffix, fps):
    cuts = cut_list(tmp_path, fps)
    path = tmp_path / f"edit{suffix}"
    exchange.write_cuts(cuts, path)
    back = exchange.read_cuts(path)
    assert back.fps == fps
    assert (back.width_px, back.height_px) == (1920, 1080)
    assert places(back) == places(cuts)
    assert [(marker.name, marker.frame) for marker in back.markers] == [(m.name, m.frame) for m in cuts.markers]
    titles = [item.text for track in back.tracks for item in track.items if item.kind is ItemKind.TITLE]
    assert titles == ["Über <Mond> & Meer"]
    lengths = {item.path: item.source_frames for track in back.tracks for item in track.items if item.path}
    assert lengths == {item.path: item.source_frames for t in cuts.tracks for item in t.items if item.path}


@pytest.mark.parametrize("fps", RATES, ids=str)
def test_an_edl_keeps_the_picture_track(tmp_path, fps):
    cuts = cut_list(tmp_path, fps, fades=(0, 0))
    path = tmp_path / "edit.edl"
    told = exchange.write_cuts(cuts, path)
    back = exchange.read_cuts(path, fps)
    kept = replace(cuts, tracks=cuts.tracks[:1])
    assert [p[:3] for p in places(back)] == [p[:3] for p in places(kept)]
    assert any("Song" in sentence for sentence in told)
    assert any("3 are not in the file" in sentence for sentence in told)


def test_an_edl_counts_from_where_a_transition_begins(tmp_path):
    told = exchange.write_cuts(cut_list(tmp_path, Fraction(25)), tmp_path / "edit.edl")
    back = exchange.read_cuts(tmp_path / "edit.edl", Fraction(25))
    assert [place[:3] for place in places(back)] == [(0, 37, 6.0), (47, 48, 6.0), (95, 46, 1.0)]
    assert any("transition begins" in sentence for sentence in told)


def test_an_uneven_transition_moves_no_cut_in_fcp_xml(tmp_path):
    told = exchange.write_cuts(cut_list(tmp_path, Fraction(25), fades=(5, 4)), tmp_path / "edit.xml")
    back = exchange.read_cuts(tmp_path / "edit.xml")
    assert places(back) == places(cut_list(tmp_path, Fraction(25), fades=(4, 4)))
    assert any("s03" in sentence for sentence in told)


def test_an_edl_without_a_rate_is_refused(tmp_path):
    exchange.write_cuts(cut_list(tmp_path, Fraction(25)), tmp_path / "edit.edl")
    with pytest.raises(BadInput, match="--fps"):
        exchange.read_cuts(tmp_path / "edit.edl")


def test_media_are_named_relative_to_the_timeline(tmp_path):
    for suffix in (".otio", ".xml", ".fcpxml", ".edl"):
        exchange.write_cuts(cut_list(tmp_path, Fraction(24)), tmp_path / f"edit{suffix}")
        assert str(tmp_path) not in (tmp_path / f"edit{suffix}").read_text()


def test_what_is_lost_is_told(tmp_path):
    cuts = cut_list(tmp_path, Fraction(24))
    taken = replace(cuts.tracks[0].items[0], takes=("b.mp4",), properties=(("prompt", "x"),))
    cuts = replace(cuts, tracks=(Track("Shots", False, (taken,)), *cuts.tracks[1:]), notes=("A note.",))
    assert exchange.write_cuts(cuts, tmp_path / "a.otio") == ("A note.",)
    told = " ".join(exchange.write_cuts(cuts, tmp_path / "a.xml"))
    assert all(word in told for word in ("A note.", "takes", "prompt", "colours", "names of tracks"))
    back = exchange.read_cuts(tmp_path / "a.otio").tracks[0].items[0]
    assert back.properties == (("prompt", "x"),)
    assert back.takes[0].endswith("b.mp4")


def test_another_programs_timeline_is_read_as_it_comes(tmp_path):
    """Nested, retimed, switched off, without media, in another rate: each is named, the rest lies where it was."""

    def clip(name, start, count, rate=25, url=None):
        whole = otio.opentime.TimeRange(time(90_000, rate), time(500, rate))
        media = otio.schema.ExternalReference(url, whole) if url else otio.schema.MissingReference()
        return otio.schema.Clip(name, media, otio.opentime.TimeRange(time(start, rate), time(count, rate)))

    def time(value, rate=25):
        return otio.opentime.RationalTime(value, rate)

    timeline = otio.schema.Timeline("theirs")
    track = otio.schema.Track("V1", kind="Video")
    timeline.tracks.append(track)
    fast = clip("fast", 90_010, 20, url="file://localhost/there/a%20b.mov")
    fast.effects.append(otio.schema.LinearTimeWarp(time_scalar=2.0))
    off = clip("off", 90_000, 10, url="off.mov")
    off.enabled = False
    nest = otio.schema.Stack("nest", source_range=otio.opentime.TimeRange(time(5), time(10)))
    inside = otio.schema.Track("in", kind="Video")
    inside.append(clip("inner", 90_100, 30, url="C:\\Footage\\inner.mov"))
    nest.append(inside)
    track.extend([fast, off, nest, clip("lost", 0, 7), clip("ntsc", 90_000 + 60, 60, 50, "n.mov")])
    otio.adapters.write_to_file(timeline, str(tmp_path / "theirs.otio"))
    cuts = exchange.read_cuts(tmp_path / "theirs.otio")
    items = {item.name: item for item in cuts.tracks[0].items}
    assert {name: (item.start_frame, item.frame_count) for name, item in items.items()} == {
        "fast": (0, 20),
        "inner": (30, 10),
        "lost": (40, 7),
        "ntsc": (47, 30),
    }
    assert items["fast"].path == "/there/a b.mov"
    assert items["fast"].source_start == 10
    assert items["inner"].source_start == 105
    told = " ".join(cuts.notes)
    assert all(name in told for name in ("fast has a speed of 2", "off is switched off", "nest", "lost", "ntsc has 50"))


@pytest.mark.parametrize("suffix", [".otio", ".xml", ".fcpxml", ".edl"])
@pytest.mark.parametrize(
    "content", ["", "nonsense", "<a><b></a>", '{"OTIO_SCHEMA": "Clip.1"}', "<fcpxml/>", "<xmeml/>"]
)
def test_no_timeline_is_one_sentence(tmp_path, suffix, content):
    path = tmp_path / f"bad{suffix}"
    path.write_text(content)
    with pytest.raises(BadInput, match="bad"):
        exchange.read_cuts(path, Fraction(25))
