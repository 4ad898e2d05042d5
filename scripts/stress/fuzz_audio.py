# SPDX-License-Identifier: GPL-3.0-or-later
"""Gives broken, odd and endless songs to `beatboard analyze`, each to a process of its own.

    python scripts/stress/fuzz_audio.py [--seed 0] [--quick]

Each must be analysed or refused in one sentence: no traceback, no hang, no further line on standard error, memory
within `MOST_GIB`, and JSON whose beats ascend within the song. Prints a table by kind; exit code 1 if one did
otherwise. `--quick` takes one file of each kind, and none of hours.
"""

import io
import itertools
import json
import os
import random
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
from PIL import Image

from bridge.song.audio import Audio
from scripts.bench.tracker import song
from scripts.measuring import ROOT, figure, parser
from tests.song.song_files import encode, encoded, film_without_sound

HANG_S = 120.0
MOST_GIB = 2.5
HOURS = ("three hours", "half an hour")
WHOLE = ("another's ending", "odd name", "half an hour")
"""kinds that nothing is wrong with"""
HEADER = 400
"""bytes that count as a file's header"""
CODECS = {  # name's ending: container, codec, rate in Hz
    "wav": ("wav", "pcm_s16le", 44_100),
    "flac": ("flac", "flac", 44_100),
    "mp3": ("mp3", "libmp3lame", 44_100),
    "m4a": ("ipod", "aac", 44_100),
    "ogg": ("ogg", "vorbis", 44_100),
    "opus": ("ogg", "libopus", 48_000),
}


@dataclass(frozen=True)
class Case:
    """A file to be made."""

    kind: str
    name: str
    make: bytes | Callable[[Path], object]
    """what is in it, or what makes it at a path"""


@dataclass
class Run:
    """What came of it."""

    case: Case
    exit_code: int
    seconds: float
    peak_gib: float
    output: str
    """standard error"""
    faults: list[str] = field(default_factory=list)


def cases(rng: random.Random) -> Iterator[Case]:
    """All of them; the same for the same seed."""
    sound = song(8 / 60, rate_hz=44_100)
    songs = {
        ending: encoded(form, codec, Audio(sound.samples, rate_hz)) for ending, (form, codec, rate_hz) in CODECS.items()
    }
    for ending, data in songs.items():
        yield from damaged(ending, data, rng)
    yield from no_songs(rng)
    yield from absurd_headers(sound)
    yield from odd_sounds(sound, rng)
    yield from odd_places(songs["wav"])
    yield from odd_tags(songs, rng)
    yield from joined(songs)
    yield from endless(songs["mp3"])


def damaged(ending: str, data: bytes, rng: random.Random) -> Iterator[Case]:
    """A whole file, cut, flipped, emptied, shuffled and misnamed."""
    for i in range(4):
        yield Case("cut short", f"cut{i}.{ending}", data[: rng.randrange(1, len(data))])
        yield Case("bits flipped in the header", f"header{i}.{ending}", flipped(data, rng, 8, HEADER))
        yield Case("bits flipped in the body", f"body{i}.{ending}", flipped(data, rng, 4 ** (i + 1), len(data)))
    for i in range(2):
        start, end = sorted(rng.sample(range(len(data)), 2))
        yield Case("a stretch zeroed", f"zeroed{i}.{ending}", data[:start] + bytes(end - start) + data[end:])
        a, b, c = sorted(rng.sample(range(HEADER, len(data)), 3))
        yield Case("two chunks swapped", f"swapped{i}.{ending}", data[:a] + data[b:c] + data[a:b] + data[c:])
    yield Case("header twice, or gone", f"twice.{ending}", data[:HEADER] + data)
    yield Case("header twice, or gone", f"gone.{ending}", data[HEADER:])
    yield Case("another's ending", f"{ending}.{'mp3' if ending != 'mp3' else 'wav'}", data)


def flipped(data: bytes, rng: random.Random, count: int, end: int) -> bytes:
    """With so many bits before `end` turned over."""
    turned = bytearray(data)
    for _ in range(count):
        turned[rng.randrange(end)] ^= 1 << rng.randrange(8)
    return bytes(turned)


def no_songs(rng: random.Random) -> Iterator[Case]:
    """Files of other kinds, named as songs."""
    picture, packed = io.BytesIO(), io.BytesIO()
    Image.new("RGB", (64, 64)).save(picture, "PNG")
    with zipfile.ZipFile(packed, "w") as file:
        file.writestr("song.mp3", bytes(1000))
    contents = {
        "empty.mp3": b"",
        "one byte.mp3": b"\xff",
        "text.mp3": b"no song at all\n" * 200,
        "page.mp3": b"<!doctype html><title>404</title>",
        "picture.mp3": picture.getvalue(),
        "zip.mp3": packed.getvalue(),
        "zeros.mp3": bytes(100_000),
        "chance.mp3": rng.randbytes(100_000),
        "list.mp3": b"#EXTM3U\n#EXTINF:10,\n/etc/passwd\n",
        "parts.mp3": b"ffconcat version 1.0\nfile /etc/passwd\n",
    }
    yield from (Case("no song", name, data) for name, data in contents.items())
    yield Case("no song", "silent film.mp4", film_without_sound)


def absurd_headers(sound: Audio) -> Iterator[Case]:
    """WAV files that claim what can't be."""
    pcm = (sound.samples * 20_000).astype("<i2").tobytes()
    claims = {
        "no channels": {"channels": 0},
        "65535 channels": {"channels": 65_535},
        "1 Hz": {"rate_hz": 1},
        "0 Hz": {"rate_hz": 0},
        "4 GHz": {"rate_hz": 2**32 - 1},
        "0 bits": {"bits": 0},
        "3 bits": {"bits": 3},
        "65535 bits": {"bits": 65_535},
        "unknown codec": {"codec": 0xABCD},
        "float of 16 bits": {"codec": 3},
        "align 0": {"align": 0},
        "4 GB": {"claimed": 2**32 - 1},
        "no bytes": {"claimed": 0},
    }
    yield from (Case("absurd WAV header", f"{name}.wav", wav(pcm, **claim)) for name, claim in claims.items())
    yield Case("absurd WAV header", "no format.wav", wav(pcm).replace(b"fmt ", b"junk"))


def wav(
    pcm: bytes,
    *,
    codec: int = 1,
    channels: int = 2,
    rate_hz: int = 44_100,
    bits: int = 16,
    align: int = 4,
    claimed: int | None = None,
) -> bytes:
    """A WAV file, whatever its header says."""
    size = len(pcm) if claimed is None else claimed
    form = struct.pack(
        "<4sIHHIIHH", b"fmt ", 16, codec, channels, rate_hz, min(align * rate_hz, 2**32 - 1), align, bits
    )
    return (
        struct.pack("<4sI4s", b"RIFF", min(size + 36, 2**32 - 1), b"WAVE")
        + form
        + struct.pack("<4sI", b"data", size)
        + pcm
    )


def odd_sounds(sound: Audio, rng: random.Random) -> Iterator[Case]:
    """Whole files of odd sound."""
    rate_hz, (length, _) = sound.sample_rate_hz, sound.samples.shape
    noise = np.random.default_rng(rng.randrange(2**32)).choice(np.array([-1, 1], np.float32), (length, 2))
    spoilt = {}
    for name, value in {"NaN": np.nan, "infinity": np.inf, "1e30": 1e30, "1e-42": 1e-42}.items():
        spoilt[name] = sound.samples.copy()
        spoilt[name][:: length // 1000] = value
    odd = {
        "24 bits": ("pcm_s24le", sound.samples, rate_hz),
        **{f"some {name}": ("pcm_f32le", samples, rate_hz) for name, samples in spoilt.items()},
        "all NaN": ("pcm_f32le", np.full_like(noise, np.nan), rate_hz),
        "all 1e30": ("pcm_f32le", sound.samples * np.float32(1e30), rate_hz),
        "384 kHz": ("pcm_s16le", sound.samples, 384_000),
        "1 kHz": ("pcm_s16le", sound.samples[:8_000], 1_000),
        "silence": ("pcm_s16le", np.zeros_like(noise), rate_hz),
        "constant": ("pcm_s16le", np.ones_like(noise), rate_hz),
        "full-scale noise": ("pcm_s16le", noise, rate_hz),
        "one sample": ("pcm_s16le", sound.samples[:1], rate_hz),
        "10 ms": ("pcm_s16le", sound.samples[:441], rate_hz),
        "half a second": ("pcm_s16le", sound.samples[: rate_hz // 2], rate_hz),
    }
    for name, (codec, samples, rate) in odd.items():
        yield Case("odd sound", f"{name}.wav", partial(encode, codec=codec, sound=Audio(samples, rate)))
    doubles = (sound.samples * 1e300).astype("<f8").tobytes()
    yield Case("odd sound", "all 1e300.wav", wav(doubles, codec=3, bits=64, align=16))
    eight = Audio(np.repeat(sound.samples, 4, axis=1), rate_hz)
    yield Case("odd sound", "8 channels.flac", partial(encode, codec="flac", sound=eight, layout="7.1"))


def odd_places(data: bytes) -> Iterator[Case]:
    """Good songs of odd names, and what is no file."""
    names = (
        "two\nlines",
        "Artist: Title",
        "日本語 🎵 é",
        os.fsdecode(b"not \xff UTF-8"),
        "100%d 'n' \"$HOME\"",
        "x" * 250,
    )
    yield from (Case("odd name", f"{name}.wav", data) for name in names)
    yield from (Case("odd name, no song", f"{name}.wav", b"no song") for name in names)
    yield Case("no file", "folder.wav", Path.mkdir)
    yield Case("no file", "pipe.wav", os.mkfifo)
    yield Case("no file", "link to nothing.wav", lambda path: path.symlink_to("nothing"))
    yield Case("no file", "link to itself.wav", lambda path: path.symlink_to(path.name))
    yield Case("no file", "device.wav", lambda path: path.symlink_to("/dev/zero"))
    yield Case("no file", "never made.wav", lambda _: None)


def odd_tags(songs: dict[str, bytes], rng: random.Random) -> Iterator[Case]:
    """Cover art that is broken, tags that are huge or claim to be."""
    art = id3_frame(b"APIC", b"\0image/jpeg\0\x03\0\xff\xd8\xff\xe0" + rng.randbytes(50_000))
    tags = {
        "broken art": id3(art),
        "a hundred arts": id3(art * 100),
        "40 MB": id3(id3_frame(b"PRIV", bytes(40_000_000))),
        "claims 256 MB": id3(art, claimed=2**28 - 1),
        "frame claims 4 GB": id3(b"APIC" + b"\xff" * 6 + bytes(100)),
        "text of no encoding": id3(id3_frame(b"TIT2", b"\x03" + rng.randbytes(200))),
    }
    for name, tag in tags.items():
        yield Case("odd tag", f"{name}.mp3", tag + songs["mp3"])
    flac = songs["flac"]
    for name, size, body in (("art", 1_000, rng.randbytes(1_000)), ("claims 16 MB", 2**24 - 1, b"")):
        block = bytes([6]) + size.to_bytes(3, "big") + body
        yield Case("odd tag", f"{name}.flac", flac[:42] + block + flac[42:])


def id3(frames: bytes, claimed: int | None = None) -> bytes:
    """An ID3v2.3 tag."""
    size = len(frames) if claimed is None else claimed
    return b"ID3\3\0\0" + bytes(size >> shift & 127 for shift in (21, 14, 7, 0)) + frames


def id3_frame(name: bytes, body: bytes) -> bytes:
    """One frame of such a tag."""
    return name + len(body).to_bytes(4, "big") + b"\0\0" + body


def joined(songs: dict[str, bytes]) -> Iterator[Case]:
    """Files that go on as another rate and number of channels, or as another format."""
    mono = song(4 / 60, rate_hz=24_000).samples[:, :1]
    for ending, (form, codec, _) in CODECS.items():
        if codec != "vorbis":  # FFmpeg's encoder has two channels only
            yield Case(
                "changes on the way", f"rate.{ending}", songs[ending] + encoded(form, codec, Audio(mono, 24_000))
            )
    for first, second in (("mp3", "flac"), ("ogg", "opus"), ("opus", "ogg"), ("flac", "wav")):
        yield Case("changes on the way", f"{second}.{first}", songs[first] + songs[second])


def endless(mp3: bytes) -> Iterator[Case]:
    """Three hours, which are refused, and the longest that is not; last, as they take longest."""
    minute, silence = song(1.0, rate_hz=44_100), Audio(np.zeros((60 * 44_100, 2), np.float32), 44_100)
    yield Case("three hours", "silence.flac", partial(encode, codec="flac", sound=silence, times=180))
    yield Case("three hours", "music.flac", partial(encode, codec="flac", sound=minute, times=180))
    yield Case("three hours", "music.mp3", partial(write_again_and_again, data=mp3, times=180 * 60 // 8))
    yield Case("half an hour", "music.flac", partial(encode, codec="flac", sound=minute, times=30))
    yield Case("half an hour", "silence.flac", partial(encode, codec="flac", sound=silence, times=30))


def write_again_and_again(path: Path, data: bytes, times: int) -> None:
    """Writes these bytes so many times."""
    with path.open("wb") as file:
        for _ in range(times):
            file.write(data)


def analyze(case: Case, folder: Path) -> Run:
    """Makes the file in the folder, runs the command there on it, and looks at what came of it."""
    if isinstance(case.make, bytes):
        (folder / case.name).write_bytes(case.make)
    else:
        case.make(folder / case.name)
    command = [sys.executable, "-m", "bridge", "analyze", case.name, "--json", "found.json"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "BEATBOARD_HOME": str(folder / "home")}
    started = time.monotonic()
    with (folder / "output").open("w+", errors="replace") as output:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=output)
        limit = threading.Timer(HANG_S, process.kill)
        limit.start()
        # Its peak is never given as less than this process had when it started it.
        _, status, usage = os.wait4(process.pid, 0)
        limit.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        run = Run(case, process.returncode, time.monotonic() - started, usage.ru_maxrss / 2**20, output.read())
    run.faults = list(faults(run, folder / "found.json"))
    return run


def faults(run: Run, found: Path) -> Iterator[str]:
    """What is wrong with it, in words."""
    lines = run.output.splitlines()
    sentences = sum(line.startswith("beatboard: ") for line in lines)
    if "Traceback" in run.output:
        yield "traceback"
    if run.seconds >= HANG_S:
        yield "hang"
    elif run.exit_code not in ((0,) if run.case.kind in WHOLE else (0, 2)):
        yield f"exit code {run.exit_code}"
    if run.peak_gib > MOST_GIB:
        yield f"{run.peak_gib:.2f} GiB"
    if sentences != (run.exit_code == 2) or not all(line.startswith(("Song", "  ", "beatboard: ")) for line in lines):
        yield "further lines"
    if run.exit_code == 0 and not sound_grid(found.read_text()):
        yield "JSON"


def sound_grid(text: str) -> bool:
    """Whether it is JSON of finite numbers with beats that ascend within the song and sections that fill it."""
    if "NaN" in text or "Infinity" in text:  # Python's reader takes them
        return False
    grid = json.loads(text)
    beats_s = [beat["time_s"] for beat in grid["beats"]]
    times_s = [-1e-9, *beats_s, grid["duration_s"]]
    edges_s = [
        0.0,
        *(time for part in grid["sections"] for time in (part["start_s"], part["end_s"])),
        grid["duration_s"],
    ]
    return (
        all(a < b for a, b in itertools.pairwise(times_s))
        and set(grid["downbeats_s"]) <= set(beats_s)
        and edges_s[::2] == edges_s[1::2]
    )


def show(runs: list[Run]) -> None:
    """One table by kind, the faults, what took most, and the figures."""
    print("| kind | files | analysed | refused | faults | peak | longest |\n|---|---|---|---|---|---|---|")
    for kind in dict.fromkeys(run.case.kind for run in runs):
        of_kind = [run for run in runs if run.case.kind == kind]
        analysed, refused = (sum(run.exit_code == code for run in of_kind) for code in (0, 2))
        wrong = sum(bool(run.faults) for run in of_kind)
        peak_gib, longest_s = max(run.peak_gib for run in of_kind), max(run.seconds for run in of_kind)
        print(
            f"| {kind} | {len(of_kind)} | {analysed} | {refused} | {wrong} | {peak_gib:.2f} GiB | {longest_s:.1f} s |"
        )
    print("\nthe largest and the longest:")
    for measure in ("peak_gib", "seconds"):
        for run in sorted(runs, key=lambda run: getattr(run, measure), reverse=True)[:3]:
            print(f"  {run.case.kind}, {run.case.name!r}: {run.peak_gib:.2f} GiB, {run.seconds:.1f} s")
    for run in runs:
        if run.faults:
            print(f"\n{run.case.kind}, {run.case.name!r}: {', '.join(run.faults)}\n{run.output[-1500:]}")
    figure("fuzz_files", len(runs), "files")
    for name, fault in (("tracebacks", "traceback"), ("hangs", "hang")):
        figure(f"fuzz_{name}", sum(fault in run.faults for run in runs), "files")
    figure("fuzz_faults", sum(bool(run.faults) for run in runs), "files")
    figure("fuzz_peak_gib", max(run.peak_gib for run in runs), "GiB")
    figure("fuzz_longest_s", max(run.seconds for run in runs), "s")


def main() -> int:
    """Runs them one by one; 0 if none did what it must not."""
    command = parser(__doc__)
    command.add_argument("--seed", type=int, default=0)
    options = command.parse_args()
    runs: list[Run] = []
    for case in cases(random.Random(options.seed)):
        if options.quick and (case.kind in HOURS or any(run.case.kind == case.kind for run in runs)):
            continue
        with tempfile.TemporaryDirectory() as folder:
            runs.append(analyze(case, Path(folder)))
        print(f"{len(runs)} {case.kind}, {case.name!r}: {runs[-1].exit_code}", file=sys.stderr, flush=True)
    show(runs)
    return int(any(run.faults for run in runs))


if __name__ == "__main__":
    sys.exit(main())
