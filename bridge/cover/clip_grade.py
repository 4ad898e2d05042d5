# SPDX-License-Identifier: GPL-3.0-or-later
"""The grade that brings clips to their cover's colours."""

from collections.abc import Sequence
from pathlib import Path

from blender_addon.core.types import Grade
from bridge.common.frame_sampling import sample
from bridge.cover import fitting
from bridge.cover.image import load


def fit_grade(videos: Sequence[Path], cover: Path) -> Grade:
    """The grade that brings the clips of an edit to its cover's colours.

    Raises:
        BadInput: the cover cannot be read.
    """
    return fitting.fit_grade(sample(videos), load(cover))
