"""The gated linear layer gives what a product, a GELU and a multiplication give."""

import pytest

torch = pytest.importorskip("torch", reason="needs the gpu extra")
pytest.importorskip("triton", reason="comes with torch for CUDA")

pytestmark = pytest.mark.gpu


@pytest.mark.parametrize(("rows", "channels"), [(4000, 320), (257, 640), (64, 1280), (33, 24)])
def test_the_same_as_in_three_steps(rows, channels):
    from bridge.clips.gpu.gated_linear import gated_linear, interleaved

    torch.manual_seed(0)
    x = torch.randn(2, rows, channels, device="cuda", dtype=torch.half)
    weight = torch.randn(8 * channels, channels, device="cuda", dtype=torch.half) / channels**0.5
    bias = torch.randn(8 * channels, device="cuda", dtype=torch.half)
    values, gates = torch.nn.functional.linear(x.double(), weight.double(), bias.double()).chunk(2, -1)
    exact = values * torch.nn.functional.gelu(gates)
    off = (gated_linear(x, interleaved(weight), interleaved(bias)).double() - exact).norm() / exact.norm()
    assert off < 5e-4
