# SPDX-License-Identifier: GPL-3.0-or-later
"""The bridge's one error family. A message says what happened, to what, and what to do next."""


class BeatboardError(Exception):
    """Base of every error that is meant for the user; its text is one clear sentence."""


class BadInput(BeatboardError):
    """What the user gave cannot be used: exit code 2."""


class GenerationFailed(BeatboardError):
    """An engine could not make a clip."""


class RenderFailed(BeatboardError):
    """Blender could not render the deliverable."""


class Cancelled(BeatboardError):
    """The user asked to stop."""
