# SPDX-License-Identifier: GPL-3.0-or-later
"""The same results sooner: the video network of Stable Video Diffusion without work that changes nothing.

Five changes, each exact up to rounding:

- Cross-attention looks at one token, the picture's embedding. A softmax over one value is 1, so its output is the same
  for every query: queries, keys and the attention itself need not be computed.
- Attention over time has as many tokens as frames. The kernel for long sequences pads them to its tiles, the
  memory-efficient one doesn't.
- Convolutions run with channels last, over the picture and over time, so that no layout is ever copied between them.
- Group normalisation is written with channels last too, in operations that the compiler fuses with its neighbours.
- The feed-forwards' gates are applied inside the matrix product, see `gated_linear`.

What remains is left to PyTorch's compiler, ahead of time. The compiled code takes the weights as arguments, from a twin
of the network that shares them.
"""

import importlib.util
from typing import Any

import torch
from diffusers.models.activations import GEGLU
from diffusers.models.attention_processor import Attention, AttnProcessor2_0
from torch import nn

FEW_TOKENS = 64
"""up to here the memory-efficient attention kernel is the faster one: 1.5 times, measured at 25 tokens on an H100"""


class ShortProcessor:
    """An attention processor for attention to few tokens; others go the usual way."""

    def __init__(self) -> None:
        self.usual = AttnProcessor2_0()

    def __call__(
        self,
        attn: Attention,
        hidden_states: torch.Tensor,
        encoder_hidden_states: torch.Tensor | None = None,
        **options: Any,
    ) -> torch.Tensor:
        """For a single token: shape (batch, 1, channels), which the residual's addition spreads over all queries."""
        if encoder_hidden_states is not None and encoder_hidden_states.shape[1] == 1:
            return attn.to_out[0](attn.to_v(encoder_hidden_states))
        is_short = hidden_states.ndim == 3 and hidden_states.shape[1] <= FEW_TOKENS
        if encoder_hidden_states is None and is_short and hidden_states.is_cuda:
            return _short_attention(attn, hidden_states)
        return self.usual(attn, hidden_states, encoder_hidden_states, **options)


def _short_attention(attn: Attention, x: torch.Tensor) -> torch.Tensor:
    """Self-attention of a transformer's block, shape (batch, tokens, channels); it has no mask and no norm of its own.

    The kernel is called by its name: a choice of kernels in force while a network is exported is not exported with it.
    """
    queries, keys, values = (
        layer(x).unflatten(-1, (attn.heads, -1)).transpose(1, 2) for layer in (attn.to_q, attn.to_k, attn.to_v)
    )
    mixed = torch.ops.aten._scaled_dot_product_efficient_attention(queries, keys, values, None, False)[0]
    return attn.to_out[0](mixed.transpose(1, 2).flatten(-2))


class GatedLinear(nn.Module):
    """A feed-forward's first layer with its gate, in one kernel."""

    def __init__(self, layer: GEGLU) -> None:
        from bridge.clips.gpu.gated_linear import interleaved

        super().__init__()
        self.weight = nn.Parameter(interleaved(layer.proj.weight.data))
        self.bias = nn.Parameter(interleaved(layer.proj.bias.data))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Shape (..., channels) to (..., width)."""
        from bridge.clips.gpu.gated_linear import gated_linear

        return gated_linear(x, self.weight, self.bias)


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


def can_compile() -> bool:
    """Whether there is a GPU to compile for, and Triton to do it."""
    return torch.cuda.is_available() and importlib.util.find_spec("triton") is not None


def streamline(network: nn.Module) -> None:
    """Applies the changes to a spatio-temporal UNet or decoder in place; its parameters stay as they are."""
    for module in network.modules():
        if isinstance(module, Attention):
            module.set_processor(ShortProcessor())
    _replace(network, nn.Conv2d, _channels_last)
    _replace(network, nn.Conv3d, _channels_last)
    _replace(network, nn.GroupNorm, LastGroupNorm)
    if _gates_in_products(next(network.parameters()).device):
        _replace(network, GEGLU, GatedLinear)


def _gates_in_products(device: torch.device) -> bool:
    if device.type != "cuda" or not can_compile():
        return False
    from bridge.clips.gpu import gated_linear

    return gated_linear.runs_on(device)


def _channels_last(conv: Any) -> Any:
    layout = torch.channels_last if conv.weight.ndim == 4 else torch.channels_last_3d
    conv.weight = nn.Parameter(conv.weight.data.contiguous(memory_format=layout))
    return conv


def _replace(network: nn.Module, kind: type[nn.Module], make: Any) -> None:
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, kind):
                setattr(parent, name, make(child))
