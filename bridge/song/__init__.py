# SPDX-License-Identifier: GPL-3.0-or-later
"""The ear: a song in, its grid, sections, energy, drop and drum gaps out."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from blender_addon.core.lyrics import SungLine
from blender_addon.core.types import SongAnalysis
from bridge.common.progress import OnProgress

if TYPE_CHECKING:
    from bridge.song.audio import Audio
    from bridge.song.channels import Curve
    from bridge.song.trackers import Tracker


def analyze(
    path: str | os.PathLike[str], tracker: str = "bars", on_progress: OnProgress | None = None, reading: int = 1
) -> SongAnalysis:
    """Analyses a song, or recalls the analysis of the same file by the same tracker's version.

    Args:
        path: the song.
        tracker: a name from `bridge.song.trackers.names()`.
        on_progress: is told how far it is (0-1) and what is being done.
        reading: which of the song's likeliest readings to count in, from 1.

    Raises:
        BadInput: the file holds no song, or there is no such tracker or reading.
    """
    from bridge.common.files import sha256_of
    from bridge.song import cache, trackers
    from bridge.song.audio import must_be_readable

    tell = on_progress or (lambda _progress, _stage: None)
    song = Path(path)
    must_be_readable(song)
    ear = trackers.load(tracker)
    song_sha256 = sha256_of(song)
    known = cache.load(song_sha256, f"{ear.name}-{ear.version}")
    if known is None:
        from bridge.song.audio import decode
        from bridge.song.spectra import SAMPLE_RATE_HZ

        tell(0.0, "decoding")
        known = analyze_audio(decode(song, SAMPLE_RATE_HZ), song_sha256, ear, tell)
        cache.save(known)
    tell(1.0, "analysed")
    return in_reading(known, reading, song.name)


def in_reading(analysis: SongAnalysis, number: int, name: str) -> SongAnalysis:
    """The song counted in one of its readings, 1 as it was heard.

    Raises:
        BadInput: there is no such reading of the song, whose file's name is given.
    """
    from blender_addon.core import regrid
    from bridge.common.errors import BadInput

    if number == 1:
        return analysis  # a song without a beat has no reading, and needs none
    try:
        return regrid.with_reading(analysis, number)
    except IndexError:
        count = len(analysis.readings)
        some = {0: "no reading", 1: "only one reading"}.get(count, f"{count} readings")
        raise BadInput(f"{name} has {some}: `beatboard analyze` lists them; there is no --reading {number}.") from None


def decode(path: str | os.PathLike[str], sample_rate_hz: int | None = None) -> "Audio":
    """See `bridge.song.audio.decode`."""
    from bridge.song import audio

    return audio.decode(path, sample_rate_hz)


def plot(
    analysis: SongAnalysis, audio: "Audio", path: str | os.PathLike[str], others: Sequence[SongAnalysis] = ()
) -> None:
    """See `bridge.song.drawing.plot`."""
    from bridge.song import drawing

    drawing.plot(analysis, audio, path, others)


def write_click(
    analysis: SongAnalysis, audio: "Audio", path: str | os.PathLike[str], second: SongAnalysis | None = None
) -> None:
    """See `bridge.song.clicks.write_click`."""
    from bridge.song import clicks

    clicks.write_click(analysis, audio, path, second)


def write_channels(analysis: SongAnalysis, song: str | os.PathLike[str], path: str | os.PathLike[str]) -> None:
    """See `bridge.song.channels`."""
    from bridge.song import channels
    from bridge.song.spectra import SAMPLE_RATE_HZ

    channels.write(channels.compute_channels(decode(song, SAMPLE_RATE_HZ), analysis), path)


def load_lyrics(
    path: str | os.PathLike[str], analysis: SongAnalysis, song: str | os.PathLike[str]
) -> tuple[SungLine, ...]:
    """See `bridge.song.lyrics.load`; a file without times is spread over the song's voice."""
    from bridge.song import channels, lyrics
    from bridge.song.spectra import SAMPLE_RATE_HZ

    def voice() -> "tuple[Curve, int]":
        found = channels.compute_channels(decode(song, SAMPLE_RATE_HZ), analysis)
        return found.curves["voice"], found.rate_hz

    return lyrics.load(Path(path), voice)


def compare(path: str | os.PathLike[str], analysis: SongAnalysis) -> list[SongAnalysis]:
    """What every tracker that can run here hears, the one of the given analysis first."""
    from bridge.common.errors import BadInput
    from bridge.song import trackers

    heard = [analysis]
    for name in trackers.names():
        try:
            other = analyze(path, name)
        except BadInput:  # a tracker that lacks its packages or its weights here
            continue
        if other.tracker != analysis.tracker:
            heard.append(other)
    return heard


def analyze_audio(audio: "Audio", song_sha256: str, ear: "Tracker", on_progress: OnProgress) -> SongAnalysis:
    """The analysis of decoded sound at `spectra.SAMPLE_RATE_HZ`, without the cache."""
    from bridge.song.assemble import summarize
    from bridge.song.spectra import compute_spectra

    on_progress(0.2, "listening")
    spectra = compute_spectra(audio)
    on_progress(0.6, "finding beats and bars")
    grid = ear.track(audio, spectra)
    on_progress(0.9, "finding sections")
    return summarize(audio, spectra, grid, song_sha256, f"{ear.name}-{ear.version}")
