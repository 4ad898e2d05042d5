# SPDX-License-Identifier: GPL-3.0-or-later
"""What is around a title's letters: the same for text that Blender sets and for lines that the bridge draws."""

BOX_MARGIN = 0.22
"""around text on a label, in ems"""
SHADOW_ALPHA = 0.4
SHADOW_BLUR = 0.25
SHADOW_OFFSET = 0.02
"""this and the blur in ems"""


def shadow_shade(rgb: tuple[int, int, int]) -> float:
    """Dark (0) under light letters, light (1) under dark ones: for where the picture comes near to their colour."""
    return 0.0 if sum(rgb) > 384 else 1.0
