# SPDX-License-Identifier: GPL-3.0-or-later
"""What the animatic makes of covers that it was not made for, judged by code that it does not share, and shown.

    python scripts/bench/look.py [--quick] [--song SONG] [--covers DIR ...] [--only NAME ...] [--sheets DIR]

The covers: wallpapers that Debian packages brought (mate-backgrounds and others; `--covers` names folders to look in
too), cut to squares, and pictures that are made here: drawings, type alone, flat, dark, of low
resolution, transparent, a panorama. Each is filmed in 16:9 and 9:16 to the example's song, as the
video would be before the edit's grade and treatments, at a small size. The judge finds the cover in the frames by its
features (SIFT; Lowe, 2004), faces by Haar cascades (Viola and Jones, 2001), cuts by the check's finder; of what is made
here it knows where lines and subjects are.

Figures, over all covers and both shapes: `look_covers`; `look_faces_cut`, `look_subjects_cut` and `look_lines_cut`
(frames in which the frame's edge goes through one; of a subject, while most of it is seen); `look_cuts_unseen` of
`look_cuts`; `look_seams` (frames that show one edge of the cover and not the other); `look_contrast_least` and
`look_hue_worst` (of a shot against its part of the cover, without the beats' accents; degrees, over large coloured
areas).

`--quick` films one cover in one shape. `--sheets` keeps a contact sheet per cover and shape, to be looked at.
"""

import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from blender_addon.core.types import ClipRequest, EditPlan, SongAnalysis
from bridge import cover as covers
from bridge import plan as plans
from bridge.check.cuts import CutFinder
from bridge.common.frames import Frame
from scripts.measuring import ROOT, Alone, figure, parser

PLACES = (Path("/usr/share/backgrounds"), Path("/usr/share/wallpapers"))
PICTURES = (".jpg", ".jpeg", ".png", ".webp")
FOUND, SIDE_PX = 28, 1400
"""how many of the pictures that are found are filmed; the size of an album's cover in a shop"""
SHAPES = {"16x9": (1920, 1080), "9x16": (1080, 1920)}
LENGTH_S, FPS = 20.0, Fraction(24)
LONG_SIDE_PX = 320
"""of the frames that are filmed and judged"""
SEEN_FROM, SLIVER = 0.02, 0.03
"""a thing is cut if at least this share of it is seen, and at least as much is not; an edge is seen farther inside"""
MOSTLY = 0.6
SURE = 20
"""matches that agree, from which the judge believes to have found the cover"""
STEP = 12.0
"""levels across an edge, from which it is seen"""
COLOURED = 14.0
"""chroma in CIELAB from which an area has a hue"""

Box = tuple[float, float, float, float]
"""left, top, right, bottom, in widths of the cover"""


@dataclass(frozen=True)
class Cover:
    """A picture, and what is known of it."""

    name: str
    rgba: npt.NDArray[np.uint8]
    lines: tuple[Box, ...] = ()
    subjects: tuple[Box, ...] = ()


@dataclass
class Tally:
    """What was seen, over all covers."""

    cuts: int = 0
    unseen: int = 0
    faces: int = 0
    subjects: int = 0
    lines: int = 0
    seams: int = 0
    contrasts: list[float] = field(default_factory=list)
    hues: list[float] = field(default_factory=list)

    def add(self, other: "Tally") -> None:
        """Both together."""
        for name in ("cuts", "unseen", "faces", "subjects", "lines", "seams", "contrasts", "hues"):
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass(frozen=True)
class Shot:
    """A shot's frames, few of them; the first, and so on to the last."""

    request: ClipRequest
    frames: list[Frame]


def drawn(width: int = SIDE_PX, height: int = SIDE_PX, ground: Sequence[int] = (240, 232, 214)) -> Frame:
    """An empty canvas."""
    return np.full((height, width, 3), ground, np.uint8)


def write(picture: Frame, text: str, left: float, bottom: float, height: float, color: Sequence[int]) -> Box:
    """Writes a line; gives its place."""
    side = picture.shape[1]
    scale = cv2.getFontScaleFromHeight(cv2.FONT_HERSHEY_DUPLEX, round(height * side), 4)
    (width_px, height_px), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_DUPLEX, scale, max(2, round(scale * 2)))
    place = (round(left * side), round(bottom * side))
    cv2.putText(
        picture, text, place, cv2.FONT_HERSHEY_DUPLEX, scale, tuple(color), max(2, round(scale * 2)), cv2.LINE_AA
    )
    return (left, bottom - height_px / side, left + width_px / side, bottom)


def animal(seed: int, ground: Sequence[int], body: Sequence[int]) -> Cover:
    """A drawing of a beast, flat colours and outlines."""
    picture, chance = drawn(ground=ground), np.random.default_rng(seed)
    x, y = SIDE_PX * chance.uniform(0.35, 0.65), SIDE_PX * chance.uniform(0.5, 0.62)

    def blob(dx: float, dy: float, rx: float, ry: float, color: Sequence[int]) -> None:
        centre, axes = (round(x + dx), round(y + dy)), (round(rx), round(ry))
        cv2.ellipse(picture, centre, axes, 0, 0, 360, tuple(color), -1, cv2.LINE_AA)
        cv2.ellipse(picture, centre, axes, 0, 0, 360, (30, 26, 34), 9, cv2.LINE_AA)

    for leg in (-170, -70, 70, 170):
        blob(leg, 210, 34, 130, body)
    blob(0, 60, 260, 150, body)
    blob(-250, -90, 120, 110, body)
    blob(-320, -200, 34, 70, body)
    blob(-200, -210, 34, 70, body)
    blob(-285, -110, 14, 18, (20, 18, 22))
    left, top = (x - 380) / SIDE_PX, (y - 280) / SIDE_PX
    return Cover(f"beast-{seed}", picture, subjects=((left, top, (x + 270) / SIDE_PX, (y + 345) / SIDE_PX),))


def type_only(name: str, words: Sequence[str], ground: Sequence[int], ink: Sequence[int], height: float) -> Cover:
    """Words on a flat ground."""
    picture = drawn(ground=ground)
    step = height * 1.6
    top = 0.5 - step * len(words) / 2
    lines = [write(picture, word, 0.08, top + step * (i + 0.8), height, ink) for i, word in enumerate(words)]
    return Cover(name, picture, lines=tuple(lines))


def scenery(
    name: str, seed: int, colors: Sequence[Sequence[int]], width: int = SIDE_PX, height: int = SIDE_PX
) -> Cover:
    """Ridges and a disc in a sky; a title in small letters."""
    chance, picture = np.random.default_rng(seed), np.zeros((height, width, 3), np.float32)
    down = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    picture[:] = np.array(colors[0], np.float32) * (1 - down) + np.array(colors[1], np.float32) * down
    centre = (round(width * chance.uniform(0.3, 0.7)), round(height * 0.3))
    cv2.circle(picture, centre, round(0.09 * height), tuple(map(float, colors[2])), -1, cv2.LINE_AA)
    x = np.arange(width) / height
    for ridge in range(3):
        waves = np.zeros_like(x)
        for _ in range(4):
            waves += chance.uniform(0.01, 0.05) * np.sin(x * chance.uniform(3, 16) + chance.uniform(0, 6))
        line = (0.5 + 0.15 * ridge + waves) * height
        below = np.arange(height)[:, None] > line[None, :]
        shade = np.array(colors[3], np.float32) * (0.45 + 0.25 * ridge)
        picture[below] = shade
    picture += chance.normal(0, 4, picture.shape).astype(np.float32)
    whole = np.clip(picture, 0, 255).astype(np.uint8)
    disc = (centre[0] / width, centre[1] / width, 0.09 * height / width)
    box = (disc[0] - disc[2], disc[1] - disc[2], disc[0] + disc[2], disc[1] + disc[2])
    line = write(whole, "QUIET HARBOUR", 0.06, 0.94 * height / width, 0.035, (240, 236, 226))
    return Cover(name, whole, lines=(line,), subjects=(box,))


def made() -> Iterator[Cover]:
    """The covers that are made here."""
    yield animal(1, (236, 200, 120), (190, 90, 70))
    yield animal(2, (70, 110, 140), (226, 220, 206))
    yield type_only("type-large", ("HEAVY", "WEATHER"), (24, 24, 28), (236, 232, 220), 0.13)
    yield type_only("type-small", ("a year of rain", "side one"), (226, 74, 52), (250, 244, 230), 0.045)
    yield Cover("flat", drawn(ground=(196, 44, 60)))
    half = drawn(ground=(30, 60, 90))
    half[SIDE_PX // 2 :] = (230, 160, 90)
    yield Cover("two-halves", half)
    night = scenery("dark", 5, ((4, 5, 10), (10, 12, 22), (34, 30, 40), (14, 16, 22)))
    yield night
    day = scenery("dusk", 6, ((40, 60, 110), (240, 160, 110), (255, 230, 180), (60, 50, 70)))
    yield day
    small = cv2.resize(day.rgba, (500, 500), interpolation=cv2.INTER_AREA)
    yield replace(day, name="low-resolution", rgba=np.asarray(small, np.uint8))
    cut = animal(3, (255, 255, 255), (80, 150, 120))
    alpha = np.where((cut.rgba == 255).all(axis=-1), 0, 255).astype(np.uint8)
    yield replace(cut, name="transparent", rgba=np.dstack([cut.rgba, alpha]))
    yield scenery("panorama", 7, ((120, 170, 210), (230, 230, 220), (255, 250, 220), (70, 100, 60)), 2800, 1100)
    yield scenery("tall", 8, ((20, 20, 60), (150, 60, 120), (255, 190, 140), (30, 20, 50)), 900, 1500)


def found(folders: Sequence[Path]) -> Iterator[Cover]:
    """Pictures that packages brought, cut to squares: evenly chosen from the sorted list."""
    paths = sorted(path for folder in folders for path in folder.rglob("*") if path.suffix.lower() in PICTURES)
    large = {
        path.parent if path.parent.name == "images" else path: path for path in paths if path.stat().st_size > 90_000
    }
    chosen = list(large.values())
    if len(chosen) > FOUND:
        chosen = [chosen[round(i)] for i in np.linspace(0, len(chosen) - 1, FOUND)]
    for path in chosen:
        picture = covers.load(path)
        height, width = picture.shape[:2]
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        square = picture[top : top + side, left : left + side]
        name = path.parents[2].name if path.parent.name == "images" else path.stem
        size = min(side, SIDE_PX)
        yield Cover(name, np.asarray(cv2.resize(square, (size, size), interpolation=cv2.INTER_AREA), np.uint8))


def heard(path: Path) -> SongAnalysis:
    """What the video is cut to."""
    from bridge import song as songs

    return songs.analyze(path)


def filmed(path: Path, shape: tuple[int, int], analysis: SongAnalysis) -> tuple[EditPlan, list[Shot]]:
    """The shots of a video with this cover, framed at full size, filmed small; all their frames."""
    from bridge.clips.animatic.camera_animator import CameraAnimator
    from bridge.clips.animatic.cover_painter import CoverPainter

    edit = plans.plan_edit(
        analysis, covers.look(path), length_s=LENGTH_S, width_px=shape[0], height_px=shape[1], fps=FPS
    )
    asked = plans.clip_requests(edit, analysis, painter="cover", animator="camera", options=(("handles", "0"),))
    shots = []
    with tempfile.TemporaryDirectory() as folder:
        work = Alone(Path(folder), lambda _: path)
        for one in asked:
            (still,) = CoverPainter().paint([one], work)
            scale = 1.5 * LONG_SIDE_PX / max(shape)
            rgb = cv2.resize(still.rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            small = replace(one, accents=(), width_px=small_px(shape, 0), height_px=small_px(shape, 1))
            footage = CameraAnimator().animate(small, replace(still, rgb=np.asarray(rgb, np.uint8)), work)
            shots.append(Shot(one, list(footage.frames)))
    return edit, shots


def small_px(shape: tuple[int, int], axis: int) -> int:
    """A side of the frames that are filmed."""
    return round(shape[axis] * LONG_SIDE_PX / max(shape) / 2) * 2


class Judge:
    """Finds a cover in frames, and says what is wrong with them."""

    def __init__(self, cover: Cover, picture: Frame) -> None:
        self.cover = cover
        self.side = 700
        self.small = np.asarray(
            cv2.resize(
                picture,
                (self.side, round(self.side * picture.shape[0] / picture.shape[1])),
                interpolation=cv2.INTER_AREA,
            ),
            np.uint8,
        )
        self.features = cv2.SIFT_create(3000, contrastThreshold=0.02)
        self.points, self.descriptors = self.features.detectAndCompute(grey(self.small), None)
        self.faces = tuple(face_boxes(self.small))

    def place(self, frame: Frame) -> npt.NDArray[np.float64] | None:
        """From widths of the cover to pixels of the frame, shape (2, 3); None if the cover isn't found."""
        points, descriptors = self.features.detectAndCompute(grey(frame), None)
        if descriptors is None or self.descriptors is None or len(points) < SURE:
            return None
        pairs = cv2.BFMatcher().knnMatch(self.descriptors, descriptors, k=2)
        good = [pair[0] for pair in pairs if len(pair) == 2 and pair[0].distance < 0.75 * pair[1].distance]
        if len(good) < SURE:
            return None
        from_px = np.array([self.points[match.queryIdx].pt for match in good]) / self.side
        to_px = np.array([points[match.trainIdx].pt for match in good])
        matrix, agree = cv2.estimateAffinePartial2D(from_px, to_px, ransacReprojThreshold=3.0)
        return None if matrix is None or int(agree.sum()) < SURE else matrix.astype(np.float64)

    def look(self, frame: Frame, tally: Tally) -> None:
        """Counts what is wrong with one frame."""
        matrix = self.place(frame)
        if matrix is None:
            return
        tally.faces += any(is_cut(box, matrix, frame) for box in self.faces)
        tally.lines += any(is_cut(box, matrix, frame) for box in self.cover.lines)
        tally.subjects += any(
            is_cut(box, matrix, frame) and share(box, matrix, frame) > MOSTLY for box in self.cover.subjects
        )
        tally.seams += self.has_seam(frame, matrix)
        self.compare(frame, matrix, tally)

    def has_seam(self, frame: Frame, matrix: npt.NDArray[np.float64]) -> bool:
        """Whether an edge of the cover is seen while the opposite one isn't."""
        ends = shown_box((0, 0, 1, self.small.shape[0] / self.side), matrix)
        for axis in (0, 1):
            size = frame.shape[1 - axis]
            inside = [SEEN_FROM * size < ends[axis + 2 * i] < (1 - SEEN_FROM) * size for i in (0, 1)]
            if inside[0] != inside[1]:
                at = round(ends[axis] if inside[0] else ends[axis + 2])
                near = np.asarray(np.moveaxis(frame, 1 - axis, 0), np.float32)
                jump = np.abs(near[min(at + 3, size - 1)] - near[max(0, at - 4)]).mean()
                if jump > STEP:
                    return True
        return False

    def compare(self, frame: Frame, matrix: npt.NDArray[np.float64], tally: Tally) -> None:
        """Contrast and hue against the cover's part."""
        from_cover = matrix.copy()
        from_cover[:, :2] /= self.side
        size = (frame.shape[1], frame.shape[0])
        wanted = cv2.warpAffine(self.small, from_cover, size, flags=cv2.INTER_AREA)
        there = cv2.warpAffine(np.full(self.small.shape[:2], 255, np.uint8), from_cover, size) == 255
        if there.mean() < 0.2:
            return
        blurred = [cv2.GaussianBlur(one, (0, 0), 1.5) for one in (frame, wanted)]
        ours, theirs = (cv2.cvtColor(one.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)[there] for one in blurred)
        if theirs[:, 0].std() > 4:
            tally.contrasts.append(float(ours[:, 0].std() / theirs[:, 0].std()))
        chroma = np.hypot(theirs[:, 1], theirs[:, 2])
        large = chroma > COLOURED
        if large.mean() > 0.2:
            turn = np.angle(
                (ours[large, 1] + 1j * ours[large, 2]) * np.conj(theirs[large, 1] + 1j * theirs[large, 2]), deg=True
            )
            tally.hues.append(float(abs(np.median(turn))))


def grey(picture: Frame) -> npt.NDArray[np.uint8]:
    """Its brightness."""
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)


def face_boxes(picture: Frame) -> list[Box]:
    """Faces of people, by two cascades that agree."""
    side, found = picture.shape[1], []
    for name in ("haarcascade_frontalface_alt2.xml", "haarcascade_frontalface_default.xml"):
        cascade = cv2.CascadeClassifier(str(Path(cv2.data.haarcascades, name)))
        found.append(cascade.detectMultiScale(grey(picture), 1.1, 7, minSize=(side // 20, side // 20)))
    return [
        (x / side, y / side, (x + w) / side, (y + h) / side)
        for x, y, w, h in found[0]
        if any(abs(x - a) < w / 2 and abs(y - b) < h / 2 for a, b, _, _ in found[1])
    ]


def shown_box(box: Box, matrix: npt.NDArray[np.float64]) -> Box:
    """Where it is in the frame, in pixels."""
    corners = np.array([[x, y, 1] for x in (box[0], box[2]) for y in (box[1], box[3])]) @ matrix.T
    return (*corners.min(axis=0).tolist(), *corners.max(axis=0).tolist())


def share(box: Box, matrix: npt.NDArray[np.float64], frame: Frame) -> float:
    """Which part of it the frame shows."""
    left, top, right, bottom = shown_box(box, matrix)
    across = max(0.0, min(right, frame.shape[1]) - max(left, 0)) / max(right - left, 1e-6)
    down = max(0.0, min(bottom, frame.shape[0]) - max(top, 0)) / max(bottom - top, 1e-6)
    return across * down


def is_cut(box: Box, matrix: npt.NDArray[np.float64], frame: Frame) -> bool:
    """Whether the frame's edge goes through it."""
    return SLIVER < share(box, matrix, frame) < 1 - SLIVER


def judged(cover: Cover, picture: Frame, shots: Sequence[Shot]) -> Tally:
    """All that is wrong with a video."""
    tally, judge, finder, frame = Tally(), Judge(cover, picture), CutFinder(float(FPS)), 0
    for shot in shots:
        for one in shot.frames:
            finder.push(frame, one)
            frame += 1
    seen = finder.finish()
    starts = np.cumsum([len(shot.frames) for shot in shots])[:-1].tolist()
    tally.cuts = len(starts)
    tally.unseen = sum(all(abs(cut - start) > 1 for cut in seen) for start in starts)
    for shot in shots:
        for i in sampled(shot):
            judge.look(shot.frames[i], tally)
    return tally


def sampled(shot: Shot) -> tuple[int, int, int]:
    """First, middle and last."""
    last = len(shot.frames) - 1
    return (0, last // 2, last)


def sheet(shots: Sequence[Shot]) -> Frame:
    """A row per shot: first, middle, last."""
    rows = [np.hstack([shot.frames[i] for i in sampled(shot)]) for shot in shots]
    columns = 2
    rows += [np.zeros_like(rows[0])] * (-len(rows) % columns)
    return np.vstack([np.hstack(rows[i : i + columns]) for i in range(0, len(rows), columns)])


def main() -> int:
    """Prints a line per cover and shape, then the figures."""
    command = parser(__doc__)
    command.add_argument("--covers", type=Path, nargs="*", default=[], metavar="DIR", help="more folders with pictures")
    command.add_argument("--song", type=Path, default=ROOT / "examples" / "song.opus", help="cut to another song")
    command.add_argument("--only", nargs="*", metavar="NAME", help="covers whose names begin so")
    command.add_argument("--sheets", type=Path, metavar="DIR", help="keep a contact sheet per cover and shape")
    options = command.parse_args()
    total, count, analysis = Tally(), 0, heard(options.song)
    chosen: Callable[[str], bool] = lambda name: not options.only or name.startswith(tuple(options.only))  # noqa: E731
    pictures = (
        [replace(next(iter(made())), name="beast")] if options.quick else [*made(), *found([*PLACES, *options.covers])]
    )
    for cover in pictures:
        for name, shape in [("9x16", (270, 480))] if options.quick else SHAPES.items():
            if chosen(cover.name):
                total.add(reported(cover, name, shape, analysis, options.sheets))
                count += 1
    figure("look_covers", count, "videos")
    figure("look_faces_cut", total.faces, "frames")
    figure("look_subjects_cut", total.subjects, "frames")
    figure("look_lines_cut", total.lines, "frames")
    figure("look_cuts", total.cuts, "cuts")
    figure("look_cuts_unseen", total.unseen, "cuts")
    figure("look_seams", total.seams, "frames")
    figure("look_contrast_least", min(total.contrasts, default=1.0), "ratio")
    figure("look_contrast_median", statistics.median(total.contrasts or [1.0]), "ratio")
    figure("look_hue_worst", max(total.hues, default=0.0), "degrees")
    return 0


def reported(
    cover: Cover, shape_name: str, shape: tuple[int, int], analysis: SongAnalysis, sheets: Path | None
) -> Tally:
    """One video, filmed, judged and shown."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "cover.png")
        channels = cv2.COLOR_RGBA2BGRA if cover.rgba.shape[2] == 4 else cv2.COLOR_RGB2BGR
        cv2.imwrite(str(path), cv2.cvtColor(cover.rgba, channels))
        _, shots = filmed(path, shape, analysis)
        tally = judged(cover, covers.load(path), shots)
    print(
        f"{cover.name} {shape_name}: cut: {tally.faces} faces, {tally.subjects} subjects, {tally.lines} lines; "
        f"{tally.unseen} of {tally.cuts} cuts unseen; {tally.seams} seams; "
        f"contrast {min(tally.contrasts, default=1):.2f}, hue {max(tally.hues, default=0):.1f}",
        flush=True,
    )
    if sheets:
        sheets.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(sheets / f"{cover.name}-{shape_name}.jpg"), cv2.cvtColor(sheet(shots), cv2.COLOR_RGB2BGR))
    return tally


if __name__ == "__main__":
    sys.exit(main())
