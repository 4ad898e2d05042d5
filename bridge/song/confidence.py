# SPDX-License-Identifier: GPL-3.0-or-later
"""How sure a grid is, from how far its evidence stands out."""

import numpy as np
import numpy.typing as npt

from bridge.song.evidence import CUE_RATE_HZ, CUES, Evidence

Values = npt.NDArray[np.float64]


def rate(times_s: Values, positions: npt.NDArray[np.int64], evidence: Evidence) -> tuple[Values, float]:
    """Confidence of each beat and of the song's downbeats, 0-1.

    A beat is trusted as far as onsets fall on it and not between; a downbeat as far as the harmony changes there more
    than on the other beats.
    """
    if len(times_s) < 2:
        return np.zeros(len(times_s)), 0.0
    at = np.clip(np.round(times_s * CUE_RATE_HZ).astype(int), 0, len(evidence.cues) - 1)
    onset = evidence.cues[at, CUES.index("onset")]
    harmony = evidence.cues[at][:, [CUES.index("chord"), CUES.index("bass")]].sum(axis=1)
    down = positions == 1
    contrast = (harmony[down].mean() - harmony[~down].mean()) / (harmony.std() + 0.5) if (~down).any() else 0.0
    song = float(np.clip(1 / (1 + np.exp(-(1.5 * contrast + 1.0))), 0, 1) * np.clip(onset.mean() / 0.5, 0, 1))
    local = np.convolve(np.pad(onset, 4, "edge"), np.ones(9) / 9, "valid")
    return np.clip(song * np.clip(0.5 + local / (2 * onset.mean() + 1e-9), 0, 1.1), 0, 1), song
