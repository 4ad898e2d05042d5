import contextlib
from dataclasses import replace

import av
import pytest

from blender_addon.core import mp4
from blender_addon.core.types import Clip, ShotKind
from bridge.clips import conform, handles, make_clip, registry
from bridge.common import files
from bridge.common.errors import BadInput
from bridge.common.store import Store
from tests.clips.animatic.animatic_world import Desk, request


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "store")
    yield store
    store.close()


@pytest.fixture
def desk(tmp_path):
    (tmp_path / "work").mkdir()
    return Desk(tmp_path / "work")


def test_a_request_becomes_a_clip(store, desk):
    asked = request(frame_count=9)
    clip = make_clip.make_clip(asked, store, desk)
    assert clip.request == asked
    assert (clip.frame_count, clip.fps, clip.width_px, clip.height_px) == (9, asked.fps, 160, 90)
    assert clip.flow_px > 1
    with av.open(str(store.path(clip.sha256))) as container:
        assert container.streams.video[0].frames == 9 + 2 * 6, "with its handles"
    assert not list(desk.folder.glob("*.mp4")), "the scratch file is gone"


def test_a_draft_has_no_handles(store, desk):
    clip = make_clip.make_clip(request(frame_count=9, draft_for_px=1920), store, desk)
    with av.open(str(store.path(clip.sha256))) as container:
        assert container.streams.video[0].frames == 9
    assert clip.handle_frames == 0


def test_same_request_same_clip_without_work(store, desk):
    first = make_clip.make_clip(request(frame_count=5), store, desk)
    desk.stages.clear()
    assert make_clip.make_clip(request(frame_count=5), store, desk) == first
    assert desk.stages == []


def test_who_comes_while_another_makes_the_clip_waits_and_takes_it(store, desk, monkeypatch):
    """The other may be the worker of a bridge that was killed: it has the lock until its clip is there, or it ends."""
    asked = request(frame_count=5)
    key = make_clip.clip_key(asked, registry.load(asked))
    others = []

    def finishes(_):
        others.append(Clip(store.put_bytes(b"the other's"), asked, 5, asked.fps, 160, 90, 1.0, 1.0))
        store.remember(key, others[0])
        other.close()

    monkeypatch.setattr(files.time, "sleep", finishes)
    with contextlib.ExitStack() as other:
        other.enter_context(store.making(key, lambda: None))
        assert make_clip.make_clip(asked, store, desk) == others[0]
    assert desk.stages == ["waiting for another worker, which makes the same clip"]
    assert list((store.root / "making").iterdir()) == []


def test_another_seed_or_version_is_another_clip(store, desk, monkeypatch):
    first = make_clip.make_clip(request(frame_count=5), store, desk)
    assert make_clip.make_clip(request(frame_count=5, seed=2), store, desk).sha256 != first.sha256
    monkeypatch.setattr(conform, "VERSION", "another")
    desk.stages.clear()
    make_clip.make_clip(request(frame_count=5), store, desk)
    assert desk.stages, "made again"


def test_unknown_engine(store, desk):
    with pytest.raises(BadInput, match="no animator"):
        make_clip.make_clip(replace(request(), animator="dream"), store, desk)


def test_handles_are_more_of_the_same_shot_and_the_file_says_so(store, desk):
    asked = request(frame_count=9, options=(("handles", "3"),))
    clip = make_clip.make_clip(asked, store, desk)
    assert (clip.frame_count, clip.handle_frames, clip.request) == (9, 3, asked)
    assert mp4.frame_count(store.path(clip.sha256)) == 15
    assert mp4.handle_frames(store.path(clip.sha256)) == 3
    plain = make_clip.make_clip(request(frame_count=9, options=(("handles", "0"),)), store, desk)
    assert (plain.handle_frames, mp4.handle_frames(store.path(plain.sha256))) == (0, 0)


def test_a_wider_shot_keeps_its_beats_its_rest_and_its_energy():
    asked = request(frame_count=20, hold_frames=5, accents=(0, 12), energy=(0.0, 0.5, 1.0), options=(("handles", "6"),))
    wide = handles.widened(asked)
    assert (wide.frame_count, wide.hold_frames, wide.accents) == (32, 11, (6, 18))
    assert (wide.energy[0], wide.energy[-1]) == (0.0, 1.0)
    assert handles.widened(replace(asked, hold_frames=0)).hold_frames == 0
    assert handles.widened(replace(asked, hold_frames=0, kind=ShotKind.COVER_END)).hold_frames == 6
    assert handles.frames_of(replace(asked, painter="sdxl", animator="svd", options=())) == 6
    assert handles.widened(replace(asked, options=())).frame_count == 32, "the animatic's have them too"
