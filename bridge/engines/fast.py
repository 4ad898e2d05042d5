# SPDX-License-Identifier: GPL-3.0-or-later
"""The same results sooner: the video network of Stable Video Diffusion without work that changes nothing.

Three changes, each exact up to rounding:

- Cross-attention looks at one token, the picture's embedding. A softmax over one value is 1, so its output is the same
  for every query: queries, keys and the attention itself need not be computed.
- Convolutions over time alone are convolutions of the picture whose rows are frames and whose columns are pixels.
  Written so, they run with channels last, as everything around them does, and no layout is ever copied.
- Group normalisation is written with channels last too, in operations that the compiler fuses with its neighbours.

What remains is left to `torch.compile`.
"""

import os
from typing import Any

import torch
from diffusers.models.attention_processor import Attention, AttnProcessor2_0
from torch import nn

from bridge import settings


class OneTokenProcessor:
    """An attention processor for cross-attention to a single token; others go the usual way."""

    def __init__(self) -> None:
        self.usual = AttnProcessor2_0()

    def __call__(
        self,
        attn: Attention,
        hidden_states: torch.Tensor,
        encoder_hidden_states: torch.Tensor | None = None,
        **options: Any,
    ) -> torch.Tensor:
        """Shape (batch, 1, channels), which the residual's addition spreads over all tokens."""
        if encoder_hidden_states is None or encoder_hidden_states.shape[1] != 1:
            return self.usual(attn, hidden_states, encoder_hidden_states, **options)
        return attn.to_out[0](attn.to_v(encoder_hidden_states))


class FrameConv(nn.Module):
    """A 3D convolution whose kernel spans frames only, as a 2D one over (frames, pixels) with channels last."""

    def __init__(self, conv: nn.Conv3d) -> None:
        super().__init__()
        self.weight = nn.Parameter(conv.weight.data[..., 0].contiguous(memory_format=torch.channels_last))
        self.bias = conv.bias
        self.reach = self.weight.shape[2] // 2

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Shape (batch, channels, frames, height, width), in and out."""
        batch, _, frames, height, width = x.shape
        pixels = x.permute(0, 2, 3, 4, 1).reshape(batch, frames, height * width, -1).permute(0, 3, 1, 2)
        y = nn.functional.conv2d(pixels, self.weight, self.bias, padding=(self.reach, 0))
        return y.permute(0, 2, 3, 1).reshape(batch, frames, height, width, -1).permute(0, 4, 1, 2, 3)


class LastGroupNorm(nn.Module):
    """Group normalisation with channels last; statistics in single precision, as PyTorch's own."""

    def __init__(self, norm: nn.GroupNorm) -> None:
        super().__init__()
        self.weight, self.bias = norm.weight, norm.bias
        self.groups, self.eps = norm.num_groups, norm.eps

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Shape (batch, channels, ...), in and out."""
        last = x.movedim(1, -1)
        grouped = last.reshape(x.shape[0], -1, self.groups, x.shape[1] // self.groups).float()
        variance, mean = torch.var_mean(grouped, dim=(1, 3), keepdim=True, correction=0)
        normal = ((grouped - mean) * torch.rsqrt(variance + self.eps)).reshape(last.shape)
        return (normal * self.weight + self.bias).to(x.dtype).movedim(-1, 1)


def prepare_video(pipeline: Any) -> None:
    """Streamlines and compiles a Stable Video Diffusion pipeline in place; the first run then compiles.

    What was compiled is kept on disk for the next session.
    """
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(settings.cache_folder() / "compiled"))
    for network in (pipeline.unet, pipeline.vae.decoder):
        streamline(network)
        network.compile()


def streamline(network: nn.Module) -> None:
    """Applies the three changes to a spatio-temporal UNet or decoder in place."""
    for module in network.modules():
        if isinstance(module, Attention) and module.is_cross_attention:
            module.set_processor(OneTokenProcessor())
    _replace(network, nn.Conv3d, lambda conv: FrameConv(conv) if tuple(conv.kernel_size[1:]) == (1, 1) else conv)
    _replace(network, nn.GroupNorm, LastGroupNorm)
    network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]


def _replace(network: nn.Module, kind: type[nn.Module], make: Any) -> None:
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, kind):
                setattr(parent, name, make(child))
