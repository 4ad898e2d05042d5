# SPDX-License-Identifier: GPL-3.0-or-later
"""One file per command of `beatboard`: it reads arguments, calls the rooms, prints, and has no logic of its own."""
