"""Depth by a tiny Depth Anything of the true class, with random weights, by the way that real ones go."""

from dataclasses import replace

import numpy as np
import pytest

from bridge.clips import registry
from bridge.clips.animatic import depth_anything, depth_classical
from bridge.common.errors import BadInput
from tests.clips.animatic.animatic_world import Desk, cover, request

torch = pytest.importorskip("torch", reason="needs the gpu extra: scripts/test.sh --engines")
transformers = pytest.importorskip("transformers", reason="needs the gpu extra: scripts/test.sh --engines")

pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A model's folder."""
    torch.manual_seed(0)
    backbone = transformers.Dinov2Config(
        hidden_size=32, num_hidden_layers=4, num_attention_heads=2, image_size=70, patch_size=14,
        out_indices=[1, 2, 3, 4], reshape_hidden_states=False, apply_layernorm=True,
    )  # fmt: skip
    config = transformers.DepthAnythingConfig(
        backbone_config=backbone, patch_size=14, reassemble_hidden_size=32, neck_hidden_sizes=[16, 16, 16, 16],
        fusion_hidden_size=16, head_hidden_size=8,
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("models") / "depth"
    transformers.DepthAnythingForDepthEstimation(config).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("shape", [(360, 360, 3), (300, 540, 3), (700, 400, 3)])
def test_a_map_over_the_whole_picture(weights, shape):
    picture = np.random.default_rng(0).integers(0, 255, shape, np.uint8)
    found = depth_anything.estimate(picture, str(weights))
    assert found.dtype == np.float32
    assert max(found.shape) == depth_classical.WORK_SIDE_PX
    assert found.shape[0] / found.shape[1] == pytest.approx(shape[0] / shape[1], rel=0.01)
    assert 0 <= found.min() < 0.1 < 0.5 < found.max() <= 1


def test_the_picture_decides(weights):
    one = depth_anything.estimate(cover(), str(weights))
    other = depth_anything.estimate(np.ascontiguousarray(cover()[:, ::-1]), str(weights))
    assert np.abs(one - other).mean() > 0.02


def test_a_shot_asks_for_it_by_an_option(weights, tmp_path):
    plain = request(frame_count=2)
    desk, engine = Desk(tmp_path), registry.load(plain)
    asked = replace(plain, options=(("depth", str(weights)),))
    stills = [next(iter(engine.painter.paint([one], desk))) for one in (plain, asked)]
    assert np.array_equal(stills[0].rgb, stills[1].rgb)
    assert stills[0].depth is not None
    assert stills[1].depth is not None
    assert np.abs(stills[0].depth - stills[1].depth).mean() > 0.05
    assert len(list(engine.animator.animate(asked, stills[1], desk).frames)) == 2


def test_without_weights_it_says_so(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput):
        depth_anything.estimate(cover(), str(tmp_path / "empty"))
