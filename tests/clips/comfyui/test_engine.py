"""The engine `comfyui` against a local server that speaks ComfyUI's protocol."""

import io
import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from blender_addon.core.types import ShotKind
from bridge.clips import make_clip, registry
from bridge.clips.comfyui import servers
from bridge.clips.comfyui.engine import ComfyAnimator, ComfyPainter
from bridge.common.errors import BadInput, Cancelled, GenerationFailed
from tests.clips.comfyui.fake_comfyui import FakeComfyUI, fault, picture, video
from tests.clips.comfyui.workflows import animating, node, painting, saved, without_last
from tests.clips.diffusion.diffusion_world import FakeWork, request_for, save_picture


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(servers, "POLL_S", 0.0)
    server = FakeComfyUI()
    monkeypatch.setenv("BEATBOARD_COMFYUI", server.url)
    yield server
    server.close()


@pytest.fixture
def other(server):
    other = FakeComfyUI()
    yield other
    other.close()


@pytest.fixture
def work(tmp_path):
    cover, sheet = (save_picture(tmp_path / f"{name}.png", seed=i) for i, name in enumerate(("cover", "sheet")))
    return FakeWork(tmp_path, {"c" * 64: cover, "s" * 64: sheet})


@pytest.fixture
def paint(tmp_path, work):
    def paint(nodes=None, character=None, **options):
        file = saved(tmp_path / "paint.json", nodes or painting())
        request = request_for("comfyui+camera", painter_workflow=file, **options)
        return next(ComfyPainter().paint([replace(request, character_sha256=character)], work)).rgb

    return paint


@pytest.fixture
def animate(tmp_path, work, still):
    def animate(nodes=None, end=None, kind=ShotKind.MOTION, desk=work, **options):
        file = saved(tmp_path / "animate.json", nodes or without_last())
        request = request_for("cover+comfyui", **{"frame_count": 48, "kind": kind, "workflow": file} | options)
        return ComfyAnimator().animate(request, replace(still, end=end), desk)

    return animate


def pixels(content):
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


def test_a_still_is_painted_with_the_shots_words_seed_and_shape(server, work, paint):
    server.looks_until_it_runs = 2
    assert paint().shape == (72, 128, 3)
    assert server.inputs("6")["text"] == "a lighthouse at night"
    assert server.inputs("7")["text"] == "text"
    assert server.inputs("3")["seed"] == 1
    assert (server.inputs("5")["width"], server.inputs("5")["height"]) == (1368, 768), "16:9, about as many pixels"
    assert server.inputs("4")["ckpt_name"] == "mine.safetensors"
    assert {"waiting at ComfyUI: 0 before it", "painting at ComfyUI"} <= set(work.stages)


def test_a_lone_picture_is_the_character_or_else_the_cover(server, work, paint):
    nodes = painting() | {"80": node("LoadImage", image="example.png")}
    for character, sha256 in ((None, "c" * 64), ("s" * 64, "s" * 64)):
        paint(nodes, character)
        sent = server.uploads[server.inputs("80")["image"]]
        assert np.array_equal(pixels(sent), pixels(work.file(sha256).read_bytes()))


def test_a_shot_is_animated_from_its_still(server, work, animate, still):
    footage = animate()
    frames = list(footage.frames)
    assert len(frames) == footage.frame_count == 32, "two seconds of the 40 frames at 16 a second"
    assert footage.frame_count / footage.fps == 2
    assert not footage.holds
    assert frames[-1].mean() > frames[0].mean()
    made = server.inputs("20")
    assert (
        (made["width"], made["height"]) == (848, 480) == (server.inputs("12")["width"], server.inputs("12")["height"])
    )
    assert made["length"] == 33, "of 1, 5, 9, ... the first that lasts two seconds"
    assert server.inputs("50")["fps"] == 16, "the workflow's own rate stays"
    sent = pixels(server.uploads[server.inputs("10")["image"]])
    assert sent.shape == (480, 848, 3)
    assert abs(sent.mean() - still.rgb.mean()) < 2
    assert "animating at ComfyUI" in work.stages


def test_a_long_shot_is_slowed_down(server, animate):
    footage = animate(frame_count=240)
    assert server.inputs("20")["length"] == 81, "as many as the workflow has"
    assert len(list(footage.frames)) == 40
    assert footage.frame_count / footage.fps == 10
    animate(frame_count=240, most_frames=120)
    assert server.inputs("20")["length"] == 121


def test_a_named_frame_rate_is_the_shots(server, animate, tmp_path, work, still):
    server.made[".mp4"] = video(25, 24)
    request = request_for(
        "cover+comfyui", frame_count=24, workflow=saved(tmp_path / "w.json", without_last()), nodes="fps=50"
    )
    assert ComfyAnimator().animate(request, still, work).frame_count == 24
    assert server.inputs("50")["fps"] == 24
    assert server.inputs("20")["length"] == 25


@pytest.mark.parametrize(("kind", "end"), [(ShotKind.MOTION, "given"), (ShotKind.COVER_END, "cover")])
def test_a_shot_ends_on_what_it_was_asked_to(server, work, animate, kind, end):
    given = np.full((90, 160, 3), 200, np.uint8)
    animate(animating(), given, kind)
    sent = pixels(server.uploads[server.inputs("11")["image"]])
    assert (np.ptp(sent) == 0 and sent[0, 0, 0] == 200) == (end == "given")
    assert server.inputs("10")["image"] != server.inputs("11")["image"]


def test_a_workflow_without_a_last_frame_says_so(server, animate):
    with pytest.raises(BadInput, match="no node for a last frame: leave out into_next"):
        animate(end=np.zeros((90, 160, 3), np.uint8))
    assert animate(kind=ShotKind.COVER_END), "which dissolves into the cover"


def test_pictures_of_one_node_are_the_frames(server, animate):
    nodes = without_last() | {"60": node("SaveImage", images=["40", 0]), "61": node("PreviewImage", images=["40", 0])}
    server.pictures_saved = 5
    assert [frame.mean() for frame in animate(nodes).frames] == [90.0] * 5
    server.pictures_saved = 1
    with pytest.raises(GenerationFailed, match="one picture, not a video"):
        animate(nodes, seed=2)


def test_two_nodes_that_save_are_told_unless_one_is_named(server, paint):
    nodes = painting() | {"99": node("SaveImage", "Large", images=["8", 0])}
    with pytest.raises(BadInput, match=re.escape("for the role 'output': 'SaveImage' (9), 'Large' (99)")):
        paint(nodes)
    assert paint(nodes, painter_nodes="output=Large").shape


@pytest.mark.parametrize(("change", "message"), [
    ({"8": node("Upscaler", "My upscaler")}, "no nodes of the type 'Upscaler', as 'My upscaler' (8) is."),
    ({"5": node("EmptyLatentImage", height=8, batch_size=1)},
     "in 'EmptyLatentImage' (5): Required input is missing (width)"),
    ({"9": node("VAEDecode", samples=["3", 0])}, "refuses the workflow: Prompt has no outputs."),
])  # fmt: skip
def test_refusals_name_the_node(server, paint, change, message):
    with pytest.raises(GenerationFailed, match=re.escape(message)):
        paint(painting() | change)


def test_older_servers_refuse_an_unknown_type_in_other_words(server, paint, monkeypatch):
    error = fault("invalid_prompt", "Cannot execute because node Upscaler does not exist.", "Node ID '#8'")
    monkeypatch.setattr(server, "faults", lambda nodes: (error, {}))
    with pytest.raises(GenerationFailed, match=re.escape("no nodes of the type 'Upscaler', as 'My upscaler' (8) is.")):
        paint(painting() | {"8": node("Upscaler", "My upscaler")})


@pytest.mark.parametrize(("event", "told", "message"), [
    ("execution_error", {"node_id": "3", "exception_message": "Expected 4 channels,\ngot 3.", "exception_type": "X"},
     "failed in 'KSampler' (3): Expected 4 channels, got 3."),
    ("execution_error", {"node_id": "3", "exception_message": "Allocation on device",
                         "exception_type": "torch.OutOfMemoryError"}, "too little memory for 'KSampler' (3)."),
    ("execution_interrupted", {"node_id": "3"}, "was interrupted at ComfyUI"),
    ("execution_start", {}, "doesn't say why"),
])  # fmt: skip
def test_bad_ends_are_told(server, paint, event, told, message):
    server.failure = (event, told)
    with pytest.raises(GenerationFailed, match=re.escape(message)):
        paint()


def test_a_server_that_was_restarted_is_told(server, paint):
    server.forgets = True
    with pytest.raises(GenerationFailed, match="no longer knows what it was asked"):
        paint()


def test_files_that_are_gone_are_told(server, paint):
    server.view_status = 404
    with pytest.raises(GenerationFailed, match=r"no longer has prompt-0_9_00000_.png: it answers with status 404"):
        paint()


@pytest.mark.parametrize(("breaks", "message"), [
    (lambda server: server.close(), r"can't be reached \(ConnectError\). Is it running\? Start it"),
    (lambda server: setattr(server, "status", 401), "asks for a login"),
    (lambda server: setattr(server, "status", 500), "answers /queue with status 500"),
    (lambda server: setattr(server, "look", lambda: {"hello": 1}), "is not ComfyUI"),
    (lambda server: setattr(server, "look", lambda: b"<html>"), "is not ComfyUI"),
])  # fmt: skip
def test_servers_that_cannot_serve_are_told(server, paint, breaks, message):
    breaks(server)
    with pytest.raises(BadInput, match=message):
        paint()


def test_its_socket_tells_the_steps(server, work, paint):
    server.messages = [
        {"type": "status", "data": {"status": {"exec_info": {"queue_remaining": 1}}, "sid": "x"}},
        {"type": "execution_cached", "data": {"nodes": ["4", "6", "7"], "prompt_id": "prompt-0"}},
        {"type": "executing", "data": {"node": "3", "prompt_id": "prompt-0"}},
        b"\0\0\0\1\0\0\0\1picture",
        {"type": "progress", "data": {"value": 5, "max": 20, "prompt_id": "prompt-0", "node": "3"}},
        {"type": "progress"},
        {"type": "executing", "data": {"node": "8", "prompt_id": "prompt-0"}},
        {"type": "executing", "data": {"node": None, "prompt_id": "prompt-0"}},
    ]
    server.looks_until_it_is_done = 9
    paint()
    shares = {stage: progress for progress, stage in work.reports if stage.startswith("painting at ComfyUI: ")}
    assert shares["painting at ComfyUI: KSampler 5 of 20"] == pytest.approx(0.1 + 0.75 * 3.25 / 7)
    assert shares["painting at ComfyUI: VAEDecode"] == pytest.approx(0.1 + 0.75 * 4 / 7)
    assert work.reports == sorted(work.reports, key=lambda each: each[0]), "it never goes back"


def test_without_a_socket_it_works_as_well(server, work, paint):
    server.has_socket = False
    assert paint().any()
    assert "painting at ComfyUI" in work.stages


def test_a_socket_that_breaks_is_let_go(server, work, paint):
    server.messages = [{"type": "executing", "data": {"node": "3", "prompt_id": "prompt-0"}}]
    server.looks_until_it_is_done = 5
    look = server.look

    def hang_up():
        for listener in server.listeners.values():
            listener(b"\xff\xff nonsense")
        server.listeners.clear()
        return look()

    server.look = hang_up
    assert paint().any()


def test_a_short_silence_is_borne_and_a_long_one_is_told(server, paint, monkeypatch):
    monkeypatch.setattr(servers, "MOST_SILENT_POLLS", 2)
    state, silences = servers.Server._state, iter([True, True, False, True, True, True])

    def flaky(self, prompt_id):
        if next(silences):
            raise servers.Unanswered("silent")
        return state(self, prompt_id)

    server.looks_until_it_is_done = 99
    monkeypatch.setattr(servers.Server, "_state", flaky)
    with pytest.raises(servers.Unanswered):
        paint()
    assert next(silences, None) is None


def test_a_cancel_takes_it_out_of_the_queue_and_leaves_others(server, animate, tmp_path):
    server.others = ["theirs"]
    with pytest.raises(Cancelled):
        animate(desk=FakeWork(tmp_path, {}, cancel_after=4))
    assert server.deleted == ["prompt-0"]
    assert server.interrupted == []
    assert server.waiting == []


def test_a_cancel_interrupts_what_runs_by_its_id(server, animate, tmp_path):
    server.looks_until_it_runs, server.looks_until_it_is_done = 0, 99
    with pytest.raises(Cancelled):
        animate(desk=FakeWork(tmp_path, {}, cancel_after=4))
    assert server.interrupted == ["prompt-0"]


def test_the_least_busy_server_is_asked(server, other, paint):
    server.others = ["theirs"]
    for seed in range(3):
        paint(comfyui=f"{server.url}, {other.url}/", seed=seed)
    assert (len(server.prompts), len(other.prompts)) == (0, 3)
    server.others, other.status = [], 500
    paint(comfyui=f"{server.url},{other.url}")
    assert len(server.prompts) == 1, "one that can't serve is passed over"


def test_shots_that_start_together_spread(server, other):
    asked = []
    for i in range(8):
        with servers.least_busy([server.url, other.url], f"s{i:02d}") as chosen:
            asked.append(chosen.url)
    assert set(asked) == {server.url, other.url}


def test_memory_is_given_back_only_if_asked_and_nobody_waits(server, paint):
    paint()
    assert server.freed == []
    paint(comfyui_free="yes", seed=2)
    assert server.freed == [{"unload_models": True, "free_memory": True}]


def test_memory_is_kept_for_those_who_wait(server, paint, monkeypatch):
    finish = server.finish

    def finish_and_take_another(prompt_id):
        finish(prompt_id)
        server.others = ["theirs"]

    monkeypatch.setattr(server, "finish", finish_and_take_another)
    paint(comfyui_free="yes")
    assert server.freed == []


@pytest.mark.parametrize("address", ["box:8188", "ftp://box", "http://", "8188"])
def test_what_is_no_address_is_refused(paint, address):
    with pytest.raises(BadInput, match=r"is not ComfyUI's address. It looks like http://127.0.0.1:8188"):
        paint(comfyui=address)


def test_nothing_is_asked_without_leave_to_go_online(server, paint, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert paint().any(), "this computer may be asked"
    with pytest.raises(BadInput, match=r"may not go online: in Blender switch on .*unset HF_HUB_OFFLINE"):
        paint(comfyui=f"{server.url},http://comfyui.invalid:8188")


def test_a_password_in_the_address_is_in_no_message(server, paint):
    server.status = 500
    with pytest.raises(BadInput, match="answers /queue") as told:
        paint(comfyui=server.url.replace("http://", "http://me:secret@"))
    assert "secret" not in str(told.value)


def test_workflows_that_lack_what_is_needed_say_so(server, paint, animate, still, work):
    with pytest.raises(BadInput, match=r"needs a workflow: .* --set workflow=FILE"):
        ComfyAnimator().animate(request_for("cover+comfyui"), still, work)
    with pytest.raises(BadInput, match="no node that loads the keyframe"):
        animate(painting())
    with pytest.raises(BadInput, match="no node for the prompt"):
        paint(
            {"1": node("EmptyLatentImage", width=64, height=64, batch_size=1), "2": node("SaveImage", images=["1", 0])}
        )
    assert server.prompts == {}


def test_another_content_of_the_workflow_is_another_clip(tmp_path):
    def key(nodes):
        request = request_for("comfyui+camera", painter_workflow=saved(tmp_path / "w.json", nodes))
        return make_clip.clip_key(request, registry.load(request))

    assert key(painting()) == key(painting())
    assert key(painting()) != key(painting() | {"5": node("EmptyLatentImage", width=512, height=512, batch_size=1)})


@pytest.mark.slow
def test_a_whole_clip_is_made(server, store, tmp_path, work):
    server.made[".png"] = picture(120, 640, 360)
    request = request_for(
        "comfyui+comfyui",
        frame_count=24,
        painter_workflow=saved(tmp_path / "p.json", painting()),
        workflow=saved(tmp_path / "a.json", without_last()),
    )
    clip = make_clip.make_clip(request, store, work)
    assert (clip.frame_count, clip.width_px, clip.height_px, clip.handle_frames) == (24, 320, 180, 6)
    assert len(server.prompts) == 2
    assert make_clip.make_clip(request, store, work) == clip
    assert len(server.prompts) == 2, "it is kept"
