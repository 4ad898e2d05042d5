# SPDX-License-Identifier: GPL-3.0-or-later
"""What platforms take: shape, length, size, rate, loudness, and where their buttons lie. Pure: standard library only.

Gathered on 2026-12-01; YouTube's and TikTok's own pages were read as others quote them. They change: the check's page
says which table it went by.
- youtube: YouTube Help, "Upload videos longer than 15 minutes" (256 GB or 12 hours, answer 71673), "Recommended upload
  encoding settings" (answer 1722171: MP4, H.264, AAC, 24 to 60 fps, 16:9).
- reels: Meta's Instagram API, IG User Media, as quoted by ayrshare.com/docs/media-guidelines/instagram (300 MB, 3 s
  to 15 min, 23 to 60 fps, at most 1920 px wide, 9:16, index first); Meta Business Help on safe zones (top 14 %,
  bottom 35 %, sides 6 %), as quoted by houseofmarketers.com.
- tiktok: TikTok for Developers, "Media Transfer Guide" (4 GB, 10 min, 23 to 60 fps, 360 to 4096 px), and
  ayrshare.com/docs/media-guidelines/tiktok (3 s at least); safe margins by
  socaptions.com/blog/tiktok-safe-zones-2026 (250 px above, 420 px below, 170 px to the right, of 1080 x 1920).
- spotify-canvas: support.spotify.com/artists, "Canvas guidelines" (3 to 8 s, 9:16, 720 to 1080 px tall, MP4; the player
  writes song and artist by itself).
- square: no platform's own; the shape that feeds show whole.
Loudness: what players turn louder songs down to (-14 LUFS on YouTube and TikTok, by common account).
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SafeArea:
    """What a platform's own letters and buttons cover, in shares of the frame from each side."""

    left: float = 0.0
    top: float = 0.0
    right: float = 0.0
    bottom: float = 0.0


NOTHING_COVERED = SafeArea()


@dataclass(frozen=True, slots=True)
class Platform:
    """Where a video goes, and what is taken there."""

    name: str
    title: str
    format: str
    """of `formats.parse`: what is made for it"""
    shape: tuple[int, int]
    """width and height"""
    length_s: tuple[float, float]
    most_bytes: int
    rates: tuple[float, float]
    """frames per second"""
    heights_px: tuple[int, int]
    loudness_lufs: float | None = None
    """louder songs are turned down to this; None if nothing is known"""
    safe: SafeArea = NOTHING_COVERED
    takes_titles: bool = True


_RATES = (23.0, 60.0)
_SHAPELESS_BYTES = 4 * 10**9

PLATFORMS = {
    platform.name: platform
    for platform in (
        Platform(
            "youtube", "YouTube", "16:9", (16, 9), (1.0, 12 * 3600.0), 256 * 10**9, (23.0, 60.0), (360, 4320), -14.0,
            SafeArea(0.05, 0.05, 0.05, 0.05),
        ),
        Platform(
            "reels", "Instagram Reels", "9:16", (9, 16), (3.0, 900.0), 300 * 10**6, _RATES, (960, 1920), None,
            SafeArea(0.06, 0.14, 0.06, 0.35),
        ),
        Platform(
            "tiktok", "TikTok", "9:16", (9, 16), (3.0, 600.0), 4 * 10**9, _RATES, (360, 4096), -14.0,
            SafeArea(0.06, 0.131, 0.158, 0.219),
        ),
        Platform(
            "spotify-canvas", "Spotify Canvas", "576x1024", (9, 16), (3.0, 8.0), _SHAPELESS_BYTES, _RATES, (720, 1080),
            takes_titles=False,
        ),
        Platform("square", "a square feed", "1:1", (1, 1), (1.0, 3600.0), _SHAPELESS_BYTES, _RATES, (320, 4096)),
    )
}  # fmt: skip
