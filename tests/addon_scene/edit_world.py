"""A small edit to build and render: made clips, a made song, a plan."""

import wave
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from blender_addon.core import mp4
from blender_addon.core.types import (
    Beat,
    CoverLook,
    EditPlan,
    EnergyCurve,
    Excerpt,
    Framing,
    Grade,
    Section,
    SectionRole,
    Shot,
    ShotKind,
    SongAnalysis,
)

SAMPLE_RATE_HZ = 48_000
LENGTHS = (12, 18, 12)
GRADE = Grade(
    matrix=(0.90, 0.08, 0.02, 0.03, 0.92, 0.05, 0.02, 0.06, 0.92),
    curves=(
        tuple(np.linspace(0, 1, 33) ** 0.9 * 0.95 + 0.02),
        tuple(np.linspace(0, 1, 33) ** 1.1),
        tuple(np.clip(np.linspace(0, 1, 33) * 1.1 - 0.03, 0, 1)),
    ),
)


def shots(lengths=LENGTHS) -> tuple[Shot, ...]:
    starts = np.cumsum([0, *lengths[:-1]]).tolist()
    return tuple(
        Shot(
            f"s{i + 1:02d}",
            starts[i],
            lengths[i],
            i % 3 + 1,
            ShotKind.MOTION,
            Framing.WIDE,
            0,
            f"prompt {i}",
            "",
            i,
            90,
        )
        for i in range(len(lengths))
    )


def plan(lengths=LENGTHS, *, fps=Fraction(24), start_s=1.2345, fades_out=False, width_px=160, height_px=90) -> EditPlan:
    end_s = start_s + float(sum(lengths) / fps)
    return EditPlan(
        "a" * 64, "b" * 64, Excerpt(start_s, end_s, fades_out), fps, width_px, height_px, shots(lengths)
    )  # fmt: skip


def analysis(start_s=1.2345) -> SongAnalysis:
    """120 bpm in 4/4; bar 2 starts with the excerpt, a chorus with bar 3."""
    beats = tuple(Beat(start_s - 2 + 0.5 * i, 1 + i // 4, 1 + i % 4, 0.9) for i in range(24))
    sections = (
        Section(0.0, start_s + 2, "A", SectionRole.INTRO, 0.2),
        Section(start_s + 2, 14.0, "B", SectionRole.CHORUS, 0.8),
    )
    energy = EnergyCurve(0.5, (0.1, 0.9))
    return SongAnalysis("a" * 64, 14.0, 120.0, 4, beats, sections, energy, start_s + 2, (), 0.9, "made-1")


def look(grade=GRADE) -> CoverLook:
    return CoverLook("b" * 64, (), (), grade)


def make_song(path: Path, length_s=8.0) -> np.ndarray:
    """Noise, so that any shift shows. Gives the samples, float, shape (n, 2)."""
    samples = np.random.default_rng(0).normal(0, 3000, (int(length_s * SAMPLE_RATE_HZ), 2)).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE_HZ)
        file.writeframes(samples.tobytes())
    return samples / 32768


def make_clip(
    path: Path, frames: int, seed: int, *, fps=Fraction(24), width_px=160, height_px=90, rest=0, handles=0
) -> Path:
    """A moving gradient: every frame differs from every other, but for the first `rest`. Keyframes as in real clips.

    With handles the file has as many frames more at either end.
    """
    y, x = np.mgrid[0:height_px, 0:width_px]
    with av.open(str(path), "w") as out:
        if handles:
            out.metadata["comment"] = f"{mp4.HANDLES_COMMENT}{handles}"
        stream = out.add_stream("libx264", rate=fps, options={"crf": "10", "preset": "ultrafast", "g": "12"})
        stream.width, stream.height, stream.pix_fmt = width_px, height_px, "yuv420p"
        stream.codec_context.colorspace = stream.codec_context.color_primaries = stream.codec_context.color_trc = 1
        stream.codec_context.color_range = 1
        for i in (max(0, index - rest) for index in range(-handles, frames + handles)):
            planes = (x + 5 * i + 40 * seed, y * 2 + 60 * seed, x // 2 + y // 2 + 3 * i)
            rgb = np.stack([40 + plane % 170 for plane in planes], axis=-1).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(rgb, format="rgb24")
            out.mux(stream.encode(frame.reformat(format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG")))
        out.mux(stream.encode(None))
    return path


def make_clips(folder: Path, lengths=LENGTHS, **kwargs) -> dict[str, Path]:
    folder.mkdir(parents=True, exist_ok=True)
    return {
        f"s{i + 1:02d}": make_clip(folder / f"s{i + 1:02d}.mp4", frames, i, **kwargs)
        for i, frames in enumerate(lengths)
    }


def pictures(video: Path) -> list[np.ndarray]:
    """Every frame's planes, as decoded."""
    with av.open(str(video)) as container:
        return [frame.to_ndarray(format="yuv420p") for frame in container.decode(video=0)]


def sound(video: Path) -> np.ndarray:
    """The first channel as a player plays it: the encoder's delay left out."""
    with av.open(str(video)) as container:
        frames = list(container.decode(audio=0))
    heard = np.concatenate([frame.to_ndarray()[0] for frame in frames])
    first_s = frames[0].time or 0.0
    assert first_s <= 0
    return heard[round(-first_s * SAMPLE_RATE_HZ) :]


def shift_samples(heard: np.ndarray, played: np.ndarray) -> int:
    """By how many samples `heard` is late against `played`."""
    window = heard[2400 : 2400 + 24000]
    size = len(played) + len(window)
    match = np.fft.irfft(np.fft.rfft(played, size) * np.conj(np.fft.rfft(window, size)))
    return 2400 - int(np.argmax(match))


def the_song(scene):
    """The song's strip, which has to be there."""
    from blender_addon.scene import timeline

    strip = timeline.song_strip(scene)
    assert strip is not None
    return strip


def the_group(scene):
    """The grade's node group, which has to be there."""
    from blender_addon.scene import grade

    group = grade.find(scene)
    assert group is not None
    return group
