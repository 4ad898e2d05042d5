# SPDX-License-Identifier: GPL-3.0-or-later
"""Timelines to other editors and from them: OpenTimelineIO, FCP 7 XML, FCPXML, CMX 3600."""

from __future__ import annotations

import tempfile
from fractions import Fraction
from pathlib import Path

from blender_addon.core import codec
from blender_addon.core.cut_list import CutList
from bridge.common import files, user_files
from bridge.common.errors import BadInput
from bridge.exchange.format_limits import FORMATS, losses


def suffix_of(path: Path) -> str:
    """The format that a file's name asks for.

    Raises:
        BadInput: it is none of them.
    """
    suffix = path.suffix.lower()
    if suffix not in FORMATS:
        known = ", ".join(f"{suffix} ({name})" for suffix, name in FORMATS.items())
        raise BadInput(f"{path.name} doesn't say which format the timeline is to have: end its name in one of {known}.")
    return suffix


def write_cuts(cuts: CutList, path: Path) -> tuple[str, ...]:
    """Writes a timeline in the format of the file's name; gives what that can't hold, a sentence for each.

    Raises:
        BadInput: the format can't hold it, or the file can't be written.
    """
    from bridge.exchange import fcpxml, otio_timeline

    suffix, folder = suffix_of(path), path.parent.absolute()
    with files.written_beside(path) as beside:
        if suffix == ".fcpxml":
            fcpxml.write(cuts, beside, folder)
        else:
            otio_timeline.write(cuts, beside, suffix, folder)
    return losses(cuts, suffix)


def read_cuts(path: Path, fps: Fraction | None = None) -> CutList:
    """Reads a timeline, whoever wrote it.

    Args:
        fps: of an EDL, which doesn't say it.

    Raises:
        BadInput: the file isn't there, can't be read, or holds no timeline.
    """
    from bridge.exchange import fcpxml, otio_timeline

    suffix = suffix_of(path)
    if not path.is_file():
        raise BadInput(f"There is no timeline {path}; check its name.")
    is_fcpxml = suffix == ".fcpxml" or (suffix == ".xml" and b"<fcpxml" in path.read_bytes()[:2000])
    cuts = fcpxml.read(path) if is_fcpxml else otio_timeline.read(path, suffix, fps)
    if not any(track.items for track in cuts.tracks):
        raise BadInput(f"The timeline in {path} is empty.")
    return cuts


def export_edit(
    blend_path: Path, path: Path, *, scene: str = "", blender: Path | None = None, overwrite: bool = False
) -> tuple[tuple[str, ...], Path | None]:
    """Writes an edit's timeline, and its grade as a table beside it.

    Returns:
        what the format can't hold, and where the grade is; None if the edit has none.

    Raises:
        BadInput: the edit isn't there, or a file of the user's would be replaced.
        RenderFailed: Blender could not read the edit.
    """
    from bridge.common import paths
    from bridge.render.blender import Farm

    if not blend_path.is_file():
        raise BadInput(f"{blend_path} does not exist; name the .blend of an edit.")
    suffix_of(path)
    cube = path.with_suffix(".cube")
    user_files.must_be_free(path, overwrite=overwrite)
    with Farm(blender, paths.cache_folder()) as farm, tempfile.TemporaryDirectory(prefix="beatboard-") as folder:
        one, table = farm.take(), Path(folder, "grade.cube")
        answer = one.ask({"do": "cuts", "blend": str(blend_path.absolute()), "scene": scene, "cube": str(table)})
        cuts = codec.decode(CutList, answer["cuts"])
        if not any(track.items for track in cuts.tracks):
            raise BadInput(f"The sequencer of {blend_path} is empty; plan the shots first.")
        if answer["graded"]:
            user_files.must_be_free(cube, overwrite=overwrite)
            files.write_text(cube, table.read_text(encoding="ascii"))
            user_files.remember(cube)
    lost = write_cuts(cuts, path)
    user_files.remember(path)
    return lost, cube if answer["graded"] else None


def import_cuts(cuts: CutList, blend_path: Path, *, blender: Path | None = None) -> tuple[str, ...]:
    """Lays a timeline out in a new .blend; gives what is not in it, a sentence for each.

    Raises:
        RenderFailed: Blender could not do it.
    """
    from bridge.common import paths
    from bridge.render.blender import Farm

    files.check_writable(blend_path)
    with Farm(blender, paths.cache_folder()) as farm:
        job = {"do": "lay out", "cuts": codec.encode(cuts), "blend": str(blend_path.absolute())}
        notes = farm.take().ask(job)
    user_files.remember(blend_path)
    return (*cuts.notes, *notes)
