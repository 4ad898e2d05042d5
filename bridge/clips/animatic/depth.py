# SPDX-License-Identifier: GPL-3.0-or-later
"""A depth map from a single picture by several cues: no model, no weights, smooth where nothing is certain.

Who asks for one gets a model's instead.
"""

from blender_addon.core.types import ClipRequest
from bridge.clips import options
from bridge.clips.animatic.depth_classical import CLASSICAL, Map, estimate
from bridge.common.frames import Frame


def depth_name(request: ClipRequest) -> str:
    """The request's option `depth`: "classical", "anything", or a Depth Anything model's id or folder."""
    return options.of(request, [options.DEPTH]).text("depth")


def depth_by(name: str, picture: Frame) -> Map:
    """The depth by what an option `depth` names.

    Raises:
        BadInput: the model's weights are missing.
    """
    if name == CLASSICAL:
        return estimate(picture)
    from bridge.clips.animatic import depth_anything

    return depth_anything.estimate(picture, "" if name == "anything" else name)
