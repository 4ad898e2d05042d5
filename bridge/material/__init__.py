# SPDX-License-Identifier: GPL-3.0-or-later
"""A folder of the user's pictures and clips, cut to the song: each clip watched once, each shot given its moment."""

from bridge.material.assignment import assign, summary
from bridge.material.folder import Watched, watch_folder

__all__ = ["Watched", "assign", "summary", "watch_folder"]
