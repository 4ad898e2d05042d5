# SPDX-License-Identifier: GPL-3.0-or-later
"""The report as one HTML page beside the video: everything inside it but the video itself."""

import math
import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import jinja2
import numpy as np
import numpy.typing as npt

from blender_addon.core.types import PaletteColor
from bridge import cover as covers
from bridge.check import sound_file
from bridge.check.drawing import draw
from bridge.check.report import CheckReport, Group, Measure, Verdict
from bridge.check.stills import data_uri, stills
from bridge.common import files
from bridge.common.frames import Frame
from bridge.cover.palette import palette

CONTACT_WIDTH_PX = 320
PICTURE_WIDTH_PX = 640
MOST_CONTACTS = 60
_PEAKS = 1400
_HERE = Path(__file__).parent
_TITLES = {
    Group.FILE: "The file",
    Group.SOUND: "Sound",
    Group.CUTS: "Cuts",
    Group.COVER: "Cover",
    Group.MOTION: "Motion",
    Group.PLAN: "Plan",
}


@dataclass(frozen=True)
class Contact:
    """A picture of the contact sheet."""

    uri: str
    start_s: float
    name: str


def write_page(report: CheckReport, path: Path) -> None:
    """Writes the page. The video is linked by its place relative to the page; the rest is inside.

    Raises:
        BadInput: the page cannot be written, or the video or the cover is gone.
    """
    video = Path(report.video)
    cover = covers.load(Path(report.cover))
    first, last = _ends(report, video)
    contacts = _contacts(report, video)
    page = environment().get_template("page.html").render(
        report=report,
        name=video.name,
        link=relative_link(video, path),
        drawing=draw(report, _peaks(video, report.duration_s)),
        groups=_groups(report),
        cover=data_uri(cover, PICTURE_WIDTH_PX),
        first=data_uri(first, PICTURE_WIDTH_PX),
        last=data_uri(last, PICTURE_WIDTH_PX),
        contacts=contacts,
        cover_palette=palette(cover),
        video_palette=_palette(stills(video, _spread(report, 24), 160)),
        scatter=_scatter(report),
        beats=[(round(beat.time_s, 4), beat.bar, beat.position) for beat in report.beats],
        sections=[(round(one.start_s, 4), one.name) for one in report.sections],
        Verdict=Verdict,
    )  # fmt: skip
    files.write_text(path, page)


def environment() -> jinja2.Environment:
    """Templates, styles and scripts of the pages; everything put into them is escaped."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    made.filters["clock"] = clock
    return made


def clock(time_s: float) -> str:
    """Seconds as minutes and seconds."""
    return f"{int(time_s // 60)}:{time_s % 60:05.2f}"


def relative_link(target: Path, page: Path) -> str:
    """A file's address as seen from the page, fit for an attribute."""
    return quote(Path(os.path.relpath(target.resolve(), page.resolve().parent)).as_posix())


def _groups(report: CheckReport) -> list[tuple[str, list[Measure]]]:
    grouped = [(title, [one for one in report.measures if one.group is group]) for group, title in _TITLES.items()]
    return [(title, measures) for title, measures in grouped if measures]


def _ends(report: CheckReport, video: Path) -> tuple[Frame, Frame]:
    found = stills(video, [0.0, max(0.0, report.duration_s - 0.5 / report.fps)], PICTURE_WIDTH_PX)
    return found[0], found[-1]


def _contacts(report: CheckReport, video: Path) -> list[Contact]:
    """One picture per shot, from its middle; evenly chosen if there are very many shots."""
    shots = list(report.shots)
    chosen = sorted({round(i) for i in np.linspace(0, len(shots) - 1, min(len(shots), MOST_CONTACTS))})
    middles = [(shots[i].start_s + shots[i].end_s) / 2 for i in chosen]
    pictures = stills(video, middles, CONTACT_WIDTH_PX)
    return [
        Contact(data_uri(picture, CONTACT_WIDTH_PX, 76), shots[i].start_s, f"Shot {i + 1}")
        for i, picture in zip(chosen, pictures, strict=False)
    ]


def _spread(report: CheckReport, count: int) -> list[float]:
    return [report.duration_s * (i + 0.5) / count for i in range(count)]


def _palette(pictures: list[Frame]) -> tuple[PaletteColor, ...]:
    """The colours of all pictures together, as of one: as square as it gets, since `palette` looks at a small copy."""
    columns = max(1, math.isqrt(len(pictures)))
    rows = [np.concatenate(pictures[i : i + columns], axis=1) for i in range(0, len(pictures) - columns + 1, columns)]
    return palette(np.concatenate(rows))


def _peaks(video: Path, duration_s: float) -> npt.NDArray[np.float32]:
    """The loudest sample of each of `_PEAKS` stretches, 0-1 over the video's length."""
    heard = sound_file.read(video)
    if heard is None:
        return np.zeros(0, np.float32)
    samples = np.abs(heard.excerpt(0.0, duration_s)).max(axis=1)
    peaks = np.array([part.max(initial=0) for part in np.array_split(samples, _PEAKS)], np.float32)
    return peaks / max(float(peaks.max()), 1e-3)


def _scatter(report: CheckReport) -> list[tuple[float, float, str]]:
    """Energy and motion of each shot, 0-1, with words."""
    known = [(i, shot, shot.energy) for i, shot in enumerate(report.shots) if shot.energy is not None]
    top = max((shot.flow_px for _, shot, _ in known), default=0.0) or 1.0
    return [
        (energy, shot.flow_px / top, f"Shot {i + 1}: energy {energy:.2f}, motion {shot.flow_px:.0f} px/s")
        for i, shot, energy in known
    ]
