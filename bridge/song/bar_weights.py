# SPDX-License-Identifier: GPL-3.0-or-later
"""The default tracker's weights, found as docs/accuracy.md tells."""

from bridge.song.bar_path import BarModel

WEIGHTS = BarModel(
    cues={
        "onset": (2.35, 2.43, 2.29, 0.24, 0.21),
        "kick": (1.09, 0.63, -0.68, -0.48, -0.08),
        "snare": (-0.21, -0.31, 0.72, -0.05, 0.41),
        "air": (0.01, 0.44, 1.15, 0.83, -0.28),
        "chord": (2.34, -0.15, -0.57, -1.11, 0.2),
        "bass": (1.4, 0.01, 0.17, -0.5, 0.31),
        "novelty": (1.32, -0.14, -0.37, -1.27, -0.33),
    },
    beat=-2.66,
    bar=(-0.23, -1.58, -6.67, -1.08, -2.86),
    tempo=1.08,
    bar_length=1.08,
    tempo_prior=-3.59,
    usual_bpm=151.73,
    tempo_change=103.27,
    tempo_jump=14.14,
    meter_change=10.53,
)
