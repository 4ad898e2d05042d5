"""The engine `fal` against a local server that speaks fal's protocol, and what engines that cost money share."""

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

pytest.importorskip("fal_client", reason="needs the fal extra: scripts/test.sh --engines")

import fal_client.client

from blender_addon.core.types import ShotKind
from bridge.clips import fal, make_clip, paid, registry
from bridge.clips.base import Still
from bridge.clips.fal import FalAnimator, cost_of
from bridge.common.errors import BadInput, Cancelled, GenerationFailed
from tests.clips.diffusion.diffusion_world import FakeWork, picture, request_for, save_picture
from tests.clips.fake_fal import COMPLETED, RUNNING, FakeFal
from tests.clips.test_runway import write_video

pytestmark = pytest.mark.torch

KEY = "key_that_must_not_be_seen"


@pytest.fixture
def server(tmp_path, monkeypatch):
    server = FakeFal(write_video(tmp_path / "made.mp4", 120))
    monkeypatch.setenv("FAL_KEY", KEY)
    monkeypatch.setenv("BEATBOARD_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(fal_client.client, "QUEUE_URL_FORMAT", f"{server.url}/")
    monkeypatch.setattr(fal, "PRICES", f"{server.url}/prices")
    monkeypatch.setattr(fal, "POLL_S", 0.02)
    fal.price.cache_clear()
    yield server
    fal.price.cache_clear()
    server.close()


@pytest.fixture
def key():
    return Still(picture(160, 90))


def asked(**changes):
    return request_for("cover+fal", **({"frame_count": 30, "hold_frames": 6, "confirm_cost": "yes"} | changes))


def spent(request=None):
    return sum(paid.Budget.of(request or asked())._read().values())


def test_a_clip_is_bought_followed_and_cut_to_the_moving_part(server, key, work):
    footage = FalAnimator().animate(replace(asked(), direction=-1), key, work)
    assert len(list(footage.frames)) == footage.frame_count == 24
    ((endpoint, sent),) = server.asked
    assert endpoint == "fal-ai/kling-video/v2.5-turbo/pro/image-to-video"
    assert sent["duration"] == "5"
    assert sent["prompt"].startswith("the camera trucks left, ")
    assert sent["image_url"].startswith("data:image/jpeg;base64,")
    assert "seed" not in sent
    assert "waiting at fal, 2 before" in work.stages
    assert spent() == pytest.approx(0.35)


def test_each_model_is_asked_in_its_own_words(server, key, work):
    FalAnimator().animate(asked(model="veo-3.1-fast"), replace(key, end=picture(160, 90)), work)
    FalAnimator().animate(asked(model="seedance-2", seed=7), key, work)
    (veo, first), (_, second) = server.asked
    assert veo == "fal-ai/veo3.1/fast/first-last-frame-to-video"
    assert (first["duration"], first["generate_audio"]) == ("4s", False)
    assert {"first_frame_url", "last_frame_url"} <= set(first)
    assert (second["duration"], second["seed"]) == ("4", 7)
    with pytest.raises(BadInput, match="can't end on a given picture"):
        FalAnimator().animate(asked(model="wan-2.5"), replace(key, end=picture(160, 90)), work)


def test_the_last_shot_ends_on_the_cover_where_the_model_can(server, key, tmp_path):
    work = FakeWork(tmp_path, {"c" * 64: save_picture(tmp_path / "cover.png")})
    FalAnimator().animate(asked(kind=ShotKind.COVER_END), key, work)
    assert "tail_image_url" in server.asked[0][1]


def test_the_price_is_asked_and_nothing_is_spent_without_consent(server, key, work):
    with pytest.raises(BadInput, match=r"would cost US\$ 0\.35 for 5 seconds .* confirm_cost=yes"):
        FalAnimator().animate(asked(confirm_cost="no"), key, work)
    assert server.asked == []
    assert str(cost_of([asked(), asked(frame_count=180)])) == "US$ 1.05 for 15 seconds of video"
    assert server.priced == ["fal-ai/kling-video/v2.5-turbo/pro/image-to-video"], "once"


def test_a_price_by_the_clip_is_understood_and_one_by_the_token_refused(server):
    server.price |= {"unit": "videos", "unit_price": 0.4}
    assert cost_of([asked(), asked()]).usd == pytest.approx(0.8)
    server.price |= {"unit": "million tokens"}
    with pytest.raises(BadInput, match="in USD per million tokens, not by the second"):
        cost_of([asked(model="seedance-2")])


def test_a_budget_is_never_passed_however_many_ask_at_once(server):
    budget = paid.Budget.of(asked(budget="1.0"))

    def spend(_):
        try:
            return budget.spend(0.35)
        except BadInput as error:
            return str(error)

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(spend, range(6)))
    refused = [answer for answer in answers if "the budget is US$ 1.00" in answer]
    assert len(refused) == 4
    assert spent() == pytest.approx(0.7)


def test_another_budget_buys_nothing_twice(server, key, store, tmp_path):
    (tmp_path / "work").mkdir()
    work = FakeWork(tmp_path / "work", {"c" * 64: save_picture(tmp_path / "cover.png")})
    for budget in ("1", "2"):
        make_clip.make_clip(replace(asked(budget=budget), width_px=128, height_px=72), store, work)
    assert len(server.asked) == 1
    with pytest.raises(BadInput, match=r"US\$ 0\.70 would be spent on this cover, and the budget is US\$ 0\.50"):
        FalAnimator().animate(asked(budget="0.5", seed=5), key, work)
    assert len(server.asked) == 1


def test_what_was_not_made_is_not_spent(server, key, work):
    server.submit_status = 422
    with pytest.raises(GenerationFailed, match="prompt is too rude"):
        FalAnimator().animate(asked(), key, work)
    server.submit_status, server.result_status = 200, 422
    with pytest.raises(GenerationFailed, match="the picture is not allowed"):
        FalAnimator().animate(asked(), key, work)
    server.result_status, server.result = 200, {"images": []}
    with pytest.raises(GenerationFailed, match="sent no video"):
        FalAnimator().animate(asked(), key, work)
    assert spent() == 0


def test_a_cancel_reaches_fal(server, key, tmp_path):
    server.script = [RUNNING]
    with pytest.raises(Cancelled):
        FalAnimator().animate(asked(), key, FakeWork(tmp_path, {}, cancel_after=3))
    assert server.cancelled == ["request-1"]
    assert spent() == 0


def test_a_restart_fetches_what_was_paid_for(server, key, work, monkeypatch):
    server.script = [RUNNING]
    with monkeypatch.context() as killed:
        killed.setattr(fal, "wait", lambda *a: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            FalAnimator().animate(asked(), key, work)
    server.script = [COMPLETED]
    FalAnimator().animate(asked(), key, work)
    assert len(server.asked) == 1
    assert spent() == pytest.approx(0.35)
    FalAnimator().animate(asked(), key, work)
    assert len(server.asked) == 2, "the receipt is used up"


def test_the_key_is_seen_nowhere(server, key, work, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    FalAnimator().animate(asked(), key, work)
    server.submit_status = 401
    with pytest.raises(GenerationFailed, match="refused the key") as refused:
        FalAnimator().animate(asked(seed=3), key, work)
    assert server.headers[0]["Authorization"] == f"Key {KEY}"
    assert KEY not in caplog.text
    assert KEY not in str(refused.value)
    assert not any(KEY.encode() in file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())


def test_without_a_key_or_leave_to_go_online_it_says_so(server, key, work, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(fal, "PRICES", "https://fal.invalid/prices")
    with pytest.raises(BadInput, match="may not go online"):
        FalAnimator().animate(asked(), key, work)
    monkeypatch.delenv("FAL_KEY")
    status = {part.name: part for part in registry.state().animators}["fal"]
    assert status.missing == "the environment variable FAL_KEY"
