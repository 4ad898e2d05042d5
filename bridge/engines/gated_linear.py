# SPDX-License-Identifier: GPL-3.0-or-later
"""A linear layer and its GELU gate in one Triton kernel: `a * gelu(g)` with `a, g = halves(x @ weight.T + bias)`.

The matrix product leaves the processor's registers gated, so half of what the layer computes is never written to
memory and read back. In Stable Video Diffusion's widest layers that reading and writing takes as long as the product
itself; cuBLASLt's epilogues know GELU, but not the gate (Shazeer 2020, GLU variants improve transformer).
"""

import torch
import triton
import triton.language as tl
from torch.library import triton_op, wrap_triton

ROWS, COLUMNS, DEPTH = 128, 128, 64
"""one program's tile of the output, and how much of the inner dimension it reads at a time"""
GROUP = 8
"""rows of tiles that share their weights in the cache"""
WARPS, STAGES = 8, 3
"""of a program, and of its pipeline of loads"""


@triton_op("beatboard::gated_linear", mutates_args=())
def gated_linear(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """A gated linear layer, in half precision with single-precision sums.

    Args:
        x: shape (..., channels), on a CUDA device.
        weight: shape (2 * width, channels), values first, then gates; both sizes multiples of 64 and 128.
        bias: shape (2 * width,).

    Returns:
        shape (..., width).
    """
    rows = x.reshape(-1, x.shape[-1]).contiguous()
    width = weight.shape[0] // 2
    out = torch.empty((rows.shape[0], width), device=x.device, dtype=x.dtype)
    tiles = triton.cdiv(rows.shape[0], ROWS) * triton.cdiv(width, COLUMNS)
    sizes = (rows.shape[0], width, rows.shape[1], ROWS, COLUMNS, DEPTH, GROUP)
    wrap_triton(_gated_linear)[(tiles,)](rows, weight, bias, out, *sizes, num_warps=WARPS, num_stages=STAGES)
    return out.view(*x.shape[:-1], width)


@triton.jit
def _gated_linear(
    x, weight, bias, out, row_count, width, channels: tl.constexpr,
    tile_rows: tl.constexpr, tile_columns: tl.constexpr, tile_depth: tl.constexpr, group: tl.constexpr,
):  # fmt: skip
    column_tiles = tl.cdiv(width, tile_columns)
    per_group = group * column_tiles
    first = tl.program_id(0) // per_group * group
    height = min(tl.cdiv(row_count, tile_rows) - first, group)
    inside = tl.program_id(0) % per_group
    row = ((first + inside % height) * tile_rows + tl.arange(0, tile_rows)).to(tl.int64)
    column = inside // height * tile_columns + tl.arange(0, tile_columns)
    depth = tl.arange(0, tile_depth)
    there = row[:, None] < row_count

    x_tile = x + row[:, None] * channels + depth[None, :]
    value_tile = weight + column[None, :] * channels + depth[:, None]
    gate_tile = value_tile + width * channels
    values = tl.zeros((tile_rows, tile_columns), tl.float32)
    gates = tl.zeros((tile_rows, tile_columns), tl.float32)
    for _ in range(0, channels, tile_depth):
        part = tl.load(x_tile, there, 0.0)
        values = tl.dot(part, tl.load(value_tile), values)
        gates = tl.dot(part, tl.load(gate_tile), gates)
        x_tile += tile_depth
        value_tile += tile_depth
        gate_tile += tile_depth
    values += tl.load(bias + column)[None, :]
    gates += tl.load(bias + width + column)[None, :]
    tl.store(out + row[:, None] * width + column[None, :], (values * _gelu(gates)).to(out.dtype.element_ty), there)


@triton.jit
def _gelu(x):
    """GELU by Abramowitz and Stegun 7.1.26 for the error function: off by 1.5e-7, and a third of its instructions."""
    z = tl.abs(x) * 0.7071067811865476
    t = 1.0 / (1.0 + 0.3275911 * z)
    series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
    tail = 0.5 * series * tl.exp(-z * z)
    return x * tl.where(x > 0, 1.0 - tail, tail)
