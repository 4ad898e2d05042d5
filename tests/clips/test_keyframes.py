"""Keyframes as a stage: painted together, kept, compared, painted again; on tiny models."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the gpu extra: scripts/test.sh --engines")

from bridge.clips import keyframes
from bridge.clips.base import Still
from bridge.clips.diffusion import likeness
from bridge.clips.diffusion.sdxl import SdxlPainter
from bridge.clips.keyframes import Studio
from bridge.common.errors import BadInput, Cancelled, GenerationFailed
from tests.clips.diffusion import tiny_models
from tests.clips.diffusion.diffusion_world import FakeWork, request_for, save_picture

pytestmark = pytest.mark.torch

SMALL = {"painter_scale": 0.1, "painter_steps": 2}


@pytest.fixture(scope="session")
def clip(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "clip"
    tiny_models.clip_vision().save_pretrained(folder)
    return folder


@pytest.fixture
def desk(tmp_path):
    return FakeWork(tmp_path, {sha * 64: save_picture(tmp_path / f"{sha}.png", seed=ord(sha)) for sha in "cd"})


def shots(count, **options):
    """Requests of one video: as many shots, with their own prompts and seeds."""
    base = request_for("sdxl+svd", **(SMALL | options))
    return [replace(base, shot_id=f"s{i:02}", seed=10 + i, prompt=f"shot {i}") for i in range(count)]


class Brush:
    """A painter whose pictures are given by seed; it counts what it paints."""

    version = "1"

    def __init__(self, pictures):
        self.pictures, self.painted = pictures, []

    def paint(self, requests, work):
        for request in requests:
            work.report(0.5, f"painting {request.shot_id}")
            self.painted.append(request.seed)
            made = self.pictures(request.seed)
            if made is None:
                raise GenerationFailed("no numbers")
            yield Still(made)

    def cache_request(self, request):
        return SdxlPainter().cache_request(request)

    def character_reference(self, request, work):
        return None


def colour(frames):
    """Stands in for CLIP: the mean colour's direction."""
    found = [np.asarray(frame, float).mean(axis=(0, 1)) - 128 for frame in frames]
    return [np.asarray(f / np.linalg.norm(f), np.float32) for f in found]


@pytest.fixture
def by_colour(monkeypatch):
    monkeypatch.setattr(likeness.Judge, "load", lambda self: None)
    monkeypatch.setattr(likeness.Judge, "__call__", lambda self, pictures: colour(pictures))


def red(seed):
    return np.full((32, 48, 3), (200 + seed % 7, 20, 20), np.uint8)


def desk_of(desk, requests, index):
    desk.siblings = tuple(shot for i, shot in enumerate(requests) if i != index)
    return desk


def test_a_still_is_the_same_whatever_the_batch(sdxl, desk):
    requests = shots(4, painter_model=sdxl)
    together = [still.rgb for still in SdxlPainter().paint(requests, desk)]
    assert any("keyframes 1 to 4 of 4" in stage for stage in desk.stages)
    alone = [next(SdxlPainter().paint([request], desk)).rgb for request in requests]
    pairs = [replace(shot, options=(*shot.options, ("painter_batch", "2"))) for shot in requests]
    by_twos = [still.rgb for still in SdxlPainter().paint(pairs, desk)]
    assert any("keyframes 3 to 4 of 4" in stage for stage in desk.stages)
    for one, other, third in zip(together, alone, by_twos, strict=True):
        assert np.abs(one.astype(int) - other).max() <= 1
        assert np.abs(one.astype(int) - third).max() <= 1
    assert np.abs(together[0].astype(int) - together[1]).mean() > 1, "each shot its own"


def test_each_prompt_is_encoded_once(sdxl, desk, monkeypatch):
    import diffusers

    asked = []
    encode = diffusers.StableDiffusionXLPipeline.encode_prompt

    def counted(self, prompt=None, *args, **options):
        asked.extend([prompt] if prompt else [])
        return encode(self, prompt, *args, **options)

    monkeypatch.setattr(diffusers.StableDiffusionXLPipeline, "encode_prompt", counted)
    requests = shots(4, painter_model=sdxl, painter_batch=2)
    requests[3] = replace(requests[3], prompt=requests[0].prompt)
    assert len(list(SdxlPainter().paint(requests, desk))) == 4
    assert asked == ["shot 0", "shot 1", "shot 2"]


def test_the_first_shot_paints_for_all_and_the_others_find_theirs(sdxl, clip, desk, store):
    requests = shots(3, painter_model=sdxl, likeness_model=clip)
    first = Studio(SdxlPainter(), store, desk_of(desk, requests, 1)).keyframe(requests[1])
    told = len(desk.reports)
    rest = [Studio(SdxlPainter(), store, desk_of(desk, requests, i)).keyframe(requests[i]) for i in (0, 2)]
    assert len(desk.reports) == told, "nothing left to do"
    likes = [one.likeness for one in (first, *rest)]
    assert all(like is not None and 0 < like <= 1 for like in likes)
    assert len({one.sha256 for one in (first, *rest)}) == 3
    longer = replace(requests[0], frame_count=99, motion=7, animator="camera")
    assert Studio(SdxlPainter(), store, desk).chosen(longer) == rest[0], "the same still for another animator"


def test_outliers_are_painted_again_and_what_was_chosen_stays(by_colour, desk, store):
    def pictures(seed):
        return np.full((32, 48, 3), (20, 20, 220), np.uint8) if seed == 12 else red(seed)

    brush = Brush(pictures)
    requests = shots(5)
    found = Studio(brush, store, desk_of(desk, requests, 2)).keyframe(requests[2])
    assert sorted(brush.painted[:5]) == [10, 11, 12, 13, 14]
    assert found.seed == 12 + 7919
    assert found.likeness is not None
    assert found.likeness > 0.95
    count = len(brush.painted)
    one_more = replace(requests[0], seed=99)
    Studio(brush, store, desk_of(desk, requests, 0)).keyframe(one_more)
    assert brush.painted[count:] == [99], "a retake alone is painted"
    plain = shots(5, reroll=0)
    assert Studio(brush, store, desk_of(desk, plain, 2)).keyframe(plain[2]).seed == 12
    assert brush.painted[count:] == [99], "another budget compares again, but paints nothing twice"


def test_a_cancel_loses_no_still(by_colour, desk, store, tmp_path):
    requests = shots(4)
    brush = Brush(red)
    stopped = FakeWork(tmp_path, {}, cancel_after=2)
    stopped.siblings = tuple(requests[1:])
    with pytest.raises(Cancelled):
        Studio(brush, store, stopped).keyframe(requests[0])
    assert brush.painted == [10, 11]
    Studio(brush, store, desk_of(desk, requests, 1)).keyframe(requests[1])
    assert sorted(brush.painted) == [10, 11, 12, 13]


def test_one_bad_keyframe_fails_its_own_shot_only(by_colour, desk, store):
    brush = Brush(lambda seed: None if seed == 11 else red(seed))
    requests = shots(3)
    assert Studio(brush, store, desk_of(desk, requests, 0)).keyframe(requests[0]).seed == 10
    assert Studio(brush, store, desk_of(desk, requests, 2)).keyframe(requests[2]).seed == 12
    with pytest.raises(GenerationFailed):
        Studio(brush, store, desk_of(desk, requests, 1)).keyframe(requests[1])


def test_missing_clip_weights_are_told_before_anything_is_painted(desk, store, tmp_path):
    brush = Brush(red)
    requests = shots(2, likeness_model=tmp_path)
    with pytest.raises(BadInput, match="--set likeness=no does without"):
        Studio(brush, store, desk_of(desk, requests, 0)).keyframe(requests[0])
    assert brush.painted == []
    plain = shots(2, likeness="no")
    assert Studio(brush, store, desk_of(desk, plain, 0)).keyframe(plain[0]).likeness is None


def test_who_comes_while_another_paints_waits_for_it(by_colour, desk, store, monkeypatch):
    """The other holds the lock; when it lets go, its keyframe is there."""
    from bridge.common import files

    requests = shots(2)
    brush = Brush(red)

    def finishes(_):
        holder.close()
        Studio(brush, store, desk_of(FakeWork(desk.folder, {}), requests, 1)).keyframe(requests[1])

    holder = (store.root / "painting-0.lock").open("a+")
    assert files.try_lock(holder)
    monkeypatch.setattr(keyframes.time, "sleep", finishes)
    Studio(brush, store, desk_of(desk, requests, 0)).keyframe(requests[0])
    assert sorted(brush.painted) == [10, 11]
    assert "waiting for the keyframes" in desk.stages


def test_a_keyframe_is_compared_with_the_sheet(sdxl, clip, desk, store):
    request = replace(shots(1, painter_model=sdxl, likeness_model=clip, reroll=1)[0], character_sha256="d" * 64)
    found = Studio(SdxlPainter(), store, desk).keyframe(request)
    assert found.likeness is not None
    sheet = SdxlPainter().character_reference(request, desk)
    assert sheet is not None
    assert found.likeness < 1


def test_two_devices_paint_a_half_each(by_colour, desk, store, tmp_path):
    """While the first paints its lot, the second comes: it paints the other, and then both are compared."""
    video = shots(6)
    other = Brush(red)

    class Interrupted(Brush):
        def paint(self, requests, work):
            for still in super().paint(requests, work):
                if len(self.painted) == 1:
                    arrived = desk_of(FakeWork(tmp_path, {}, cancel_after=3), video, 1)
                    arrived.painters = 2
                    with pytest.raises(Cancelled):  # the fourth report: it waits for the first one's lot
                        Studio(other, store, arrived).keyframe(video[1])
                yield still

    first = Interrupted(red)
    desk.painters = 2
    Studio(first, store, desk_of(desk, video, 0)).keyframe(video[0])
    assert (first.painted, other.painted) == ([10, 12, 14], [11, 13, 15])
    assert all(Studio(first, store, desk).chosen(request) for request in video)
