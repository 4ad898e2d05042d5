"""The engine `runway` against a local server that speaks Runway's protocol."""

import logging
from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest

pytest.importorskip("runwayml", reason="needs the runway extra: scripts/test.sh --engines")

from blender_addon.core.types import ShotKind
from bridge.clips import make_clip, paid, registry, runway
from bridge.clips.base import Still
from bridge.clips.runway import RunwayAnimator, cost_of
from bridge.common.errors import BadInput, Cancelled, GenerationFailed
from tests.clips.diffusion.diffusion_world import FakeWork, picture, request_for, save_picture
from tests.clips.fake_runway import FakeRunway

pytestmark = pytest.mark.torch

KEY = "key_that_must_not_be_seen"


def write_video(path, count, fps=24):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps)
        stream.width, stream.height, stream.pix_fmt = 128, 72, "yuv420p"
        for i in range(count):
            frame = av.VideoFrame.from_ndarray(np.full((72, 128, 3), 40 + 3 * i, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


@pytest.fixture
def server(tmp_path, monkeypatch):
    server = FakeRunway(write_video(tmp_path / "made.mp4", 48))
    monkeypatch.setenv("RUNWAYML_API_SECRET", KEY)
    monkeypatch.setenv("RUNWAYML_BASE_URL", server.url)
    monkeypatch.setenv("BEATBOARD_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(runway, "POLL_S", 0.02)
    yield server
    server.close()


@pytest.fixture
def key():
    return Still(picture(160, 90))


def asked(**changes):
    return request_for("cover+runway", **({"frame_count": 30, "hold_frames": 6, "confirm_cost": "yes"} | changes))


def test_a_clip_is_bought_followed_and_cut_to_the_moving_part(server, key, work):
    server.script.insert(0, {"status": "THROTTLED"})
    footage = RunwayAnimator().animate(replace(asked(), direction=-1), key, work)
    frames = list(footage.frames)
    assert len(frames) == footage.frame_count == 24, "one second of the two that were bought"
    assert footage.fps == 24
    sent = server.created[0]
    assert (sent["model"], sent["ratio"], sent["duration"], sent["seed"]) == ("gen4_turbo", "1280:720", 2, 1)
    assert sent["promptText"].startswith("the camera trucks left, ")
    assert sent["promptImage"].startswith("data:image/png;base64,")
    assert "waiting for a free place at Runway" in work.stages
    assert "animating at Runway" in work.stages


@pytest.mark.parametrize(
    ("model", "size", "ratio"),
    [
        ("gen4_turbo", (1080, 1080), "960:960"),
        ("gen4_turbo", (1080, 1350), "832:1104"),
        ("gen4.5", (1080, 1920), "720:1280"),
        ("veo3.1", (1080, 1350), "1080:1920"),
    ],
)
def test_the_size_nearest_to_the_shots_shape_is_bought(model, size, ratio):
    assert runway.ratio(replace(asked(model=model), width_px=size[0], height_px=size[1])) == ratio


def test_nothing_is_spent_without_consent(server, key, work):
    with pytest.raises(BadInput, match=r"10 credits \(US\$ 0.10\) for 2 seconds .* confirm_cost=yes"):
        RunwayAnimator().animate(asked(confirm_cost="no"), key, work)
    assert server.created == []


def test_nothing_is_asked_without_leave_to_go_online(server, key, work, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert list(RunwayAnimator().animate(asked(), key, work).frames), "this computer may be asked"
    monkeypatch.setenv("RUNWAYML_BASE_URL", "https://runway.invalid")
    with pytest.raises(BadInput, match=r"may not go online: in Blender switch on .*unset HF_HUB_OFFLINE"):
        RunwayAnimator().animate(asked(seed=3), key, work)


def test_the_cost_is_the_tables(server):
    shots = [asked(), asked(frame_count=126, model="veo3.1")]
    cost = cost_of(shots)
    assert cost.credits == 2 * 5 + 6 * 20
    assert cost.seconds == 8
    assert str(cost) == "130 credits (US$ 1.30) for 8 seconds of video"
    with pytest.raises(BadInput, match="takes one of gen4_turbo"):
        cost_of([asked(model="gen9")])


@pytest.mark.parametrize(("end", "message"), [
    ({"status": "FAILED", "failure": "unsafe", "failureCode": "SAFETY.INPUT"}, r"unsafe \(SAFETY.INPUT\)"),
    ({"status": "CANCELLED"}, "was cancelled at Runway"),
    ({"status": "GONE"}, "no longer knows the clip"),
])  # fmt: skip
def test_bad_ends_are_told(server, key, work, end, message):
    server.script = [end]
    with pytest.raises(GenerationFailed, match=message):
        RunwayAnimator().animate(asked(), key, work)


@pytest.mark.parametrize(("status", "message"), [(401, "refused the key"), (429, "no more clips"), (400, "status 400")])
def test_refusals_are_told(server, key, work, status, message, monkeypatch):
    monkeypatch.setattr("runwayml._base_client.SyncAPIClient._sleep_for_retry", lambda *a, **k: None)
    server.create_status = status
    with pytest.raises(GenerationFailed, match=message):
        RunwayAnimator().animate(asked(), key, work)


def test_a_cancel_reaches_runway(server, key, tmp_path):
    server.script = [{"status": "RUNNING", "progress": 0.1}]
    with pytest.raises(Cancelled):
        RunwayAnimator().animate(asked(), key, FakeWork(tmp_path, {}, cancel_after=3))
    assert server.deleted == ["task-1"]


def test_a_restart_fetches_what_was_paid_for(server, key, work, monkeypatch):
    server.script = [{"status": "RUNNING", "progress": 0.1}]
    with monkeypatch.context() as killed:
        killed.setattr(runway, "wait", lambda *a: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            RunwayAnimator().animate(asked(), key, work)
    server.script = [{"status": "SUCCEEDED"}]
    RunwayAnimator().animate(asked(), key, work)
    assert len(server.created) == 1
    RunwayAnimator().animate(asked(), key, work)
    assert len(server.created) == 2, "the receipt is used up"


def test_an_earlier_task_that_failed_is_bought_anew(server, key, work):
    paid.Receipt.of("runway", asked(), key).write("old", "")
    server.script = [{"status": "GONE"}, {"status": "SUCCEEDED"}]
    RunwayAnimator().animate(asked(), key, work)
    assert server.polled == ["old", "task-1"]


def test_an_expired_address_and_a_broken_file_are_told(server, key, work, tmp_path):
    server.video_status = 403
    with pytest.raises(GenerationFailed, match="has expired"):
        RunwayAnimator().animate(asked(), key, work)
    server.video_status = 200
    server.video.write_bytes(b"no video at all")
    with pytest.raises(GenerationFailed, match="not a video"):
        RunwayAnimator().animate(asked(seed=2), key, work)


def test_large_pictures_are_uploaded(server, work, monkeypatch):
    monkeypatch.setattr(runway, "DATA_URI_LIMIT_BYTES", 1000)
    RunwayAnimator().animate(asked(), Still(picture(160, 90)), work)
    assert server.uploads == 1
    assert server.created[0]["promptImage"] == "runway://picture"


def test_the_last_shot_ends_on_the_cover_where_the_model_can(server, key, tmp_path):
    work = FakeWork(tmp_path, {"c" * 64: save_picture(tmp_path / "cover.png")})
    RunwayAnimator().animate(asked(kind=ShotKind.COVER_END, model="veo3.1_fast"), key, work)
    assert [image["position"] for image in server.created[0]["promptImage"]] == ["first", "last"]
    assert server.created[0]["audio"] is False


def test_the_key_is_seen_nowhere(server, key, work, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    RunwayAnimator().animate(asked(), key, work)
    server.create_status = 401
    with pytest.raises(GenerationFailed) as refused:
        RunwayAnimator().animate(asked(seed=3), key, work)
    assert server.headers[0]["Authorization"] == f"Bearer {KEY}"
    assert KEY not in caplog.text
    assert KEY not in str(refused.value)
    assert not any(KEY.encode() in file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())


def test_from_request_to_clip(server, store, tmp_path):
    (tmp_path / "work").mkdir()
    work = FakeWork(tmp_path / "work", {"c" * 64: save_picture(tmp_path / "cover.png")})
    clip = make_clip.make_clip(replace(asked(), width_px=128, height_px=72), store, work)
    assert clip.frame_count == 30
    assert clip.fps == Fraction(24)


def test_without_a_key_the_engine_says_so(monkeypatch):
    monkeypatch.delenv("RUNWAYML_API_SECRET", raising=False)
    status = {part.name: part for part in registry.state().animators}["runway"]
    assert not status.available
    assert status.missing == "the environment variable RUNWAYML_API_SECRET"
