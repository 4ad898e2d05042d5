"""Videos made for the tests of the check: a song of clicks and noise, a cover, and an edit on its downbeats."""

import functools
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
from PIL import Image

from blender_addon.core.types import (
    Beat,
    EditPlan,
    EnergyCurve,
    Excerpt,
    Framing,
    Section,
    SectionRole,
    Shot,
    ShotKind,
    SongAnalysis,
)

BEAT_S = 0.25
BAR_S = 4 * BEAT_S
BARS = 8
ENERGIES = (0.1, 0.4, 0.5, 0.9, 0.7, 0.8, 0.15, 0.2)
"""of the song's bars"""
RATE_HZ = 48_000


@functools.cache
def song(seed: int = 1) -> np.ndarray:
    """Eight seconds in 4/4 at 240 bpm, shape (n, 2): filtered noise, chords and a kick on each beat."""
    random = np.random.default_rng(seed)
    count = round(BARS * BAR_S * RATE_HZ)
    time_s = np.arange(count) / RATE_HZ
    notes = sum(np.sin(2 * np.pi * hz * time_s + random.uniform(0, 6)) for hz in random.uniform(110, 900, 5))
    kick = np.sin(2 * np.pi * 60 * (time_s % BEAT_S)) * np.exp(-(time_s % BEAT_S) * 30)
    loud = np.repeat(ENERGIES, round(BAR_S * RATE_HZ))
    mono = loud * (0.05 * notes + 0.08 * random.normal(0, 1, count)) + 0.3 * kick
    return np.stack([mono, np.roll(mono, 40)], axis=1).astype(np.float32)


def write_wav(path: Path, samples: np.ndarray) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return path


def analysis() -> SongAnalysis:
    beats = tuple(Beat(i * BEAT_S, i // 4 + 1, i % 4 + 1, 1.0) for i in range(4 * BARS))
    hop_s = 0.1
    values = tuple(ENERGIES[min(BARS - 1, int(i * hop_s / BAR_S))] for i in range(round(BARS * BAR_S / hop_s)))
    half_s = BARS * BAR_S / 2
    sections = (
        Section(0.0, half_s, "A", SectionRole.VERSE, 0.4),
        Section(half_s, 2 * half_s, "B", SectionRole.OUTRO, 0.6),
    )
    return SongAnalysis(
        "0" * 64, BARS * BAR_S, 240.0, 4, beats, sections, EnergyCurve(hop_s, values), None, (), 1.0, "made-1"
    )


@functools.cache
def world(seed: int, side_px: int = 700) -> np.ndarray:
    """A picture with large and small shapes in its own colours."""
    random = np.random.default_rng(seed)
    picture = np.zeros((side_px, side_px, 3), np.float32) + random.uniform(30, 220, 3)
    for cells, height in ((4, 40), (12, 20), (50, 10)):
        grid = random.normal(0, height, (cells, cells, 3)).astype(np.float32)
        picture += cv2.resize(grid, (side_px, side_px), interpolation=cv2.INTER_CUBIC)
    picture = np.clip(picture, 0, 255).astype(np.uint8)
    for _ in range(18):
        x, y, size = (int(value) for value in random.uniform(0, side_px, 3))
        color = tuple(int(value) for value in random.uniform(0, 255, 3))
        if random.random() < 0.5:
            cv2.circle(picture, (x, y), 8 + size // 9, color, -1, cv2.LINE_AA)
        else:
            cv2.rectangle(picture, (x, y), (x + 10 + size // 5, y + 10 + size // 7), color, -1)
    return picture


def view(
    picture: np.ndarray, x: float, y: float, scale: float, size: tuple[int, int], degrees: float = 0
) -> np.ndarray:
    """What a camera sees that looks at (x, y): `scale` screen pixels per pixel of the picture."""
    matrix = cv2.getRotationMatrix2D((0, 0), degrees, scale)
    matrix[:, 2] = np.array(size) / 2 - matrix[:, :2] @ np.array([x, y])
    return cv2.warpAffine(picture, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)


@dataclass(frozen=True)
class Made:
    """How a video is made; the fields are where the tests plant their faults."""

    fps: Fraction = Fraction(24)
    size: tuple[int, int] = (240, 240)
    """square: the cover then fits as it is"""
    matrix: str = "ITU709"
    """by which the pixels are made, whatever the tags say"""
    bars: int = 6
    first_bar: int = 1
    """of the song, from 0: where the excerpt starts"""
    hold_frames: int = 6
    rest_frames: int = 8
    turn_frames: int = 6
    """of the dissolve into the cover"""
    cut_late: dict[int, int] | None = None
    """frames by which the cut that starts a shot is late"""
    sound_late_s: float = 0.0
    profile: str = "high"
    faststart: bool = True
    codec: str = "libx264"
    sound_codec: str | None = "aac"
    jitter: bool = False
    tagged: bool = True
    pixels: str = "yuv420p"
    sound_rate_hz: int = RATE_HZ
    motion: tuple[float, ...] | None = None
    """pixels per frame of each shot; by the song's energy if None"""
    ending: np.ndarray | None = None

    @property
    def frame_count(self) -> int:
        return round(self.bars * BAR_S * self.fps)

    @property
    def cuts(self) -> list[int]:
        """The first frame of each shot but the first."""
        late = self.cut_late or {}
        return [round(i * BAR_S * self.fps) + late.get(i, 0) for i in range(1, self.bars)]


def frames(made: Made, cover: np.ndarray) -> Iterator[np.ndarray]:
    """The pictures: a world for each shot, moving by the song's energy; the last shot turns into the cover."""
    from bridge.cover import mounted

    ending = made.ending if made.ending is not None else mounted(cover, *made.size).picture
    edges = [0, *made.cuts, made.frame_count]
    motion = made.motion or tuple(1 + 6 * energy for energy in ENERGIES[made.first_bar :])
    for shot, (first, end) in enumerate(pairwise(edges)):
        picture = world(100 + shot)
        for i in range(first, end):
            away = max(0, i - first - (made.hold_frames if shot == 0 else 0)) * motion[shot]
            seen = view(picture, 250 + away, 350, 0.8, made.size)
            if shot == made.bars - 1:
                part = np.clip(1 - (end - made.rest_frames - i) / made.turn_frames, 0, 1)
                seen = cv2.addWeighted(seen, 1 - part, ending, part, 0)
            yield seen


def write(path: Path, made: Made, cover: np.ndarray, sound: np.ndarray | None = None) -> Path:
    """Encodes the video as the deliverable is meant to be, but for the faults."""
    options = {"movflags": "faststart"} if made.faststart and path.suffix == ".mp4" else {}
    with av.open(str(path), "w", options=options) as container:
        pictures = container.add_stream(made.codec, rate=made.fps)
        pictures.width, pictures.height = made.size
        pictures.pix_fmt = made.pixels
        coder = pictures.codec_context
        if made.tagged:
            coder.color_primaries = coder.color_trc = coder.colorspace = coder.color_range = 1
        if made.codec == "libx264":
            pictures.options = {"profile": made.profile, "preset": "veryfast", "crf": "20"}
        coder.time_base = Fraction(1, 4 * made.fps.numerator) * made.fps.denominator
        sounds = container.add_stream(made.sound_codec, rate=made.sound_rate_hz) if made.sound_codec else None
        if sounds:
            sounds.bit_rate = 192_000
            sounds.layout = "stereo"
        for i, rgb in enumerate(frames(made, cover)):
            frame = av.VideoFrame.from_ndarray(np.asarray(rgb, np.uint8), format="rgb24").reformat(
                format=made.pixels, dst_colorspace=made.matrix, src_colorspace="ITU709"
            )
            frame.pts = 4 * i + (i % 3 if made.jitter else 0)
            frame.time_base = coder.time_base
            container.mux(pictures.encode(frame))  # pyright: ignore[reportArgumentType]
        container.mux(pictures.encode(None))
        if sounds:
            start_s = made.first_bar * BAR_S - made.sound_late_s
            mux_sound(
                container, sounds, start_s, float(made.frame_count / made.fps), song() if sound is None else sound
            )
    return path


def mux_sound(container, stream, start_s: float, length_s: float, sound: np.ndarray) -> None:
    """Encodes a stretch of the song, silence beyond its ends."""
    first = RATE_HZ + round(start_s * RATE_HZ)
    excerpt = np.pad(sound, ((RATE_HZ, RATE_HZ), (0, 0)))[first : first + round(length_s * RATE_HZ)]
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(excerpt.T), format="fltp", layout="stereo")
    frame.sample_rate, frame.pts = RATE_HZ, 0
    frame.time_base = Fraction(1, RATE_HZ)
    coder = stream.codec_context
    resampler = av.AudioResampler(coder.format, "stereo", coder.rate, frame_size=coder.frame_size or 1024)
    for part in [*resampler.resample(frame), *resampler.resample(None)]:
        container.mux(stream.encode(part))
    container.mux(stream.encode(None))


def plan(made: Made, hold: int | None = None) -> EditPlan:
    """The plan that the video was made by."""
    start_s = made.first_bar * BAR_S
    edges = [0, *made.cuts, made.frame_count]
    kinds = [ShotKind.HERO_HOLD] + [ShotKind.MOTION] * (made.bars - 2) + [ShotKind.COVER_END]
    holds = [made.hold_frames if hold is None else hold] + [0] * (made.bars - 2) + [made.rest_frames]
    shots = tuple(
        Shot(f"s{i:02}", first, end - first, min(3, i // 2 + 1), kinds[i], Framing.WIDE, holds[i], "", "", 1, 100)
        for i, (first, end) in enumerate(pairwise(edges))
    )
    excerpt = Excerpt(start_s, start_s + made.bars * BAR_S, True)
    return EditPlan("0" * 64, "0" * 64, excerpt, made.fps, *made.size, shots)


def write_cover(path: Path) -> Path:
    Image.fromarray(np.asarray(cv2.GaussianBlur(world(7, 500), (0, 0), 4), np.uint8)).save(path)
    return path
