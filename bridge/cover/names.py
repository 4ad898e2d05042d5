# SPDX-License-Identifier: GPL-3.0-or-later
"""Plain English names of colours, as a person would say them."""

import numpy as np

from bridge.cover.oklab import from_srgb

_NAMES = """
black 080808; near-black 161616; charcoal 2c2c2e; dark grey 4a4a4a; medium grey 646464; grey 7f7f7f
mid grey 989898; silver b0b0b2; pale grey d2d2d2; off-white f0eeea; white ffffff; slate grey 5f6b78
blue-grey 8496a8; pale blue-grey bcc8d4; warm grey 8c8279; stone b4aa9c; greenish grey 7c887e; dark slate 2b3640
dark olive grey 45463a; mauve grey 8a7f88; taupe 6d5e52; ink blue 101a30; midnight blue 142048; navy 1b2a5c
deep blue 12349a; royal blue 2450d8; blue 2a62e8; cobalt 1c4cb0; bright blue 2f8cff; sky blue 7cbcf0
pale blue b4d6f2; ice blue dceaf4; steel blue 4a78a8; dusty blue 7c98b8; denim 3c5a84; deep sea blue 0e3a56
ocean blue 1c6a9c; azure 1a9ae0; cornflower 6c8fe8; periwinkle a4aae8; dark teal 0a3c40; deep teal 0e5258
teal 128088; bright teal 14b0b0; turquoise 3ed0c8; pale turquoise a6e4e0; cyan 20d8f0; aqua 70dcd8
sea green 2e9670; dusty teal 5c8f90; petrol 1c4a5a; dark green 10301c; forest green 1e5030; green 2c9040
bright green 30c848; neon green 50ff40; lime b0e830; leaf green 5aa03c; moss green 6a7838; olive 78762c
dark olive 3e4020; sage 9cac8c; pale green bce0b4; mint a8ecc8; emerald 109860; grass green 4c8c28; khaki b2a874
pale olive b4b284; yellow-green c4d438; jade 3cac7c; yellow f8dc20; bright yellow fff030; lemon f8ec78
pale yellow f8f0b8; cream f6ecd2; ivory f8f4e4; butter f4dc94; mustard cca028; gold dca830; old gold a88432
sand d8c098; beige e4d4b8; honey e0a040; straw e4cc80; amber f0a020; warm amber d88c28; bronze 8c6430
orange f88420; bright orange ff6c10; burnt orange c85a18; dark orange a8480c; peach f8bc98; apricot f4a468
pale peach fadcc4; tan c49a6c; light brown a87c50; brown 7a4e2c; dark brown 442a18; chocolate 552f1c
espresso 2a1a12; caramel b87634; copper b46a40; terracotta c46848; rust a44420; sienna 944e2c; warm brown 8c5434
dusty tan b89a84; clay ac7860; cocoa 6c4c40; coffee 5a4030; red d8202c; bright red f02020; scarlet e83c1c
deep red a01420; dark red 6c0e14; crimson b8143c; maroon 50101c; oxblood 3c0c10; brick red a03828
vermilion e4502c; coral f87860; salmon f49c88; tomato red e04c38; wine 641830; burgundy 74182c; rosewood 6e3038
dusty red b05050; pink f088b0; hot pink f83c94; bright pink ff64b4; pale pink f8d0d8; blush f0c0bc; rose e05c84
dusty rose c48488; deep rose b03060; dusty pink d8a4a8; old rose a86870; raspberry b81c58; magenta d818a0
neon pink ff20c0; fuchsia e828d0; pale rose ecccc8; plum 6c2858; dark plum 38142e; mulberry 903068; mauve b48cb0
pale mauve dcc4d8; purple 7c2ca4; deep purple 481878; dark purple 2c1048; violet 7440d8; bright violet 9448ff
lavender b8a4e4; pale lavender dcd4f0; lilac d0a4dc; orchid c864cc; indigo 34209c; dark indigo 1e1450
dusty purple 7c6490; grape 5c3484; amethyst 9464c8; aubergine 341a34; dusty violet 685c8c; heather 9c8cac
"""

_GREYS = (
    "black",
    "near-black",
    "charcoal",
    "dark grey",
    "medium grey",
    "grey",
    "mid grey",
    "silver",
    "pale grey",
    "off-white",
    "white",
)

_ENTRIES = [entry.strip().rsplit(" ", 1) for line in _NAMES.strip().splitlines() for entry in line.split(";")]
_WORDS = tuple(word for word, _ in _ENTRIES)
_COLORS = from_srgb(np.array([tuple(bytes.fromhex(value)) for _, value in _ENTRIES], np.uint8))


def names_by_nearness(rgb: tuple[int, int, int]) -> list[str]:
    """All names, the one that fits best first. Hue and colourfulness weigh more than lightness."""
    lab = from_srgb(np.array(rgb, np.uint8))
    gap = np.linalg.norm((_COLORS - lab) * np.array([0.7, 1.4, 1.4], np.float32), axis=1)
    if np.hypot(lab[1], lab[2]) < 0.012:  # no hue that an eye would name
        gap += np.where(np.isin(_WORDS, _GREYS), 0, 1)
    return [_WORDS[i] for i in np.argsort(gap, kind="stable")]


def name_all(colors: list[tuple[int, int, int]]) -> list[str]:
    """A name for each colour, no two alike; the first colours choose first."""
    taken: list[str] = []
    for rgb in colors:
        taken.append(next(name for name in names_by_nearness(rgb) if name not in taken))
    return taken
