"""The streamlined video network gives what the plain one gives."""

import pytest

pytest.importorskip("torch", reason="needs the gpu extra: scripts/test.sh --engines")

import tiny_models
import torch

from bridge.engines import fast

pytestmark = pytest.mark.torch


@pytest.fixture
def network():
    torch.manual_seed(0)
    return tiny_models.svd_unet(frames=3).eval()


def run(network, tokens=1):
    made = torch.Generator().manual_seed(1)
    with torch.no_grad():
        return network(
            torch.randn(2, 3, 8, 8, 16, generator=made),
            torch.tensor(1.0),
            torch.randn(2, tokens, 32, generator=made),
            torch.randn(2, 3, generator=made),
            return_dict=False,
        )[0]


@pytest.mark.parametrize("tokens", [1, 2])
def test_streamlining_changes_nothing(network, tokens):
    plain = run(network, tokens)
    fast.streamline(network)
    assert torch.allclose(run(network, tokens), plain, atol=1e-4)


def test_no_queries_are_made_for_a_single_token(network):
    fast.streamline(network)
    asked = []
    for module in network.modules():
        if isinstance(module, fast.Attention) and module.is_cross_attention:
            module.to_q.register_forward_hook(lambda *_: asked.append(True))
    run(network, tokens=1)
    assert not asked
    run(network, tokens=2)
    assert asked


def test_no_convolution_over_frames_is_left_three_dimensional(network):
    assert any(isinstance(module, torch.nn.Conv3d) for module in network.modules())
    fast.streamline(network)
    assert not any(isinstance(module, torch.nn.Conv3d) for module in network.modules())


def test_the_decoder_gives_the_same_pictures():
    torch.manual_seed(0)
    decoder = tiny_models.svd_decoder().eval().decoder
    latents = torch.randn(3, 4, 4, 8, generator=torch.Generator().manual_seed(1))

    def decoded():
        with torch.no_grad():
            return decoder(latents, image_only_indicator=torch.zeros(1, 3), num_frames=3)

    plain = decoded()
    fast.streamline(decoder)
    assert torch.allclose(decoded(), plain, atol=1e-4)
