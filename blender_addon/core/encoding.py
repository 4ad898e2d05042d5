# SPDX-License-Identifier: GPL-3.0-or-later
"""How pictures and sound are encoded, wherever that is done. Pure: standard library only.

Unless another codec is asked for (`CODECS`), all video is H.264 High, 8-bit 4:2:0, BT.709 with limited range, without
B-frames, so that segments join and stills repeat exactly. The sound is AAC-LC. Blender is told by its own names, PyAV
by ffmpeg's; the figures are the same.
"""

from dataclasses import dataclass
from fractions import Fraction

PIXEL_FORMAT = "yuv420p"
BT709 = 1
"""of ITU-T H.273: the code of BT.709 for primaries, transfer and matrix alike"""
LIMITED_RANGE = 1
SAMPLE_RATE_HZ = 48_000
AUDIO_KBIT_PER_S = 192


@dataclass(frozen=True, slots=True)
class X264:
    """What x264 is asked for."""

    crf: int
    """its constant rate factor: 0 is lossless, and 6 more are half the size"""
    preset: str
    keyframe_every: int | None = None
    """frames; a second if it is None"""

    def options(self, fps: Fraction) -> dict[str, str]:
        """By ffmpeg's names."""
        every = self.keyframe_every or round(fps)
        return {"crf": str(self.crf), "preset": self.preset, "bf": "0", "g": str(every)}


DELIVERABLE = X264(crf=20, preset="medium")
DRAFT = X264(crf=20, preset="superfast")
"""to be looked at once"""
CLIP = X264(crf=14, preset="superfast", keyframe_every=12)
"""visually lossless, as it is encoded once more; the sequencer scrubs well only with keyframes close by"""
DRAFT_CLIP = X264(crf=14, preset="ultrafast", keyframe_every=12)
"""to be looked at once: a third larger, in half the time"""
RETIMED = X264(crf=17, preset="medium")
"""pictures that were encoded before lose more"""
MASTER = X264(crf=17, preset="medium")
"""for what is then encoded in another codec: the best that Blender and PyAV encode alike, bit for bit"""
BLENDER_CRF = {17: "PERC_LOSSLESS", 20: "HIGH"}
BLENDER_PRESET = {"medium": "GOOD", "superfast": "REALTIME"}
"""Blender's names for what the deliverable and its draft are encoded with"""


@dataclass(frozen=True, slots=True)
class Codec:
    """What a finished video can be encoded in, by ffmpeg's names."""

    name: str
    title: str
    suffix: str
    encoder: str
    pixel_format: str
    profiles: tuple[str, ...]
    """what the finished file may say of itself"""
    options: tuple[tuple[str, str], ...] = ()
    sound: str = "aac"
    tag: str = ""
    """of the track, where players look for another than ffmpeg's own"""


H264 = Codec("h264", "H.264", ".mp4", "libx264", PIXEL_FORMAT, ("High",))
CODECS = {
    codec.name: codec
    for codec in (
        H264,
        Codec(
            "hevc", "HEVC", ".mp4", "libx265", PIXEL_FORMAT, ("Main",),
            (("crf", "20"), ("preset", "medium"), ("x265-params", "log-level=error")), tag="hvc1",
        ),
        Codec(
            "prores", "ProRes 422 HQ", ".mov", "prores_ks", "yuv422p10le", ("HQ",),
            (("profile", "hq"), ("vendor", "apl0")), sound="pcm_s24le",
        ),
        Codec(
            "av1", "AV1", ".mp4", "libsvtav1", "yuv420p10le", ("Main",), (("crf", "26"), ("preset", "6")),
        ),
    )
}  # fmt: skip
