# SPDX-License-Identifier: GPL-3.0-or-later
"""The grade as a `.cube` file (Adobe, "Cube LUT Specification 1.0"), for other tools."""

from pathlib import Path

import numpy as np

from blender_addon.core.types import Grade
from bridge.common import files
from bridge.cover.grading import transform

SIZE = 33


def write_cube(grade: Grade, path: str | Path, title: str = "Beatboard cover grade") -> None:
    """Writes a 33-point 3D table, in and out sRGB-encoded (or any encoded video) values 0-1."""
    steps = np.linspace(0, 1, SIZE, dtype=np.float32)
    blue, green, red = np.meshgrid(steps, steps, steps, indexing="ij")  # red varies fastest
    colors = np.clip(transform(np.stack([red, green, blue], axis=-1).reshape(-1, 3), grade), 0, 1)
    head = f'TITLE "{title}"\nLUT_3D_SIZE {SIZE}\nDOMAIN_MIN 0.0 0.0 0.0\nDOMAIN_MAX 1.0 1.0 1.0\n'
    rows = "".join(f"{r:.6f} {g:.6f} {b:.6f}\n" for r, g, b in colors.tolist())
    files.write_text(Path(path), head + rows)
