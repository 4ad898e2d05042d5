"""Short clips with known cuts, and with everything that looks like one: motion, flashes, shakes, strobes, dissolves."""

import math
from collections.abc import Callable, Sequence

import cv2
import numpy as np

from tests.check.made_video import view, world

FPS = 24
SIZE = (256, 144)
Clip = list[np.ndarray]
WHITE = np.full((SIZE[1], SIZE[0], 3), 255, np.uint8)
BLACK = np.zeros_like(WHITE)

CASES: dict[str, tuple[Callable[[], Clip], tuple[int, ...]]] = {}
"""what makes the clip, and the first frames of its new shots"""


def case(name: str, *cuts: int) -> Callable[[Callable[[], Clip]], Callable[[], Clip]]:
    def add(make: Callable[[], Clip]) -> Callable[[], Clip]:
        CASES[name] = (make, cuts)
        return make

    return add


def pan(
    seed: int, count: int, dx: float = 1, x: float = 300, zoom: float = 0, scale: float = 0.7, turn: float = 0
) -> Clip:
    """A camera over a world: `dx` pixels of the world per frame, `zoom` and `turn` (degrees) per frame."""
    picture = world(seed)
    return [view(picture, x + dx * i, 350, scale * (1 + zoom * i), SIZE, turn * i) for i in range(count)]


def mix(one: np.ndarray, other: np.ndarray, part: float) -> np.ndarray:
    return np.clip(one * (1.0 - part) + other * part, 0, 255).astype(np.uint8)


def put(clip: Clip, at: Sequence[int], picture: np.ndarray) -> Clip:
    return [picture if i in at else frame for i, frame in enumerate(clip)]


def shaken(seed: int, count: int, px: float, degrees: float) -> Clip:
    random = np.random.default_rng(seed)
    picture = world(seed)
    return [
        view(picture, 350 + random.normal(0, px), 350 + random.normal(0, px), 0.7, SIZE, random.normal(0, degrees))
        for _ in range(count)
    ]


def grainy(clip: Clip, spread: float) -> Clip:
    random = np.random.default_rng(5)
    return [np.clip(frame + random.normal(0, spread, frame.shape), 0, 255).astype(np.uint8) for frame in clip]


def flashed(clip: Clip, at: int, strength: float = 1.0, decay: float = 3.0) -> Clip:
    return [
        mix(frame, WHITE, strength * math.exp((at - i) / decay)) if at <= i < at + 12 else frame
        for i, frame in enumerate(clip)
    ]


def leaked(clip: Clip, at: int, count: int) -> Clip:
    """A warm light that sweeps over the picture and clips it."""
    x = np.arange(SIZE[0])
    out = list(clip)
    for i in range(count):
        center = -60 + i * (SIZE[0] + 120) / count
        light = np.exp(-(((x - center) / 65) ** 2))[None, :, None] * np.array([1.0, 0.6, 0.25])
        out[at + i] = np.clip(out[at + i] + 330 * math.sin(math.pi * (i + 0.5) / count) * light, 0, 255).astype(
            np.uint8
        )
    return out


def whipped(seed: int, count: int, rest: int = 18) -> Clip:
    """A pan of more than a screen within `count` frames, blurred as a shutter blurs it."""
    picture = world(seed)
    still = pan(seed, rest, 0.3, 180)
    at = 180 + 0.3 * rest
    clip = list(still)
    for i in range(count):
        to = 180 + 0.3 * rest + 380 * (1 - math.cos(math.pi * (i + 1) / count)) / 2
        blur = [view(picture, at + (to - at) * k / 6, 350, 0.7, SIZE).astype(np.float32) for k in range(7)]
        clip.append(np.mean(blur, axis=0).astype(np.uint8))
        at = to
    return clip + pan(seed, rest, 0.3, at)


def particles(clip: Clip) -> Clip:
    random = np.random.default_rng(6)
    places, speeds = random.uniform(0, 1, (120, 2)) * SIZE, random.normal(0, 8, (120, 2))
    out = []
    for frame in clip:
        out.append(frame.copy())
        places = (places + speeds) % SIZE
        for x, y in places:
            cv2.circle(out[-1], (int(x), int(y)), 2, (255, 240, 200), -1, cv2.LINE_AA)
    return out


def crossed(clip: Clip) -> Clip:
    """Something large and dark passes close to the camera."""
    return [
        cv2.circle(frame.copy(), ((i * 16) % (SIZE[0] + 160) - 80, 80), 70, (25, 25, 30), -1)
        for i, frame in enumerate(clip)
    ]


@case("cuts between calm shots", 24, 48, 72)
def _() -> Clip:
    return pan(1, 24) + pan(2, 24) + pan(3, 24) + pan(4, 24)


@case("cuts between framings of one picture", 24, 48, 72)
def _() -> Clip:
    return (
        pan(1, 24, 0.5, 300)
        + pan(1, 24, 0.5, 360, scale=1.5)
        + pan(1, 24, 0.5, 260, scale=0.6)
        + pan(1, 24, 0.5, scale=1)
    )


@case("small punches into one picture", 24, 48)
def _() -> Clip:
    return pan(5, 24, 0.3, 350, scale=0.5) + pan(5, 24, 0.3, 350, scale=0.65) + pan(5, 24, 0.3, 350, scale=0.85)


@case("cuts in grain", 24, 48)
def _() -> Clip:
    return grainy(pan(6, 24) + pan(7, 24) + pan(8, 24), 14)


@case("cuts at night", 24, 48)
def _() -> Clip:
    return [(frame * 0.12).astype(np.uint8) for frame in pan(6, 24) + pan(7, 24) + pan(8, 24)]


@case("cuts in grey", 24)
def _() -> Clip:
    return [
        np.repeat(frame.mean(axis=2, keepdims=True), 3, axis=2).astype(np.uint8) for frame in pan(9, 24) + pan(10, 24)
    ]


@case("cuts between frozen frames", 24, 48)
def _() -> Clip:
    return pan(11, 1) * 24 + pan(12, 24) + pan(13, 1) * 24


@case("cuts between flat colours", 20, 40, 60)
def _() -> Clip:
    colors = ((200, 30, 30), (30, 200, 30), (30, 30, 200), (90, 90, 90))
    return [np.full_like(WHITE, color) for color in colors for _ in range(20)]


@case("cuts to black and back", 24, 48)
def _() -> Clip:
    return pan(14, 24) + [BLACK] * 24 + pan(15, 24)


@case("a short shot between", 24, 31)
def _() -> Clip:
    return pan(16, 24) + pan(17, 7) + pan(16, 24, x=330)


@case("a cut on twos", 40)
def _() -> Clip:
    return [frame for frame in pan(18, 20, 6) + pan(19, 20, 6) for _ in range(2)]


@case("a cut into a fast pan", 24)
def _() -> Clip:
    return pan(20, 24) + pan(21, 24, 12, 200)


@case("a cut between fast pans", 24)
def _() -> Clip:
    return pan(20, 24, 12, 200) + pan(21, 24, -12, 500)


@case("a cut among particles", 30)
def _() -> Clip:
    return particles(pan(22, 30) + pan(23, 30))


@case("a cut under a light leak", 30)
def _() -> Clip:
    return leaked(pan(24, 30) + pan(25, 30), 23, 14)


@case("a cut with a flash", 30)
def _() -> Clip:
    return flashed(pan(26, 30) + pan(27, 30), 30, 0.9)


@case("a cut behind a white frame", 30)
def _() -> Clip:
    return put(pan(26, 30) + pan(27, 30), (30,), WHITE)


@case("two flashes, then a cut", 40)
def _() -> Clip:
    return put(pan(28, 40) + pan(29, 40), (20, 22), WHITE)


@case("fast pan")
def _() -> Clip:
    return pan(30, 40, 9, 180)


@case("very fast pan")
def _() -> Clip:
    return pan(30, 24, 22, 150)


@case("zoom")
def _() -> Clip:
    return pan(31, 40, 0, 350, zoom=0.02)


@case("spin")
def _() -> Clip:
    return pan(31, 40, 0, 350, turn=2)


@case("hand-held")
def _() -> Clip:
    return shaken(32, 48, 8, 1)


@case("earthquake")
def _() -> Clip:
    return shaken(32, 48, 25, 3)


@case("zoom accents on the beat")
def _() -> Clip:
    picture = world(33)
    return [view(picture, 350, 350, 0.6 * (1 + 0.12 * max(0, 1 - (i % 12) / 8)), SIZE) for i in range(60)]


@case("something passes the camera")
def _() -> Clip:
    return crossed(pan(34, 60))


@case("particles")
def _() -> Clip:
    return particles(pan(35, 48))


@case("light leaks")
def _() -> Clip:
    return leaked(leaked(pan(36, 60), 8, 14), 34, 8)


@case("decaying flashes")
def _() -> Clip:
    return flashed(flashed(pan(37, 60), 10), 34)


@case("strobe with black")
def _() -> Clip:
    return put(pan(38, 48), range(1, 48, 2), BLACK)


@case("slow strobe with white")
def _() -> Clip:
    return [WHITE if i // 3 % 2 else frame for i, frame in enumerate(pan(38, 51))]


@case("strobe with the negative")
def _() -> Clip:
    return [255 - frame if i // 2 % 2 else frame for i, frame in enumerate(pan(39, 50))]


@case("strobe with colour")
def _() -> Clip:
    red = np.full_like(WHITE, (255, 0, 60))
    return [mix(frame, red, 0.6) if i // 2 % 2 else frame for i, frame in enumerate(pan(39, 50))]


@case("a flash on a flat colour")
def _() -> Clip:
    return [np.full_like(WHITE, 255 if i % 20 == 10 else 90) for i in range(60)]


@case("fade from black")
def _() -> Clip:
    return [mix(frame, BLACK, max(0.0, 1 - i / 20)) for i, frame in enumerate(pan(40, 40))]


for _length in (1, 2, 4):
    for _name, _color in (("white", WHITE), ("black", BLACK)):

        @case(f"{_length} frames of {_name}")
        def _(length: int = _length, color: np.ndarray = _color) -> Clip:
            return put(pan(41, 50), [at + i for at in (12, 32) for i in range(length)], color)


for _length in (4, 6, 8, 12):

    @case(f"whip pan of {_length} frames")
    def _(length: int = _length) -> Clip:
        return whipped(42, length)


for _length in (3, 6, 12, 24):

    @case(f"dissolve of {_length} frames")
    def _(length: int = _length) -> Clip:
        one, other = pan(43, 24 + length), pan(44, 24 + length, -1)
        mixed = [mix(one[24 + i], other[i], (i + 1) / (length + 1)) for i in range(length)]
        return one[:24] + mixed + other[length:]


for _length in (4, 8, 16):

    @case(f"dip to black of {_length} frames")
    def _(length: int = _length) -> Clip:
        one, other = pan(43, 24 + length), pan(44, 24 + length, -1)
        down = [mix(one[24 + i], BLACK, (i + 1) / length) for i in range(length)]
        up = [mix(other[i], BLACK, 1 - (i + 1) / length) for i in range(length)]
        return one[:24] + down + up + other[length:]
