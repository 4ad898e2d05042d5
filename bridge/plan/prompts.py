# SPDX-License-Identifier: GPL-3.0-or-later
"""What each shot shows, in words: one template for all, ending in the cover's palette and one style."""

from hashlib import sha256

from blender_addon.core.types import CoverLook, Framing, SectionRole
from bridge.plan.storyboard import Storyboard

FRAMING_WORDS = {
    Framing.WIDE: "wide establishing shot of",
    Framing.MEDIUM: "medium shot of",
    Framing.CLOSE: "close-up of",
    Framing.DETAIL: "extreme close-up, detail of",
}
ROLE_WORDS = {
    SectionRole.INTRO: ("waiting in first light", "quiet and expectant", "the world still asleep"),
    SectionRole.VERSE: ("setting out", "walking on, looking back", "a moment of thought", "the way ahead"),
    SectionRole.CHORUS: ("everything opens up", "swept up by wind and light", "arms wide, at full height", "running"),
    SectionRole.BREAK: ("time stands still", "alone in the silence", "holding a breath"),
    SectionRole.OUTRO: ("coming to rest", "the last light", "looking back one more time"),
}
"""what happens in a shot of each kind of section, in turn, where the storyboard doesn't say"""


def write_prompt(board: Storyboard, look: CoverLook, framing: Framing, action: str) -> str:
    """The template: framing and subject, action, world, palette, style."""
    parts = (f"{FRAMING_WORDS[framing]} {board.subject}", action, board.world, *look.words, board.style)
    return ", ".join(part.strip().strip(",") for part in parts if part.strip())


def action_of(role: SectionRole, turn: int) -> str:
    """What happens in the `turn`th shot of sections of one kind."""
    words = ROLE_WORDS[role]
    return words[turn % len(words)]


def seed_of(look: CoverLook, song_sha256: str, board_seed: int, shot_id: str) -> int:
    """A seed of 31 bits that stays the same as long as song, cover, storyboard's seed and shot do."""
    digest = sha256(f"{song_sha256}/{look.cover_sha256}/{board_seed}/{shot_id}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1
