# SPDX-License-Identifier: GPL-3.0-or-later
"""Shots that would look too much like the ones before them are framed otherwise, so that every cut is seen."""

from dataclasses import replace

import cv2
import numpy as np

from blender_addon.core.types import ClipRequest, Neighbour, ShotKind
from bridge.clips.animatic.depth_classical import Map
from bridge.clips.animatic.framing import ALTERNATIVES, View, framed
from bridge.clips.animatic.study import Study
from bridge.common.frames import Frame

_ALIKE = 0.8
"""correlation from which a cut might be missed: those that the check missed had 0.9 and more"""
_THUMB_PX, _SOFT, _FORM = 96, 1.2, 0.12
"""pictures are compared at this longer side, without what is finer (pixels) and without what is larger (of the side)"""
_PATCH = 0.68
"""of a picture, its middle: it is looked for in all of the other, since the camera has moved until the cut"""
_SCALES = (0.8, 0.9, 1.0, 1.12, 1.25)
_PLAIN_LEVELS = 1.5
"""standard deviation of a picture that shows nothing"""
_GROUND = 0.5
"""how much of the cover's mean a card's ground has, about"""
_ENDING = 0.86
"""of the frame's height or width, about, that the cover has in the end"""


def told_apart(request: ClipRequest, study: Study) -> View:
    """The first of the shot's framings that its neighbours aren't like, or the one that is the least like them."""
    beside = [_shown(request, neighbour, study) for neighbour in request.beside]
    if not beside:
        return framed(request, study)
    found: list[tuple[float, View]] = []
    for number in range(len(ALTERNATIVES)):
        view = framed(request, study, number)
        found.append((max(alike(_thumb(view, study), other) for other in beside), view))
        if found[-1][0] < _ALIKE:
            break
    return min(found, key=lambda one: one[0])[1]


def _shown(request: ClipRequest, neighbour: Neighbour, study: Study) -> Frame:
    """What a neighbour shows at rest, small; of the last shot, what it ends on."""
    aspect = request.height_px / request.width_px
    if neighbour.kind is ShotKind.COVER_END:
        whole = max(1.0, study.height / aspect)
        return _thumb(View((0.5, study.height / 2), whole / _ENDING, aspect, is_card=True), study)
    its_own = replace(
        request,
        kind=neighbour.kind,
        framing=neighbour.framing,
        seed=neighbour.seed,
        direction=neighbour.direction,
        matched=neighbour.matched,
        beside=(replace(neighbour, kind=ShotKind.COVER_END, meets_ending=False),) if neighbour.meets_ending else (),
    )
    return _thumb(told_apart(its_own, study), study)


def _thumb(view: View, study: Study) -> Frame:
    small = study.small
    scale = _THUMB_PX / max(view.size) / small.shape[1]
    size = (max(8, round(view.size[0] * scale * small.shape[1])), max(8, round(view.size[1] * scale * small.shape[1])))
    corner = (np.array(view.center) - view.size / 2) * small.shape[1]
    matrix = np.array([[scale, 0, -corner[0] * scale], [0, scale, -corner[1] * scale]])
    border = cv2.BORDER_CONSTANT if view.is_card else cv2.BORDER_REPLICATE
    ground = (_GROUND * small.reshape(-1, 3).mean(axis=0)).tolist()
    soft = cv2.GaussianBlur(small, (0, 0), max(0.5, 0.5 / scale))
    return np.asarray(cv2.warpAffine(soft, matrix, size, borderMode=border, borderValue=ground), np.uint8)


def alike(one: Frame, other: Frame) -> float:
    """How much two small pictures show the same thing at about the same place and size, 0-1; colours don't count."""
    here, there = _form(one), _form(other)
    plain = [bool(form.std() < _PLAIN_LEVELS) for form in (here, there)]
    if any(plain):
        return float(all(plain))
    height, width = here.shape
    down, across = round((1 - _PATCH) / 2 * height), round((1 - _PATCH) / 2 * width)
    patch = here[down : height - down, across : width - across]
    best = 0.0
    for scale in _SCALES:
        size = (round(patch.shape[1] * scale), round(patch.shape[0] * scale))
        scaled = cv2.resize(patch, size, interpolation=cv2.INTER_LINEAR)
        if scaled.std() < _PLAIN_LEVELS:
            continue
        best = max(best, float(cv2.matchTemplate(there, scaled, cv2.TM_CCOEFF_NORMED).max()))
    return best


def _form(picture: Frame) -> Map:
    """Its brightness without what is very fine, and without light and shade over the whole."""
    grey = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.float32)
    fine = cv2.GaussianBlur(grey, (0, 0), _SOFT)
    return np.asarray(fine - cv2.GaussianBlur(grey, (0, 0), _FORM * max(grey.shape)), np.float32)
