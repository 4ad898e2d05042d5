# SPDX-License-Identifier: GPL-3.0-or-later
"""How far the grade brings footage to a cover whose colours are far away, and what harm it does on the way.

    python scripts/bench/grade.py [--quick] [--pictures DIR]

Pictures are painted here: six places, and four covers of other colours. The footage is the animatic's, which films
each place as if it were a cover: six clips each. Every pair of a place and a cover farther apart than `FAR` counts. The
grade is fitted to every second frame and measured on the others, as Blender would show them. Figures:
`grade_far_pairs`, `grade_halved` (pairs whose palette distance to the cover the grade at least halves),
`grade_left_median` and `grade_left_worst` (the distance afterwards, as a share of that before),
`grade_gradient_worst` (the least correlation of gradients before and after, over a pair's frames),
`grade_clipped_worst` (the most that the share of clipped pixels grows), `grade_fit_cpu` (of one fit).

`--quick` takes still cuttings of three places instead of the animatic's clips. `--pictures` keeps what it looked at.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from blender_addon.core.types import Framing
from bridge import cover as covers
from bridge.common.frames import Frame
from bridge.cover.fitting import gradient_correlation
from scripts.measuring import Alone, clip_request, figure, parser

FAR = 0.07
"""palette distances from which a pair counts: in between are covers of the same mood"""
SIDE_PX = 640
SIZE = (320, 180)
FRAMINGS = (Framing.WIDE, Framing.MEDIUM, Framing.CLOSE)

Picture = npt.NDArray[np.float64]
Color = tuple[int, int, int]


def noise(seed: int, coarsest: int = 3, octaves: int = 6) -> Picture:
    """Clouds, 0-1, shape (side, side, 1)."""
    chance = np.random.default_rng(seed)
    total = np.zeros((SIDE_PX, SIDE_PX))
    for octave in range(octaves):
        cells = chance.random((coarsest * 2**octave,) * 2)
        total += cv2.resize(cells, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_CUBIC) * 0.55**octave
    return np.clip((total - total.mean()) / (5 * total.std()) + 0.5, 0, 1)[..., None]


def blend(low: Color, high: Color, share: Picture) -> Picture:
    """From one colour to another."""
    return np.array(low, float) * (1 - share) + np.array(high, float) * share


DOWN = np.linspace(0, 1, SIDE_PX)[:, None, None]
ACROSS = np.linspace(0, 1, SIDE_PX)[None, :, None]


def hills(seed: int, sky: tuple[Color, Color], near: Color, far: Color, rough: float) -> Picture:
    """Three ridges under a sky."""
    picture = blend(*sky, np.clip(DOWN * 1.6 + 0.3 * (noise(seed) - 0.5), 0, 1))
    for ridge in range(3):
        line = 0.45 + 0.15 * ridge + rough * (noise(seed + ridge + 1)[SIDE_PX // 2, :, 0] - 0.5)
        ground = blend(far, near, ridge / 2 * np.ones_like(DOWN)) * (0.65 + 0.7 * noise(seed + 9 + ridge, 24, 4))
        picture = np.where(line[None, :, None] < DOWN, ground, picture)
    return picture


def lights(seed: int, dark: Color, glows: tuple[Color, ...]) -> Picture:
    """A street at night: glows of several sizes in the dark."""
    chance = np.random.default_rng(seed)
    picture = np.array(dark, float) * (0.5 + noise(seed))
    for index in range(46):
        x, y, size = chance.random(), chance.random(), 0.006 + 0.05 * chance.random() ** 3
        glow = np.exp(-((ACROSS - x) ** 2 + (DOWN - y) ** 2) / size**2 / 2)
        picture = picture + glow * np.array(glows[index % len(glows)], float)
    return picture


def someone(seed: int, wall: Color, skin: Color, hair: Color, dress: Color) -> Picture:
    """Someone before a wall."""
    canvas = np.clip(blend(wall, (0, 0, 0), 0.5 * ACROSS) * (0.9 + 0.2 * noise(seed)), 0, 255)
    picture = np.ascontiguousarray(canvas, np.float32)
    for color, at, axes in (
        (hair, (0.5, 0.34), (0.17, 0.21)),
        (dress, (0.5, 1.02), (0.32, 0.42)),
        (skin, (0.5, 0.56), (0.06, 0.12)),
        (skin, (0.5, 0.37), (0.115, 0.155)),
    ):
        center, radii = [[round(value * SIDE_PX) for value in pair] for pair in (at, axes)]
        cv2.ellipse(picture, center, radii, 0, 0, 360, color, -1, cv2.LINE_AA)
    return picture * (0.8 + 0.4 * noise(seed + 1, 6, 5))


def letters(seed: int, ground: Color, ink: Color, band: Color) -> Picture:
    """Two words on a flat ground."""
    picture = np.full((SIDE_PX, SIDE_PX, 3), ground, np.float32)
    picture[round(0.66 * SIDE_PX) :] = band
    for text, top, color in (("NO", 0.28, ink), ("WAY", 0.58, ink), ("OUT", 0.93, ground)):
        place = (round(0.06 * SIDE_PX), round(top * SIDE_PX))
        cv2.putText(picture, text, place, cv2.FONT_HERSHEY_DUPLEX, SIDE_PX / 105, color, SIDE_PX // 26, cv2.LINE_AA)
    return picture * (0.97 + 0.06 * noise(seed, 40, 3))


PLACES: dict[str, Callable[[], Picture]] = {
    "daylight": lambda: hills(10, ((90, 150, 225), (225, 235, 245)), (70, 120, 50), (120, 150, 120), 0.3),
    "desert": lambda: hills(30, ((150, 180, 205), (245, 225, 190)), (165, 95, 45), (215, 170, 120), 0.15),
    "snow": lambda: hills(50, ((170, 190, 215), (240, 243, 248)), (215, 225, 240), (150, 170, 200), 0.25),
    "night": lambda: lights(70, (26, 20, 46), ((230, 60, 150), (40, 170, 220), (240, 190, 110))),
    "forest": lambda: hills(90, ((50, 70, 50), (150, 170, 110)), (16, 34, 20), (44, 80, 46), 0.5),
    "studio": lambda: someone(110, (150, 150, 152), (214, 160, 130), (50, 34, 30), (176, 50, 52)),
}
COVERS: dict[str, Callable[[], Picture]] = {
    "teal": lambda: blend((6, 26, 38), (92, 190, 190), noise(200)),
    "amber": lambda: hills(220, ((120, 50, 20), (250, 180, 80)), (34, 14, 10), (150, 70, 30), 0.4),
    "noir": lambda: someone(240, (60, 60, 61), (205, 204, 202), (8, 8, 9), (24, 24, 25)),
    "letters": lambda: letters(260, (240, 226, 60), (20, 20, 24), (214, 40, 70)),
}


def painted(painter: Callable[[], Picture]) -> Frame:
    """As a picture, with the grain of a camera."""
    picture = painter()
    return np.clip(picture + np.random.default_rng(1).normal(0, 3, picture.shape), 0, 255).astype(np.uint8)


def filmed(picture: Frame) -> list[Frame]:
    """Frames of six clips that the animatic makes of a picture: three framings, a calm and a lively shot each."""
    from bridge.clips.animatic.camera_animator import CameraAnimator
    from bridge.clips.animatic.cover_painter import CoverPainter

    frames = []
    with tempfile.TemporaryDirectory() as name:
        path = Path(name, "cover.png")
        cv2.imwrite(str(path), picture[..., ::-1])
        work = Alone(Path(name), lambda _: path)
        for seed, (framing, motion) in enumerate((framing, motion) for framing in FRAMINGS for motion in (80, 170)):
            request = clip_request(f"s{seed:02d}", framing=framing, seed=seed, motion=motion, frame_count=24, prompt="")
            request = replace(request, negative_prompt="", width_px=SIZE[0], height_px=SIZE[1])
            (still,) = CoverPainter().paint([request], work)
            clip = list(CameraAnimator().animate(request, still, work).frames)
            frames += [clip[round(at)] for at in np.linspace(0, len(clip) - 1, 4)]
    return frames


def cut_out(picture: Frame) -> list[Frame]:
    """Still cuttings of a picture."""
    chance = np.random.default_rng(2)
    places = chance.integers(0, SIDE_PX - np.array(SIZE)[::-1], (12, 2))
    return [picture[y : y + SIZE[1], x : x + SIZE[0]] for y, x in places]


@dataclass(frozen=True)
class Graded:
    """One pair, before and after."""

    name: str
    before: float
    after: float
    gradient: float
    clipped: float
    cpu_s: float
    frames: list[Frame]


def pairs(films: dict[str, list[Frame]], pictures: dict[str, Frame]) -> Iterator[Graded]:
    """Each far pair, graded."""
    for place, frames in films.items():
        for name, picture in pictures.items():
            before = covers.palette_distance(frames[1::2], [picture])
            if before >= FAR:
                yield graded(f"{place} to {name}", frames, picture, before)


def graded(name: str, frames: list[Frame], picture: Frame, before: float) -> Graded:
    """Fits to the even frames, measures on the odd ones."""
    started = time.process_time()
    grade = covers.fit_grade(frames[::2], picture)
    cpu_s = time.process_time() - started
    shown = frames[1::2]
    after = [covers.apply_grade(frame, grade) for frame in shown]
    return Graded(
        name,
        before,
        covers.palette_distance(after, [picture]),
        float(np.mean([gradient_correlation(*both) for both in zip(shown, after, strict=True)])),
        clipped(after) - clipped(shown),
        cpu_s,
        [shown[0], after[0], cv2.resize(picture, (SIZE[1], SIZE[1])).astype(np.uint8)],
    )


def clipped(frames: list[Frame]) -> float:
    """The share of pixels with a channel at either end."""
    return float(np.mean([((frame <= 1) | (frame >= 254)).any(axis=-1).mean() for frame in frames]))


def main() -> int:
    """Prints a line per pair, then the figures."""
    command = parser(__doc__)
    command.add_argument("--pictures", type=Path, metavar="DIR", help="keep a picture per pair: before, after, cover")
    options = command.parse_args()
    places = {name: painted(painter) for name, painter in PLACES.items()}
    if options.quick:
        films = {name: cut_out(places[name]) for name in ("daylight", "night", "studio")}
    else:
        films = {name: filmed(picture) for name, picture in places.items()}
    done = []
    for pair in pairs(films, {name: painted(painter) for name, painter in COVERS.items()}):
        print(
            f"{pair.name}: {pair.before:.3f} to {pair.after:.3f} ({pair.after / pair.before:.2f}), "
            f"gradients {pair.gradient:.3f}, clipped {pair.clipped:+.4f}",
            flush=True,
        )
        if options.pictures:
            options.pictures.mkdir(parents=True, exist_ok=True)
            path = options.pictures / f"{pair.name.replace(' ', '-')}.png"
            cv2.imwrite(str(path), np.hstack(pair.frames)[..., ::-1])
        done.append(pair)
    left = [pair.after / pair.before for pair in done]
    figure("grade_far_pairs", len(done), "pairs")
    figure("grade_halved", sum(share <= 0.5 for share in left), "pairs")
    figure("grade_left_median", statistics.median(left), "ratio")
    figure("grade_left_worst", max(left), "ratio")
    figure("grade_gradient_worst", min(pair.gradient for pair in done), "correlation")
    figure("grade_clipped_worst", max(pair.clipped for pair in done), "share")
    figure("grade_fit_cpu", statistics.median(pair.cpu_s for pair in done), "s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
