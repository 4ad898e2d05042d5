# SPDX-License-Identifier: GPL-3.0-or-later
"""The way to the bridge: its process, its HTTP, its jobs. No bpy; standard library only."""
