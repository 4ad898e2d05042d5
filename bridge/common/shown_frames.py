# SPDX-License-Identifier: GPL-3.0-or-later
"""A video's pictures as they are meant to be seen: whole pictures, square pixels, standard range, BT.709 colours.

Most files are so already, and their frames pass as they are. Others go through one graph of FFmpeg's filters.
"""

import functools
import itertools
import tempfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import av.filter
import numpy as np
import numpy.typing as npt

from bridge.common.files import for_ffmpeg

Floats = npt.NDArray[np.float64]

_PQ, _HLG = 16, 18
_UNTAGGED, _BT709, _BT601 = 2, 1, 6
"""transfer, matrix and primaries by the numbers of ISO/IEC 23091-2"""
_MATRICES = {1: "bt709", 5: "bt601", 6: "bt601", 7: "smpte240m", 9: "bt2020", 10: "bt2020"}
_FIRST_HD_LINE_COUNT = 720
"""players take untagged pictures from this height on for BT.709, smaller ones for BT.601"""
REFERENCE_WHITE_NITS = 203.0
"""what paper white is in HDR (ITU-R BT.2408)"""
_PEAK_NITS = 1000.0
_KNEE = 0.6
"""up to this part of reference white nothing is changed; above it highlights are rolled off"""
_TABLE_SIZE = 33
_FROM_BT2020 = np.array([[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]])
"""linear BT.2020 to linear BT.709 (ITU-R BT.2087)"""


def shown(
    frames: Iterator[av.VideoFrame],
    pixel_shape: Fraction | None,
    constant_fps: Fraction | None = None,
    long_side_px: int | None = None,
) -> Iterator[av.VideoFrame]:
    """The frames as they are meant to be seen; their rotation is left to the reader.

    Args:
        frames: decoded, in order.
        pixel_shape: a pixel's width by its height, as the stream says; None where it says nothing.
        constant_fps: repeats and leaves out pictures by their time stamps, so that they come at this rate.
        long_side_px: makes larger pictures so small before anything else is done to them.
    """
    graph: _Graph | None = None
    for frame in frames:
        needs = _needs(frame, pixel_shape, constant_fps, long_side_px)
        if graph is not None and graph.needs != needs:
            yield from graph.flush()
            graph = None
        if not needs:
            yield _as_players_take_it(frame)
            continue
        if graph is None:
            graph = _Graph(frame, needs)
        yield from graph.push(frame)
    if graph is not None:
        yield from graph.flush()


def _as_players_take_it(frame: av.VideoFrame) -> av.VideoFrame:
    """The frame, its matrix told if the file doesn't."""
    if int(frame.colorspace) == _UNTAGGED and not frame.format.is_rgb:
        frame.colorspace = _untagged_matrix(frame)
    return frame


def _untagged_matrix(frame: av.VideoFrame) -> int:
    return _BT709 if frame.height >= _FIRST_HD_LINE_COUNT else _BT601


def shown_size(width_px: int, height_px: int, pixel_shape: Fraction | None) -> tuple[int, int]:
    """The size with square pixels: the longer of both shapes, so that nothing is lost."""
    if not pixel_shape or pixel_shape == 1:
        return width_px, height_px
    if pixel_shape > 1:
        return round(width_px * pixel_shape / 2) * 2, height_px
    return width_px, round(height_px / pixel_shape / 2) * 2


def _at_most(long_side_px: int | None, width_px: int, height_px: int) -> tuple[int, int]:
    scale = 1.0 if long_side_px is None else long_side_px / max(width_px, height_px)
    if scale >= 1:
        return width_px, height_px
    return max(16, round(width_px * scale / 2) * 2), max(16, round(height_px * scale / 2) * 2)


def _needs(
    frame: av.VideoFrame, pixel_shape: Fraction | None, fps: Fraction | None, long_side_px: int | None
) -> tuple[tuple[str, str], ...]:
    """The filters that a frame needs, with their options, in order."""
    size = _at_most(long_side_px, *shown_size(frame.width, frame.height, pixel_shape))
    is_hdr = int(frame.color_trc) in (_PQ, _HLG)
    found: list[tuple[str, str]] = []
    if fps:
        found.append(("fps", f"fps={fps.numerator}/{fps.denominator}"))
    if frame.interlaced_frame:
        found.append(("bwdif", "mode=send_frame"))
    if is_hdr or size != (frame.width, frame.height):
        matrix = _MATRICES.get(int(frame.colorspace)) or _MATRICES[_untagged_matrix(frame)]
        form = "gbrp16le" if is_hdr else "rgb24"
        scale = f"w={size[0]}:h={size[1]}:in_color_matrix={matrix}:out_range=pc"
        found += [("scale", f"{scale}:flags=bicubic+accurate_rnd+full_chroma_int+full_chroma_inp"), ("format", form)]
    if is_hdr:
        found += [("lut3d", f"file={_table_file(int(frame.color_trc))}:interp=tetrahedral"), ("format", "rgb24")]
    return tuple(found)


class _Graph:
    """One chain of filters for frames of one kind."""

    def __init__(self, frame: av.VideoFrame, needs: tuple[tuple[str, str], ...]) -> None:
        self.needs = needs
        self._rotation = frame.rotation
        self._graph = av.filter.Graph()
        nodes = [
            self._graph.add_buffer(
                width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base
            )
        ]
        for name, options in needs:
            nodes.append(self._graph.add(name, options))
        nodes.append(self._graph.add("buffersink"))
        for above, below in itertools.pairwise(nodes):
            above.link_to(below)
        self._graph.configure()

    def push(self, frame: av.VideoFrame | None) -> Iterator[av.VideoFrame]:
        self._graph.push(frame)
        while True:
            try:
                out = self._graph.pull()
            except (BlockingIOError, EOFError, av.error.FFmpegError):
                return
            if isinstance(out, av.VideoFrame):
                yield out

    def flush(self) -> Iterator[av.VideoFrame]:
        yield from self.push(None)


@functools.cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="beatboard-tables-")


@functools.cache
def _table_file(transfer: int) -> str:
    """The table from HDR to BT.709 as a file that FFmpeg reads (Adobe, "Cube LUT Specification 1.0")."""
    steps = np.linspace(0, 1, _TABLE_SIZE)
    blue, green, red = np.meshgrid(steps, steps, steps, indexing="ij")  # red changes fastest
    signal = np.stack([red, green, blue], axis=-1).reshape(-1, 3)
    rows = to_bt709(signal, transfer)
    path = Path(_folder().name, f"{transfer}.cube")
    lines = "\n".join(" ".join(f"{value:.6f}" for value in row) for row in rows.tolist())
    path.write_text(f"LUT_3D_SIZE {_TABLE_SIZE}\n{lines}\n", encoding="ascii")
    return for_ffmpeg(path)


def to_bt709(signal: Floats, transfer: int) -> Floats:
    """HDR colours as BT.709 shows them: reference white becomes white, what is brighter is rolled off.

    Args:
        signal: encoded BT.2020 red, green and blue, 0-1, shape (n, 3).
        transfer: 18 for HLG, 16 for PQ.

    Returns:
        encoded BT.709, 0-1, shape (n, 3), for a display of gamma 2.4 (ITU-R BT.1886).
    """
    nits = _hlg_nits(signal) if transfer == _HLG else _pq_nits(signal)
    linear = np.maximum(nits @ _FROM_BT2020.T / REFERENCE_WHITE_NITS, 0)
    brightest = linear.max(axis=1, keepdims=True)
    rolled = linear * (_rolled_off(brightest) / np.maximum(brightest, 1e-9))
    return np.clip(rolled, 0, 1) ** (1 / 2.4)


def _hlg_nits(signal: Floats) -> Floats:
    """ITU-R BT.2100, table 5, for a display of 1000 cd/m2."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)
    luminance = scene @ np.array([0.2627, 0.6780, 0.0593])
    return _PEAK_NITS * scene * np.maximum(luminance, 1e-9)[:, None] ** 0.2


def _pq_nits(signal: Floats) -> Floats:
    """ITU-R BT.2100, table 4 (SMPTE ST 2084)."""
    m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
    power = signal ** (1 / m2)
    return 10_000 * (np.maximum(power - c1, 0) / (c2 - c3 * power)) ** (1 / m1)


def _rolled_off(level: Floats) -> Floats:
    """Straight up to the knee, then an arc that nears 1, which the peak reaches."""
    peak = _PEAK_NITS / REFERENCE_WHITE_NITS
    over = np.clip(level, _KNEE, peak) - _KNEE
    room, span = 1 - _KNEE, peak - _KNEE
    bend = room * span / (span - room)  # slope 1 at the knee, 1 at the peak
    return np.where(level <= _KNEE, level, _KNEE + bend * over / (over + bend))
