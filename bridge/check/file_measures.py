# SPDX-License-Identifier: GPL-3.0-or-later
"""The file as a deliverable: what players and upload sites ask of it."""

from blender_addon.core import formats
from blender_addon.core.encoding import H264, Codec
from blender_addon.core.timing import FRAME_RATES
from blender_addon.core.types import EditPlan
from bridge.check.container import Container, SoundTrack, VideoTrack
from bridge.check.measures import info_only, limited
from bridge.check.report import Group, Measure

MOST_JITTER_MS = 1.0
SOUND_BIT_RATES = (128_000, 256_000)
"""192 kb/s is asked of the encoder; what it spends follows the music"""
_BT709 = 1
_LIMITED = (0, 1)


def file_measures(
    container: Container, damaged_packets: int, plan: EditPlan | None, codec: Codec = H264
) -> list[Measure]:
    """Container, codecs, size, rates and length.

    Args:
        codec: what the pictures should be encoded in.
    """
    video = container.video
    found = [_format(container), *_coding(video, codec), *_shape(video, plan), *_timing(video, plan)]
    found.append(info_only(Group.FILE, "video bit rate", video.bit_rate, f"{video.bit_rate / 1e6:.2f} Mb/s", "b/s"))
    found.append(info_only(Group.FILE, "file size", container.size_bytes, f"{container.size_bytes / 1e6:.1f} MB", "B"))
    if container.faststart is not None:
        found.append(_faststart(container.faststart))
    found.append(_damage(damaged_packets))
    return found + _sound(container.sound, video, codec)


def _format(container: Container) -> Measure:
    text = "MP4" if container.is_mp4 else container.format
    advice = "Export to MP4: every player and upload site takes it."
    return limited(Group.FILE, "container", None, text, "", "MP4", container.is_mp4, advice)


def _coding(video: VideoTrack, wanted: Codec) -> list[Measure]:
    why = ": it plays everywhere" if wanted == H264 else ", which was asked for"
    codec = limited(
        Group.FILE, "video codec", None, video.codec, "", wanted.name, video.codec == wanted.name,
        f"Encode the pictures as {wanted.title}{why}.",
    )  # fmt: skip
    profile = limited(
        Group.FILE, "video profile", None, video.profile, "", " or ".join(wanted.profiles),
        video.profile in wanted.profiles,
        f"Encode with {wanted.title}'s {wanted.profiles[0]} profile: better pictures at the same size, and every "
        "player of today has it.",
    )  # fmt: skip
    pixels = limited(
        Group.FILE, "pixel format", None, video.pixel_format, "", wanted.pixel_format,
        video.pixel_format == wanted.pixel_format,
        f"Encode as {wanted.pixel_format}: players of {wanted.title} show black or nothing for others.",
    )  # fmt: skip
    *matrix, reach = video.color_tags
    tagged = all(tag == _BT709 for tag in matrix) and reach in _LIMITED
    text = (
        "BT.709, limited range" if tagged else "/".join(_tag(tag) for tag in matrix) + (", full" if reach == 2 else "")
    )
    colors = limited(
        Group.FILE, "colour tags", None, text, "", "BT.709", tagged,
        "Tag primaries, transfer and matrix as BT.709 with limited range: without tags, players guess the colours.",
    )  # fmt: skip
    return [codec, profile, pixels, colors]


def _tag(value: int) -> str:
    return {1: "BT.709", 2: "untagged", 5: "BT.601", 6: "BT.601", 9: "BT.2020"}.get(value, f"code {value}")


def full_size(video: VideoTrack, plan: EditPlan | None) -> tuple[int, int] | None:
    """The width and height of which the video is a draft: the planned ones, or usual ones; None if it is no draft."""
    size = (video.width_px, video.height_px)
    return next((full for full in _sizes(plan) if formats.draft_size(*full) == size != full), None)


def _sizes(plan: EditPlan | None) -> tuple[tuple[int, int], ...]:
    return ((plan.width_px, plan.height_px),) if plan else formats.usual_sizes_px()


def _size_limit(plan: EditPlan | None) -> str:
    if plan:
        return f"{plan.width_px} x {plan.height_px}"
    shorts = sorted({min(size) for size in formats.usual_sizes_px()})
    return f"{', '.join(formats.SHAPES)} with a shorter side of {', '.join(map(str, shorts))}"


def _size_advice(limit: str, plan: EditPlan | None) -> str:
    return f"Render at {limit}." if plan else f"Render at {limit}, or name the plan that asks for another size."


def _shape(video: VideoTrack, plan: EditPlan | None) -> list[Measure]:
    sizes, is_draft = _sizes(plan), full_size(video, plan) is not None
    limit = _size_limit(plan)
    size = limited(
        Group.FILE, "size", None, f"{video.width_px} x {video.height_px}" + (", a draft" if is_draft else ""), "px",
        limit, is_draft or (video.width_px, video.height_px) in sizes, _size_advice(limit, plan),
    )  # fmt: skip
    rates = (plan.fps,) if plan else FRAME_RATES
    known = ", ".join(f"{float(rate):.5g}" for rate in rates)
    rate = limited(
        Group.FILE, "frame rate", float(video.fps), f"{float(video.fps):.5g} fps", "fps", known,
        video.fps in rates, f"Render at {known} frames per second.",
    )  # fmt: skip
    pixels = limited(
        Group.FILE, "pixel shape", float(video.pixel_shape), str(video.pixel_shape).replace("/", ":"), "",
        "1 by 1", video.pixel_shape == 1,
        "Export with square pixels: with others, players that ignore the shape show the pictures stretched.",
    )  # fmt: skip
    return [size, pixels, rate]


def _timing(video: VideoTrack, plan: EditPlan | None) -> list[Measure]:
    jitter_ms = video.jitter_s * 1000
    constant = limited(
        Group.FILE, "constant rate", jitter_ms, f"frames at most {jitter_ms:.1f} ms off", "ms",
        f"at most {MOST_JITTER_MS:.0f} ms", jitter_ms <= MOST_JITTER_MS,
        "Export with a constant frame rate: with a variable one the pictures wander against the sound.",
    )  # fmt: skip
    text = f"{video.frame_count} frames, {video.duration_s:.2f} s"
    if plan is None:
        return [constant, info_only(Group.FILE, "length", video.duration_s, text, "s")]
    length = limited(
        Group.FILE, "length", video.duration_s, text, "s", f"{plan.frame_count} frames",
        video.frame_count == plan.frame_count,
        f"The plan has {plan.frame_count} frames; render the whole range, from its first frame to its last.",
    )  # fmt: skip
    return [constant, length]


def _faststart(first: bool) -> Measure:
    return limited(
        Group.FILE, "faststart", None, "index first" if first else "index last", "", "index first", first,
        "Move the index to the front (ffmpeg -i IN -c copy -movflags +faststart OUT): it then plays while it loads.",
    )  # fmt: skip


def _damage(packets: int) -> Measure:
    advice = "The file is damaged; export it again, or copy it again from where it came."
    return limited(Group.FILE, "damaged packets", packets, str(packets), "", "0", packets == 0, advice)


def _sound(sound: SoundTrack | None, video: VideoTrack, wanted: Codec) -> list[Measure]:
    if sound is None:
        return []
    named = f"{sound.codec} {sound.profile}".replace("aac LC", "AAC-LC").replace(" unknown", "")
    name = "AAC-LC" if wanted.sound == "aac" else wanted.sound
    codec = limited(
        Group.FILE, "sound codec", None, named, "", name, named == name,
        f"Encode the sound as {name}: it plays wherever {wanted.title} does.",
    )  # fmt: skip
    channels = {1: "mono", 2: "stereo"}.get(sound.channels, f"{sound.channels} channels")
    stereo = limited(
        Group.FILE,
        "channels",
        sound.channels,
        channels,
        "",
        "stereo",
        sound.channels == 2,
        "Export the sound in stereo.",
    )
    rate = limited(
        Group.FILE, "sample rate", sound.sample_rate_hz, f"{sound.sample_rate_hz / 1000:g} kHz", "Hz", "48 kHz",
        sound.sample_rate_hz == 48_000, "Export the sound at 48 kHz: it is what video is made with.",
    )  # fmt: skip
    low, high = SOUND_BIT_RATES
    bits = limited(
        Group.FILE, "sound bit rate", sound.bit_rate, f"{sound.bit_rate / 1000:.0f} kb/s", "b/s",
        f"{low // 1000} to {high // 1000} kb/s", low <= sound.bit_rate <= high,
        "Encode the sound at 192 kb/s: less is heard, more is wasted.",
    )  # fmt: skip
    gap_s = sound.duration_s - video.duration_s
    length = limited(
        Group.FILE, "sound's length", sound.duration_s, f"{gap_s * 1000:+.0f} ms against the pictures", "s",
        "within 50 ms of the pictures", abs(gap_s) <= 0.05, "Trim the sound to the pictures' length.",
    )  # fmt: skip
    return [codec, stereo, rate, *([bits] if wanted.sound == "aac" else []), length]
