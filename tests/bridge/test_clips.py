import sys
from dataclasses import replace
from pathlib import Path

import av
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "engines"))
from animatic_world import Desk, request

from bridge import clips, finish
from bridge.errors import BadInput
from bridge.store import Store


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
    clip = clips.make_clip(asked, store, desk)
    assert clip.request == asked
    assert (clip.frame_count, clip.fps, clip.width_px, clip.height_px) == (9, asked.fps, 160, 90)
    assert clip.flow_px > 1
    with av.open(str(store.path(clip.sha256))) as container:
        assert container.streams.video[0].frames == 9
    assert not list(desk.folder.glob("*.mp4")), "the scratch file is gone"


def test_same_request_same_clip_without_work(store, desk):
    first = clips.make_clip(request(frame_count=5), store, desk)
    desk.stages.clear()
    assert clips.make_clip(request(frame_count=5), store, desk) == first
    assert desk.stages == []


def test_another_seed_or_version_is_another_clip(store, desk, monkeypatch):
    first = clips.make_clip(request(frame_count=5), store, desk)
    assert clips.make_clip(request(frame_count=5, seed=2), store, desk).sha256 != first.sha256
    monkeypatch.setattr(finish, "VERSION", "another")
    desk.stages.clear()
    clips.make_clip(request(frame_count=5), store, desk)
    assert desk.stages, "made again"


def test_unknown_engine(store, desk):
    with pytest.raises(BadInput, match="no engine"):
        clips.make_clip(replace(request(), engine="dream"), store, desk)
