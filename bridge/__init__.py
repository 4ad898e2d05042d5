# SPDX-License-Identifier: GPL-3.0-or-later
"""Beatboard's bridge: hears the song, reads the cover, plans the edit, makes the clips. Never imports bpy."""
