# SPDX-License-Identifier: GPL-3.0-or-later
"""A linear layer and its GELU gate in one Triton kernel: `a * gelu(g)` with `a, g = halves(x @ weight.T + bias)`.

The matrix product leaves the processor's registers gated, so half of what the layer computes is never written to
memory and read back. In Stable Video Diffusion's widest layers that reading and writing takes as long as the product
itself; cuBLASLt's epilogues know GELU, but not the gate (Shazeer 2020, GLU variants improve transformer).

Values and gates are interleaved, so that one product gives both, side by side in the same thread's registers. As many
programs run as there are multiprocessors, each tile after tile, so that the next one's loads begin before this one's
gates are done. The loads are the tensor memory accelerator's, which Hopper brought.
"""

from typing import Any

import torch
import triton
import triton.language as tl
from torch.library import custom_op, register_fake
from triton.tools.tensor_descriptor import TensorDescriptor

ROWS, COLUMNS, DEPTH = 128, 128, 64
"""one program's tile of the output, and how much of the inner dimension it reads at a time"""
GROUP = 8
"""rows of tiles that share their weights in the cache"""
WARPS, STAGES = 8, 4
"""of a program, and of its pipeline of loads"""
HOPPER = 9
SHARED_BYTES = 2 * (STAGES * (ROWS + 2 * COLUMNS) * DEPTH + ROWS * COLUMNS)
"""of a multiprocessor's memory: the loads on their way, and the tile that is being written"""


def runs_on(device: torch.device) -> bool:
    """Whether this GPU has what the kernel needs."""
    facts = torch.cuda.get_device_properties(device)
    return facts.major >= HOPPER and facts.shared_memory_per_block_optin >= SHARED_BYTES


def interleaved(halves: torch.Tensor) -> torch.Tensor:
    """Shape (2 * width, ...): values first, then gates, to value, gate, value, gate, as `gated_linear` wants them."""
    return torch.stack(halves.chunk(2), 1).flatten(0, 1).contiguous()


@custom_op("beatboard::gated_linear", mutates_args=())
def gated_linear(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """A gated linear layer, in half precision with single-precision sums.

    Args:
        x: shape (..., channels), on a CUDA device; channels a multiple of 8.
        weight: shape (2 * width, channels), `interleaved`; width a multiple of 8.
        bias: shape (2 * width,), `interleaved`.

    Returns:
        shape (..., width).
    """
    rows = x.reshape(-1, x.shape[-1]).contiguous()
    width = weight.shape[0] // 2
    out = torch.empty((rows.shape[0], width), device=x.device, dtype=x.dtype)
    tiles = triton.cdiv(rows.shape[0], ROWS) * triton.cdiv(width, COLUMNS)
    programs = min(tiles, torch.cuda.get_device_properties(x.device).multi_processor_count)
    read = TensorDescriptor.from_tensor(rows, [ROWS, DEPTH]), TensorDescriptor.from_tensor(weight, [2 * COLUMNS, DEPTH])
    written = TensorDescriptor.from_tensor(out, [ROWS, COLUMNS])
    sizes = (rows.shape[0], width, rows.shape[1], ROWS, COLUMNS, DEPTH, GROUP)
    kernel: Any = _gated_linear
    kernel[(programs,)](*read, bias, written, *sizes, num_warps=WARPS, num_stages=STAGES)
    return out.view(*x.shape[:-1], width)


@register_fake("beatboard::gated_linear")
def _without_values(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:  # noqa: ARG001
    return x.new_empty((*x.shape[:-1], weight.shape[0] // 2))


@triton.jit
def _gated_linear(
    x, weight, bias, out, row_count, width, channels: tl.constexpr,
    tile_rows: tl.constexpr, tile_columns: tl.constexpr, tile_depth: tl.constexpr, group: tl.constexpr,
):  # fmt: skip
    row_tiles = tl.cdiv(row_count, tile_rows)
    column_tiles = tl.cdiv(width, tile_columns)
    per_group = group * column_tiles
    for tile in tl.range(tl.program_id(0), row_tiles * column_tiles, tl.num_programs(0), flatten=True):
        first = tile // per_group * group
        height = min(row_tiles - first, group)
        inside = tile % per_group
        row = (first + inside % height) * tile_rows
        column = inside // height * tile_columns
        both = tl.zeros((tile_rows, 2 * tile_columns), tl.float32)
        for depth in range(0, channels, tile_depth):
            both = tl.dot(x.load([row, depth]), weight.load([2 * column, depth]).T, both)
        pair = 2 * column + tl.arange(0, 2 * tile_columns)
        both += tl.load(bias + pair, pair < 2 * width, 0.0)[None, :]
        values, gates = tl.split(tl.reshape(both, (tile_rows, tile_columns, 2)))
        out.store([row, column], (values * _gelu(gates)).to(out.dtype))


@triton.jit
def _gelu(x):
    """GELU as x times a logistic function, whose exponent is a polynomial: off by 2.5e-5 at most.

    The polynomial in x squared was fitted to the logarithm of the odds of the normal distribution (minimax, up to 5);
    with the error function's own series the widest layer takes a third longer.
    """
    square = tl.minimum(x * x, 25.0)
    bits = x * (2.3011205 + square * (0.10677673 + square * -0.0010144816))
    return x * _reciprocal(1.0 + tl.exp2(-bits))


@triton.jit
def _reciprocal(x):
    return tl.inline_asm_elementwise("rcp.approx.ftz.f32 $0, $1;", "=f,f", [x], dtype=tl.float32, is_pure=True, pack=1)
