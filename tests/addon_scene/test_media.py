"""Files that are gone are told before anything is rendered."""

import pytest

from blender_addon.scene import media, timeline
from tests.addon_scene import edit_world as world


@pytest.fixture
def laid_out(scene, song, tmp_path):
    timeline.build(scene, world.plan(), world.analysis(), song_path=song, clips=world.make_clips(tmp_path))
    return scene


def test_nothing_is_missing_where_all_is_there(laid_out):
    assert media.missing(laid_out) == []


def test_clips_song_and_pictures_that_are_gone_are_named_once(laid_out, song, tmp_path):
    picture = tmp_path / "title.png"
    picture.write_bytes(b"no picture")
    for channel in (9, 10):
        laid_out.sequence_editor.strips.new_image("title", str(picture), channel, 1)
    clip = tmp_path / "s01.mp4"
    assert clip.is_file()
    for path in (picture, clip, song):
        path.unlink()
    assert sorted(path.name for path in media.missing(laid_out)) == sorted(["title.png", "s01.mp4", song.name])
    assert "and choose" not in media.sentence(media.missing(laid_out))
    assert "title.png" in media.sentence(media.missing(laid_out)[-1:])


def test_muted_strips_need_no_file(laid_out, song):
    song.unlink()
    assert media.missing(laid_out)
    timeline.song_strips(laid_out)[0].mute = True
    assert media.missing(laid_out) == []


def test_strips_within_a_meta_count(laid_out, tmp_path):
    strip = timeline.shot_strips(laid_out)[0]
    meta = laid_out.sequence_editor.strips.new_meta("meta", 12, 1)
    strip.move_to_meta(meta)
    (tmp_path / "s01.mp4").unlink()
    assert [path.name for path in media.missing(laid_out)] == ["s01.mp4"]
