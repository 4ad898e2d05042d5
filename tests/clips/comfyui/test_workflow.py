"""What takes the words, numbers and pictures of a workflow: found by itself, named by the user, or refused."""

import re

import pytest

from bridge.clips.comfyui import roles
from bridge.clips.comfyui.workflow import Workflow
from bridge.common.errors import BadInput
from tests.clips.comfyui.workflows import animating, node, painting, saved, without_last

PAINTS = ("image", "cover", "character")
ANIMATES = ("image", "last")


def found(nodes, named="", pictures=PAINTS):
    """The places by role, as "node.input"."""
    workflow = Workflow(nodes)
    result = roles.find(workflow, roles.read(workflow, named), pictures)
    places = {role: [f"{s.holds.node}.{s.holds.input}" for s in slots] for role, slots in result.slots.items()}
    places["size"] = [f"{width.holds.node}.{width.holds.input}" for width, _ in result.sizes]
    return {role: names for role, names in places.items() if names}


def test_a_painting_workflow_is_understood():
    assert found(painting()) == {
        "prompt": ["6.text"],
        "negative": ["7.text"],
        "seed": ["3.seed"],
        "size": ["5.width"],
    }


def test_an_animating_workflow_is_understood():
    assert found(animating(), pictures=ANIMATES) == {
        "prompt": ["2.text"],  # and no negative: that is the same words, blanked out
        "seed": ["30.seed"],
        "image": ["10.image"],
        "last": ["11.image"],
        "length": ["20.length"],
        "fps": ["50.fps"],
        "size": ["12.width", "20.width"],
    }
    assert "last" not in found(without_last(), pictures=ANIMATES)


def test_words_and_numbers_are_followed_to_the_nodes_that_hold_them():
    nodes = painting() | {
        "70": node("PrimitiveStringMultiline", value="a cat"),
        "71": node("PrimitiveInt", value=5),
        "72": node("FluxGuidance", conditioning=["6", 0], guidance=3.5),
        "73": node("BasicGuider", conditioning=["72", 0], model=["4", 0]),
    }
    nodes["6"]["inputs"]["text"] = ["70", 0]
    nodes["3"]["inputs"] = {"noise_seed": ["71", 0], "guider": ["73", 0]}
    assert found(nodes) == {"prompt": ["70.value"], "seed": ["71.value"], "size": ["5.width"]}


def test_an_encoder_of_two_texts_gets_both():
    nodes = painting()
    nodes["6"]["inputs"] = {"clip_l": "a cat", "t5xxl": "a cat", "clip": ["4", 1]}
    assert found(nodes)["prompt"] == ["6.clip_l", "6.t5xxl"]


def test_every_sampler_gets_the_seed():
    assert found(painting() | {"31": node("KSampler", seed=9)})["seed"] == ["3.seed", "31.seed"]


@pytest.mark.parametrize(("title", "role"), [
    ("The COVER", "cover"), ("character sheet", "character"), ("Load Image", "image"),
])  # fmt: skip
def test_a_painters_picture_has_the_role_that_its_title_says(title, role):
    assert found(painting() | {"80": node("LoadImage", title, image="example.png")})[role] == ["80.image"]


@pytest.mark.parametrize(("title", "role"), [("last frame", "last"), ("END", "last"), ("start", "image")])
def test_an_animators_picture_has_the_role_that_its_title_says(title, role):
    nodes = {"1": node("LoadImage", image="a.png"), "2": node("LoadImage", title, image="b.png")}
    other = {"last": "image", "image": ""}[role]
    expected = {role: ["2.image"]} | ({other: ["1.image"]} if other else {})
    assert found(nodes, pictures=ANIMATES) == expected


@pytest.mark.parametrize(("named", "role", "places"), [
    ("prompt=7", "prompt", ["7.text"]),
    ("prompt=not THESE", "prompt", ["7.text"]),
    ("seed=KSampler.steps", "seed", ["3.steps"]),
    ("prompt=6, prompt=7", "prompt", ["6.text", "7.text"]),
    ("cover=80", "cover", ["80.image"]),
    ("negative=none", "negative", None),
    ("size=none", "size", None),
])  # fmt: skip
def test_what_is_named_comes_first(named, role, places):
    nodes = painting() | {"80": node("LoadImage", image="example.png")}
    assert found(nodes, named).get(role) == places


@pytest.mark.parametrize(("named", "message"), [
    ("promt=6", "not 'promt=6'. Did you mean 'prompt'?"),
    ("6", "Roles are: prompt, negative, image"),
    ("prompt=Wrods", "no node 'Wrods'. Did you mean 'Words'?"),
    ("prompt=99", "no node '99'. There are: 'KSampler' (3), 'CheckpointLoaderSimple' (4)"),
    ("prompt=CLIPTextEncode", "'CLIPTextEncode' could be 'Words' (6), 'Not these' (7) of the workflow"),
    ("seed=3.sed", "'KSampler' (3) has no input 'sed'. There are: seed, steps"),
    ("prompt=8", "'VAEDecode' (8) has no input for the role 'prompt'"),
    ("size=3", "'KSampler' (3) has no width and height"),
])  # fmt: skip
def test_names_that_fit_nothing_are_refused(named, message):
    with pytest.raises(BadInput, match=re.escape(message)):
        found(painting(), named)


@pytest.mark.parametrize(("more", "message"), [
    ({"a": node("KSampler", positive=["b", 0]), "b": node("CLIPTextEncode", text="x")},
     "2 nodes for the role 'prompt': 'Words' (6), 'CLIPTextEncode' (b). Choose with prompt=NUMBER"),
    ({"a": node("EmptyLatentImage", width=64, height=64, batch_size=1)}, "for the role 'size'"),
    ({"a": node("LoadImage", image="x"), "b": node("LoadImage", image="y")}, "for the role 'image'"),
    ({"a": node("A", length=9), "b": node("B", num_frames=81)}, "for the role 'length'"),
])  # fmt: skip
def test_several_that_fit_are_told(more, message):
    with pytest.raises(BadInput, match=re.escape(message)):
        found(painting() | more)


def test_a_circle_of_links_ends():
    nodes = {
        "1": node("KSampler", positive=["2", 0]),
        "2": node("A", conditioning=["3", 0], text=["3", 0]),
        "3": node("B", conditioning=["2", 0], text=["2", 0]),
    }
    assert found(nodes) == {}


@pytest.mark.parametrize(("content", "message"), [
    ({"nodes": [], "links": []}, "saved for ComfyUI's editor. In ComfyUI, choose Export (API)"),
    ({}, "is not a ComfyUI"), ([1], "is not a ComfyUI"), ({"1": {"class_type": "A"}}, "is not a ComfyUI"),
])  # fmt: skip
def test_files_in_another_form_are_refused(tmp_path, content, message):
    with pytest.raises(BadInput, match=re.escape(message)):
        Workflow.read(saved(tmp_path / "w.json", content))


@pytest.mark.parametrize(
    "content", [b"\x89PNG", b"", b"[" * 100_000, b'{"1": {"class_type": "A", "inputs": {"fps": NaN}}}']
)
def test_files_that_are_no_json_are_refused(tmp_path, content):
    (tmp_path / "w.json").write_bytes(content)
    with pytest.raises(BadInput, match="is not JSON"):
        Workflow.read(tmp_path / "w.json")


def test_files_that_are_not_there_are_refused(tmp_path):
    for path in (tmp_path, tmp_path / "none.json"):
        with pytest.raises(BadInput, match="can't be read"):
            Workflow.read(path)
