# SPDX-License-Identifier: GPL-3.0-or-later
"""Songs from files and to files. PyAV decodes: librosa reads m4a and video only with an ffmpeg program."""

import os
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from av import Packet
from av.audio.frame import AudioFrame
from av.audio.layout import AudioLayout
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import ArgumentError, FFmpegError, InvalidDataError, PatchWelcomeError
from av.error import EOFError as EndOfFile

from blender_addon.core import mp4
from bridge.common.errors import BadInput
from bridge.common.files import for_ffmpeg, written_beside

MAX_DURATION_S = 30 * 60
MAX_SAMPLE_RATE_HZ = 48_000
_SOURCE_RATES_HZ = range(1_000, 768_001)
_INVERTED = -0.5
"""channels that correlate less than this are each other's inverse; two that have nothing in common are near 0"""
_STRETCH_S = 0.2
"""what lasts no longer is a damaged frame's own idea of the rate or the channels"""
_LOUDEST = 10.0
"""20 dB beyond full scale: what floating-point files hold beyond that is damage, and its square no number any more"""

# Only containers that hold sound: FFmpeg opens playlists, subtitles and text too, and some of them name further files.
_CONTAINERS = "mp3,wav,w64,rf64,flac,ogg,mov,mp4,m4a,3gp,3g2,mj2,aac,aiff,caf,matroska,webm,asf,ac3,wv,ape,tta,au"

Series = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Audio:
    """A song's sound."""

    samples: Series
    """shape (n, channels), full scale is 1.0; sample 0 is what a player plays first"""
    sample_rate_hz: int

    @property
    def duration_s(self) -> float:
        return len(self.samples) / self.sample_rate_hz

    @property
    def mono(self) -> Series:
        """The mean of the channels, shape (n,), each in the polarity in which it adds to the loudest one.

        A channel that is another's inverse (a miswired cable, an M/S file) would cancel it out in a plain mean.
        """
        return (self.samples @ (_polarities(self.samples) / self.samples.shape[1])).astype(np.float32, copy=False)


def decode(path: str | os.PathLike[str], sample_rate_hz: int | None = None) -> Audio:
    """Decodes a song: mp3, wav, flac, ogg, opus, m4a and what else FFmpeg's audio decoders read.

    The encoder's delay is left out (LAME tag, Opus pre-skip, MP4 edit list). Damaged stretches are left out, as players
    do. The file's header is never believed about the length. The rate and the channels are the most that any stretch of
    the song has, so that a mono ident in front of it takes nothing away.

    More than two channels are mixed down to stereo: by FFmpeg's matrix where the file names its loudspeakers, otherwise
    the odd channels to the left and the even ones to the right. The mix is made quieter as a whole if it would clip.

    Args:
        path: the file.
        sample_rate_hz: resample to this rate; otherwise the file's own, at most 48 kHz.

    Raises:
        BadInput: there is no such file, it has no sound, or it is longer than 30 minutes.
    """
    song = Path(path)
    must_be_readable(song)
    form = None
    while True:  # once more if a later stretch has more channels or a higher rate than the first
        decoded = _opened(song, form, sample_rate_hz)
        if isinstance(decoded, Audio):
            return decoded
        form = decoded


def _opened(song: Path, form: "_Form | None", sample_rate_hz: int | None) -> "Audio | _Form":
    try:
        options = {"format_whitelist": _CONTAINERS, "skip_initial_bytes": str(_tag_size(song))}
        with av.open(for_ffmpeg(song), options=options, metadata_errors="ignore") as container:
            track = _track(container)
            if track is None:
                raise BadInput(f"{song.name} has no audio track; give a song as mp3, wav, flac, ogg, opus or m4a.")
            return _decode_as(form, container, track, song, sample_rate_hz)
    except (FFmpegError, UnicodeError) as error:
        if mp4.is_protected(song):
            raise BadInput(_protected(song)) from error
        raise BadInput(
            f"{song.name} is not a song that can be decoded ({_reason(error)}); "
            "give a whole mp3, wav, flac, ogg, opus or m4a file."
        ) from error


def write_wav(audio: Audio, path: str | os.PathLike[str]) -> None:
    """Writes 16-bit PCM; samples beyond full scale are clipped. The file appears whole or not at all."""
    pcm = np.clip(np.round(audio.samples * 32768), -32768, 32767).astype("<i2")  # what was 16 bits stays as it was
    with written_beside(Path(path)) as beside, wave.open(str(beside), "wb") as file:
        file.setnchannels(pcm.shape[1])
        file.setsampwidth(2)
        file.setframerate(audio.sample_rate_hz)
        file.writeframes(pcm.tobytes())


def write_song(song: Path, path: Path) -> None:
    """The song as the WAV file that Blender plays: two channels at least, since Blender plays a single one 3 dB lower.

    Raises:
        BadInput: it can't be decoded, see `decode`.
    """
    audio = decode(song)
    if audio.samples.shape[1] == 1:
        audio = Audio(np.repeat(audio.samples, 2, axis=1), audio.sample_rate_hz)
    write_wav(audio, path)


def must_be_readable(song: Path) -> None:
    """Raises BadInput, with what to do, unless this is a file with something in it."""
    if song.is_dir():
        raise BadInput(f"{song} is a folder; give a song file.")
    if not song.exists():
        raise BadInput(f"{song} does not exist; check the path to the song.")
    if not song.is_file():
        raise BadInput(f"{song} is not a regular file; give a song file.")
    try:
        with song.open("rb") as file:
            if not file.read(1):
                raise BadInput(f"{song.name} is empty; give a song file.")
    except OSError as error:
        raise BadInput(f"{song} cannot be read: {error.strerror}; check its permissions.") from error


def _tag_size(song: Path) -> int:
    """The bytes of the ID3v2 tag at the start (id3.org, "ID3v2.4.0 Main Structure", 3.1), 0 without one.

    Nothing in it is needed, and FFmpeg writes its private data out as text: 256 MB, the most, took 3 GB and a minute.
    """
    with song.open("rb") as file:
        head = file.read(10)
    if len(head) < 10 or head[:3] != b"ID3":
        return 0
    size = sum((byte & 127) << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=True))
    return 10 + size + 10 * (head[5] >> 4 & 1)  # some have a footer


@dataclass(frozen=True)
class _Form:
    """What a song is decoded to."""

    rate_hz: int
    channels: int
    """1 or 2"""
    is_mixed: bool
    """whether some of it had more channels"""

    @classmethod
    def of(cls, frame: AudioFrame, rate_hz: int | None) -> "_Form":
        channels = frame.layout.nb_channels
        return cls(rate_hz or min(frame.sample_rate, MAX_SAMPLE_RATE_HZ), min(channels, 2), channels > 2)

    def with_all_of(self, other: "_Form") -> "_Form":
        return _Form(
            max(self.rate_hz, other.rate_hz), max(self.channels, other.channels), self.is_mixed or other.is_mixed
        )


def _decode_as(
    form: _Form | None, container: InputContainer, track: AudioStream, song: Path, sample_rate_hz: int | None
) -> Audio | _Form:
    """The sound in this form, by default the first frame's; or the form that it needs as a whole."""
    chunks: list[Series] = []
    length = 0
    resampler: _Resampler | None = None
    larger_s = 0.0
    declared = track.codec_context.layout
    for whole in _frames(container, track):
        has_pairs = not _names_loudspeakers(declared) and whole.layout.nb_channels == declared.nb_channels
        frame = _paired(whole) if has_pairs else whole
        if frame.sample_rate not in _SOURCE_RATES_HZ:
            raise BadInput(f"{song.name} has a sample rate of {frame.sample_rate} Hz, which no song has; convert it.")
        own = _Form.of(frame, sample_rate_hz)
        form = form or own
        if form.with_all_of(own) != form:
            larger_s += frame.samples / frame.sample_rate
            if larger_s > _STRETCH_S:
                return form.with_all_of(own)
        resampler = resampler or _Resampler(form)
        for chunk in resampler.convert(frame):
            chunks.append(chunk)
            length += len(chunk)
        if length > MAX_DURATION_S * form.rate_hz:
            raise BadInput(f"{song.name} is longer than {MAX_DURATION_S // 60} minutes; cut out the song you want.")
    if resampler is not None:
        chunks += resampler.flush()
    samples = np.concatenate(chunks) if chunks else np.zeros((0, 1), np.float32)
    if form is None or not len(samples):
        raise BadInput(_no_sound(song, track))
    np.clip(np.nan_to_num(samples, copy=False), -_LOUDEST, _LOUDEST, out=samples)
    if form.is_mixed and (peak := float(np.abs(samples).max())) > 1:
        samples /= peak
    return Audio(samples, form.rate_hz)


def _no_sound(song: Path, track: AudioStream) -> str:
    """Why nothing could be decoded, and what to do."""
    if mp4.is_protected(song):
        return _protected(song)
    if not any(packet.size for packet in _packets(song)):
        return f"{song.name} holds no sound; give a whole mp3, wav, flac, ogg, opus or m4a file."
    name = track.codec_context.name
    return f"{song.name} holds sound as {name} of which nothing could be decoded; convert it to wav or flac."


def _protected(song: Path) -> str:
    return f"{song.name} is protected against copying (DRM): no program but its shop's can decode it. Give a free copy."


def _packets(song: Path) -> Iterator[Packet]:
    """The first audio track's packets, undecoded, as far as they can be read."""
    with av.open(for_ffmpeg(song), metadata_errors="ignore") as container:
        try:
            yield from container.demux(container.streams.audio[0])
        except FFmpegError:
            return


def _polarities(samples: Series) -> Series:
    """For each channel 1, or -1 if it is the inverse of the loudest one, shape (channels,)."""
    signs = np.ones(samples.shape[1], np.float32)
    if samples.shape[1] < 2 or not len(samples):
        return signs
    products = samples.T.astype(np.float64) @ samples
    powers = np.diag(products)
    loudest = int(np.argmax(powers))
    likeness = products[loudest] / np.sqrt(np.maximum(powers * powers[loudest], 1e-12))
    signs[likeness < _INVERTED] = -1
    return signs


def _track(container: InputContainer) -> AudioStream | None:
    """The first audio track whose codec is known; a damaged header can name one that nobody knows."""
    # PyAV's stubs leave out that a stream of an unknown codec has no context.
    return next((track for track in container.streams.audio if track.codec_context is not None), None)


def _frames(container: InputContainer, track: AudioStream) -> Iterator[AudioFrame]:
    track.codec_context.thread_type = "NONE"  # audio decoders gain nothing from threads
    packets = container.demux(track)
    while True:
        try:
            packet = next(packets)
        except (StopIteration, EndOfFile):
            return
        except InvalidDataError:
            continue
        except (ArgumentError, PatchWelcomeError):
            return  # a chained file goes on as what FFmpeg can't switch to: heard as far as it can be
        try:
            frames = packet.decode()
        except EndOfFile:
            return
        except FFmpegError:
            continue  # a damaged packet, by whatever name: players go on with the next, so the song stays playable
        yield from (frame for frame in frames if isinstance(frame, AudioFrame))


class _Resampler:
    """One output format from frames whose own format may change on the way (chained Ogg, joined mp3 files)."""

    def __init__(self, form: _Form) -> None:
        self._rate_hz = form.rate_hz
        self._layout = "mono" if form.channels == 1 else "stereo"
        self._source: tuple[str, str, int] | None = None
        self._inner = self._new()

    def _new(self) -> AudioResampler:
        return AudioResampler(format="flt", layout=self._layout, rate=self._rate_hz)

    def convert(self, frame: AudioFrame) -> list[Series]:
        source = (frame.format.name, frame.layout.name, frame.sample_rate)
        chunks = []
        if source != self._source:
            chunks = self.flush()
            self._source = source
        frame.pts = None  # gaps in the time stamps are no silence to fill in
        try:
            return chunks + self._arrays(self._inner.resample(frame))
        except FFmpegError:  # a damaged packet can decode to a frame in a layout that does not exist: left out too
            self._source, self._inner = None, self._new()
            return chunks

    def flush(self) -> list[Series]:
        """What is left inside; afterwards another source format may follow."""
        chunks = self._arrays(self._inner.resample(None)) if self._source else []
        self._inner = self._new()
        return chunks

    @staticmethod
    def _arrays(frames: list[AudioFrame]) -> list[Series]:
        return [np.asarray(frame.to_ndarray(), np.float32).reshape(-1, frame.layout.nb_channels) for frame in frames]


def _names_loudspeakers(layout: AudioLayout) -> bool:
    """Whether the layout says where each channel belongs; FFmpeg can mix no other."""
    return layout.nb_channels <= 2 or not layout.name.endswith(" channels")


def _paired(frame: AudioFrame) -> AudioFrame:
    """Channels without loudspeakers as two: the sum of the odd ones, counted from 1, and of the even ones."""
    values = frame.to_ndarray()
    if np.issubdtype(values.dtype, np.integer):
        bounds = np.iinfo(values.dtype.name)
        middle = (int(bounds.min) + int(bounds.max) + 1) / 2
        values = (values - middle) / (int(bounds.max) + 1 - middle)
    channels = values if frame.format.is_planar else values.reshape(-1, frame.layout.nb_channels).T
    mixed = np.stack([channels[0::2].sum(axis=0), channels[1::2].sum(axis=0)])
    paired = AudioFrame.from_ndarray(np.ascontiguousarray(mixed, np.float32), format="fltp", layout="stereo")
    paired.sample_rate = frame.sample_rate
    return paired


def _reason(error: Exception) -> str:
    text = getattr(error, "strerror", None) or "its text is not readable"
    return text[:1].lower() + text[1:]
