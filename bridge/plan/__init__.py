# SPDX-License-Identifier: GPL-3.0-or-later
"""Analysis, look and storyboard in, the edit plan out. Pure: the same input gives the same plan."""

from blender_addon.core.clip_requests import clip_requests
from bridge.plan.edit import plan_edit
from bridge.plan.explain import Explanation, Row, explain

__all__ = ["Explanation", "Row", "clip_requests", "explain", "plan_edit"]
