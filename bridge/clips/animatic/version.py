# SPDX-License-Identifier: GPL-3.0-or-later
"""The version of what the animatic draws, painter and animator alike: that of its code."""

from pathlib import Path

from blender_addon.core import cover_size
from blender_addon.core.code_version import code_version
from bridge import cover
from bridge.common import frames, optical_flow

SOURCES = (
    Path(__file__).parent,
    Path(str(cover.__file__)).parent,
    Path(cover_size.__file__),
    Path(frames.__file__),
    Path(optical_flow.__file__),
)
"""the code that shapes its pixels"""


def version() -> str:
    """Another one whenever equal requests might give other pixels."""
    return code_version(*SOURCES)
