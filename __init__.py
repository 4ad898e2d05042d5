# SPDX-License-Identifier: GPL-3.0-or-later
"""The repository root is the Blender extension; its code is in blender_addon/."""

from .blender_addon import register as register
from .blender_addon import unregister as unregister
