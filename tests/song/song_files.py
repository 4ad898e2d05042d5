"""Songs as files of any codec, made on the spot."""

import io
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.audio.stream import AudioStream
from av.video.stream import VideoStream

from bridge.song.audio import Audio


def encode(
    file: Path | io.BytesIO,
    codec: str,
    sound: Audio,
    *,
    layout: str | None = None,
    form: str | None = None,
    times: int = 1,
) -> None:
    """Writes a song, over and over if asked; `form` names the container where no file name does."""
    target = str(file) if isinstance(file, Path) else file
    with av.open(target, "w", format=form) as container:
        options = {"strict": "experimental"} if codec == "vorbis" else {}
        stream = cast(AudioStream, container.add_stream(codec, rate=sound.sample_rate_hz, options=options))
        stream.layout = layout or {1: "mono", 2: "stereo"}[sound.samples.shape[1]]
        flat = np.ascontiguousarray(sound.samples.reshape(1, -1))
        for i in range(times):
            frame = av.AudioFrame.from_ndarray(flat, format="flt", layout=stream.layout.name)
            frame.sample_rate, frame.pts = sound.sample_rate_hz, i * len(sound.samples)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def encoded(form: str, codec: str, sound: Audio) -> bytes:
    """The bytes of such a file."""
    memory = io.BytesIO()
    encode(memory, codec, sound, form=form)
    return memory.getvalue()


def film_without_sound(path: Path) -> None:
    """An MP4 of one black picture."""
    with av.open(str(path), "w") as container:
        stream = cast(VideoStream, container.add_stream("mpeg4", rate=25))
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8))
        container.mux([*stream.encode(frame), *stream.encode(None)])
