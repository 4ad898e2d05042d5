# SPDX-License-Identifier: GPL-3.0-or-later
"""The default tracker's weights, found as docs/accuracy.md tells."""

from bridge.song.bar_path import BarModel

WEIGHTS = BarModel(
    cues={
        "onset": (1.64, 1.25, 1.35, 0.27, 0.15, -0.21),
        "kick": (0.9, 0.39, -0.6, -0.22, 0.06, 0.06),
        "snare": (-0.35, -0.43, 0.39, 0.03, 0.05, 0.19),
        "air": (-0.09, 0.11, 0.43, 0.36, -0.01, 0.14),
        "accent": (0.5, 0.49, 0.4, -0.04, 0.07, -0.01),
        "chord": (1.93, -0.18, -0.54, -0.62, 0.16, -0.53),
        "bass": (1.28, -0.15, -0.35, -0.49, 0.03, -0.27),
        "novelty": (1.05, -0.1, -0.29, -0.43, 0.07, -0.4),
    },
    beat=-1.74,
    bar=(0.0, -1.05, -6.7, -0.9, -1.63),
    tempo=0.42,
    bar_length=0.39,
    tempo_prior=-2.91,
    usual_bpm=142.44,
    any_tempo=-0.4,
    tempo_change=103.27,
    tempo_jump=14.14,
    meter_change=10.53,
    opening=8.0,
)
