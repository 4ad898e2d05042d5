# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: E501 - a table: patterns that belong together stand in a line
"""The kinds of music that the training pieces are put together in.

A pattern is a bar on its grid, one character a step: `x` strong, `o` soft, `r` soft in some bars, `?` there in some pieces,
`.` silent. Drums have a pattern a lane. Bass lines say which note: `R` root, `5` fifth, `8` octave, `w` a step towards the
next chord. `-` lets the note before sound on. Chords: `C` short, `L` held, `a` one note of it.
"""

from dataclasses import dataclass, field

GM_DRUMS = {
    "kick": 36, "snare": 38, "rim": 37, "clap": 39, "hat": 42, "open": 46, "ride": 51, "crash": 49, "tom": 45,
    "high_tom": 50, "shaker": 70, "conga": 63, "low_conga": 64, "cowbell": 56, "clave": 75, "tambourine": 54,
}  # fmt: skip

Lanes = dict[str, str]


@dataclass(frozen=True)
class Genre:
    """One kind of music; what can be chosen is chosen anew for each piece."""

    bpm: tuple[float, float]
    drums: tuple[Lanes, ...] = ()
    bass: tuple[str, ...] = ()
    chords: tuple[str, ...] = ()
    beats: int = 4
    parts: int = 4
    """steps of the grid in a beat"""
    swing: tuple[float, float] = (0.5, 0.5)
    """where the second eighth of a beat is, as a share of it"""
    swing_16: tuple[float, float] = (0.5, 0.5)
    """the same of the second sixteenth of an eighth"""
    drumless: float = 0.08
    electronic: float = 0.3
    """how often it is played by the small synthesizer rather than by a soundfont"""
    melody: float = 0.7
    rubato: float = 0.0
    """how far the tempo wavers, as a share"""
    harmonic_rhythm: tuple[float, ...] = (1, 1, 1, 2, 0.5)
    """bars a chord lasts"""
    leads: tuple[int, ...] = field(default=(0, 4, 11, 25, 26, 29, 40, 56, 65, 73, 80, 81))
    comps: tuple[int, ...] = field(default=(0, 1, 4, 16, 24, 25, 26, 27, 29, 48, 50, 88))
    basses: tuple[int, ...] = field(default=(32, 33, 34, 35, 36, 38, 39))


_H8, _H16, _H4 = "x.o.x.o.x.o.x.o.", "xoxoxoxoxoxoxoxo", "x...x...x...x..."
_BACK = "....x.......x..."
_FOUR = "x...x...x...x..."
_OFF = "..x...x...x...x."
_SWUNG = "x...x.o.x...x.o."
_ROCKY = (
    {"kick": "x.......x.......", "snare": _BACK, "hat": _H8},
    {"kick": "x.....x.x.......", "snare": _BACK, "hat": _H8},
    {"kick": "x.......x.x.....", "snare": _BACK, "hat": _H8},
    {"kick": "x..x....x.x...?.", "snare": _BACK, "hat": _H8, "open": "..............r."},
    {"kick": "x.?...x...x..?..", "snare": _BACK, "ride": _H8},
    {"kick": "x...?.x.x...?...", "snare": _BACK, "hat": _H4},
    {"kick": "x.......x.......", "snare": "....x.......x.r.", "tom": "..o...o...o...o."},
)
_BASS_ROCK = (
    "R.R.R.R.R.R.R.R.",
    "R-------R-------",
    "R-----R-R-----5-",
    "R---R---R---R---",
    "R--R..R.R-..5.w.",
    "R---------------",
)
_COMP_ROCK = (
    "L---------------",
    "C.C.C.C.C.C.C.C.",
    "L-------L-------",
    "a.a.a.a.a.a.a.a.",
    "C...C.C...C.C...",
    "C..C..C.L-------",
    "L-----L-L-------",
    "L---L---L---L---",
)

GENRES: dict[str, Genre] = {
    "rock": Genre((95, 160), _ROCKY, _BASS_ROCK, _COMP_ROCK, electronic=0.05, comps=(25, 27, 29, 30, 30, 16, 0)),
    "fast rock": Genre(
        (150, 205),
        (
            {"kick": "x...x...x...x...", "snare": "..x...x...x...x.", "hat": _H8},
            {"kick": "x.....x.x.......", "snare": _BACK, "hat": _H8},
            {"kick": "x.x.x.x.x.x.x.x.", "snare": _BACK, "ride": _H4},
            {"kick": "x.......x.x.....", "snare": _BACK, "crash": _H4},
            {"kick": "xxxxxxxxxxxxxxxx", "snare": _BACK, "hat": _H4},
        ),
        _BASS_ROCK, ("C.C.C.C.C.C.C.C.", "L---------------", "C.CCC.CCC.CCC.CC", "L-----L-----L---"),
        drumless=0.03, electronic=0.0, comps=(29, 30, 30), leads=(29, 30, 25, 80),
    ),
    "half-time rock": Genre(
        (120, 175),
        (
            {"kick": "x.............?.", "snare": "........x.......", "hat": _H4},
            {"kick": "x.....x...x...x.", "snare": "........x.......", "hat": _H8},
            {"kick": "x..x..x.....x.x.", "snare": "........x.......", "crash": _H4},
            {"kick": "x.............x.", "snare": "........x.......", "ride": _H8},
        ),
        _BASS_ROCK, _COMP_ROCK, electronic=0.2,
    ),
    "ballad": Genre(
        (58, 84),
        (
            {"kick": "x.......x.......", "snare": _BACK, "hat": _H8},
            {"kick": "x.....x.x.......", "rim": _BACK, "hat": _H16},
            {"kick": "x..........x....", "snare": _BACK, "ride": _H8},
            {"kick": "x......xx.......", "snare": _BACK, "hat": _H4},
        ),
        ("R-------R-------", "R---------------", "R-----5-R-------", "R------RR-------", "R-----R-R---5---"),
        ("L---------------", "a.a.a.a.a.a.a.a.", "aaaaaaaaaaaaaaaa", "L---L---L---L---", "L-------L-------"), drumless=0.35,
        electronic=0.15, comps=(0, 0, 4, 24, 25, 48, 50, 89),
    ),
    "house": Genre(
        (112, 132),
        (
            {"kick": _FOUR, "clap": _BACK, "open": _OFF, "hat": _H16},
            {"kick": _FOUR, "hat": _OFF},
            {"kick": _FOUR, "snare": _BACK, "shaker": _H16, "open": _OFF},
            {"kick": _FOUR, "clap": _BACK, "conga": "..?..?o...?..?o.", "hat": _OFF},
        ),
        ("..R...R...R...R.", "R..R..R.R..R..R.", "..RR..RR..RR..RR", "R-----R---R-----", "R.R.R.R.R.R.R.R.", "...R..R....R..8."),
        ("..C...C...C...C.", "C..C..C..C..C...", "L---------------", "..C..C...C..C...", "...C......C..C..", "C.....C.....C..."), drumless=0.04,
        electronic=0.8, melody=0.45, harmonic_rhythm=(1, 2, 2, 4, 0.5),
    ),
    "techno": Genre(
        (124, 150),
        (
            {"kick": _FOUR, "hat": _OFF},
            {"kick": _FOUR, "hat": _H16, "clap": _BACK},
            {"kick": _FOUR, "rim": "..?..?...?..?..?", "open": _OFF},
            {"kick": _FOUR},
        ),
        ("..RR..RR..RR..RR", ".RRR.RRR.RRR.RRR", "R..R..R..R..R.R.", "..R...R...R...R."),
        ("L---------------", "..C.....C.....C.", "a.aa.a.aa.aa.a.a", "...C..C....C..C.", "aaaaaaaaaaaaaaaa"), drumless=0.02,
        electronic=0.9, melody=0.25, harmonic_rhythm=(4, 8, 8, 2),
    ),
    "trance": Genre(
        (130, 146),
        ({"kick": _FOUR, "open": _OFF, "clap": _BACK}, {"kick": _FOUR, "open": _OFF, "hat": _H16}),
        (".RRR.RRR.RRR.RRR", "..R...R...R...R.", "..RR..RR..RR..RR"),
        ("aaaaaaaaaaaaaaaa", "L---------------", "C.CC.C.CC.CC.C.C", "a.a.a.a.a.a.a.a."), electronic=0.9, melody=0.6,
        harmonic_rhythm=(1, 2, 2, 4),
    ),
    "synth pop": Genre(
        (100, 140), (*_ROCKY[:4], {"kick": _FOUR, "snare": _BACK, "hat": _H8}),
        ("R.R.R.R.R.R.R.R.", "R.8.R.8.R.8.R.8.", "RRRRRRRRRRRRRRRR", "R--R--R-R--R--R-"),
        ("L---------------", "a.a.a.a.a.a.a.a.", "C..C..C.C..C..C.", "..C...C...C...C.", "aaaaaaaaaaaaaaaa"), electronic=0.9,
    ),
    "hip hop": Genre(
        (74, 104),
        (
            {"kick": "x.....?...x.....", "snare": _BACK, "hat": _H8},
            {"kick": "x.?....x..x..?..", "snare": _BACK, "hat": _H8},
            {"kick": "x..x......x..x..", "snare": _BACK, "hat": _H16},
            {"kick": "xx......x.x.....", "clap": _BACK, "hat": _H8},
        ),
        ("R-----R---R-----", "R---------R-----", "R..R......R..5..", "R-----------w---"),
        ("L---------------", "a..a..a.a..a..a.", "C.....C.........", "..C...C...C...C.", "L-------L-------"),
        swing_16=(0.5, 0.64), electronic=0.5, melody=0.4, harmonic_rhythm=(1, 2, 2, 4),
    ),
    "trap": Genre(
        (126, 158),
        (
            {"kick": "x.....x.......?.", "snare": "........x.......", "hat": _H8},
            {"kick": "x..?......x..?..", "clap": "........x.......", "hat": "x.x.x.xxx.x.xxxx"},
            {"kick": "x.........x.....", "clap": "........x.......", "hat": "x.x.x.x.xoxoxoxo"},
        ),
        ("R-----R-------R-", "R---------R-----", "R---------------"),
        ("L---------------", "a.....a...a.....", "a.a.a.a.a.a.a.a.", "L-------L-------"), electronic=0.9, melody=0.4,
        harmonic_rhythm=(1, 2, 2, 4),
    ),
    "drum and bass": Genre(
        (164, 180),
        (
            {"kick": "x.........x.....", "snare": _BACK, "hat": _H8},
            {"kick": "x.x.......x.....", "snare": "....x..o.o..x...", "hat": _H8},
            {"kick": "x.x.......xx....", "snare": "....x..o.o..x..o", "ride": _H8},
            {"kick": "x.....?...x...?.", "snare": "....x.......x..r", "hat": _H16},
            {"kick": "x.............?.", "snare": "........x.......", "hat": _H8, "rim": "..?..?....?..?.."},
        ),
        ("R---------------", "R-----R---R-----", "R-R---8---R--R--", "R-------5-------"),
        ("L---------------", "L-------L-------", "..C.......C.....", "a.a.a.a.a.a.a.a."), electronic=0.8, melody=0.35,
        harmonic_rhythm=(1, 2, 2, 4), drumless=0.02,
    ),
    "break beat": Genre(
        (104, 142),
        (
            {"kick": "x.x.......xx....", "snare": "....x..o.o..x..o", "hat": _H8},
            {"kick": "x.....x...x.....", "snare": "....x..x....x...", "hat": _H8},
            {"kick": "x..x..x...x.....", "snare": _BACK, "hat": _H16},
            {"kick": "x..?..?..?x..?..", "snare": "....x..?.?..x..?", "hat": _H8},
        ),
        ("R..R..R.R-..5.8.", "R-----R---R-----", "..R..R..R..R..R.", "R...............",),
        ("L---------------", "..C...C...C...C.", "C..C..C.........", "a.a.a.a.a.a.a.a."), electronic=0.7, swing_16=(0.5, 0.6),
        harmonic_rhythm=(1, 2, 2, 4),
    ),
    "funk": Genre(
        (90, 122),
        (
            {"kick": "x.x...?...x..?..", "snare": "....x..o.o..x..o", "hat": _H16},
            {"kick": "x..x..x...?x....", "snare": "....x..o....x...", "hat": _H8, "open": "......x......r.."},
            {"kick": "x.........xx..?.", "snare": "....x..?.?..x..?", "hat": _H16},
        ),
        ("R..R..8.R..5.8..", "R..8....R.R8..w.", "R...R.8..R..8.5.", "R-..8.R...R.w.w."),
        ("..C..C.C..C..C..", "C.C..C..C.C..C..", ".C.C..C..C.C..C.", "..C...C...C...C."), electronic=0.1, swing_16=(0.5, 0.6),
        comps=(4, 7, 16, 27, 28),
    ),
    "disco": Genre(
        (108, 130),
        ({"kick": _FOUR, "snare": _BACK, "open": _OFF, "hat": _H16}, {"kick": _FOUR, "snare": _BACK, "hat": _H8}),
        ("R.8.R.8.R.8.R.8.", "R..8R..8R..8R..8", "R-..R.8.R-..5.8."),
        ("..C..C.C..C..C..", "C.CCC.CCC.CCC.CC", "L---------------"), electronic=0.3, comps=(4, 7, 27, 48, 61),
    ),
    "one drop": Genre(
        (118, 164),
        (
            {"kick": "........x.......", "rim": "........x.......", "hat": _H8},
            {"kick": "........x.......", "snare": "........x.......", "hat": "x..xx..xx..xx..x"},
            {"kick": "x.......x.......", "rim": "........x.......", "hat": _H8},
            {"kick": _FOUR, "snare": "........x.......", "hat": _H8},
        ),
        ("R-..R.5.R-..8...", "....R-R-8...5-R-", "R---5---R-------", "R-R-5-R---------", "R...R..5R-......"),
        ("....C.......C...", "....CC......CC..", "....C.....C.C..."), electronic=0.1, melody=0.5, swing=(0.5, 0.62),
        comps=(16, 17, 0, 27, 28),
    ),
    "ska": Genre(
        (120, 170), ({"kick": "x.......x.......", "snare": _BACK, "hat": _OFF}, {"kick": _FOUR, "snare": _BACK, "hat": _H8}),
        ("R---5---8---5---", "R---w---w---w---", "R.R.5.5.R.R.5.5."), ("..C...C...C...C.",), electronic=0.0,
        comps=(27, 28, 16, 0), leads=(56, 57, 65, 66, 25),
    ),
    "reggaeton": Genre(
        (84, 106), ({"kick": _FOUR, "snare": "...x..x....x..x."}, {"kick": _FOUR, "clap": "...x..x....x..x.", "hat": _H8}),
        ("R..R..R.R..R..R.", "R-------R-------", "R-----R-R-----R-"), ("..C...C...C...C.", "L---------------", "a.a.a.a.a.a.a.a."),
        electronic=0.7,
    ),
    "country": Genre(
        (92, 140), ({"kick": "x.......x.......", "snare": "..x...x...x...x."}, {"kick": "x.......x.......", "snare": "ooxoooxoooxoooxo"}, *_ROCKY[:2]),
        ("R-------5-------", "R---....5---....", "R---R---5---w---"), ("....C.......C...", "..C...C...C...C.", "aaaaaaaaaaaaaaaa", "a.a.a.a.a.a.a.a."),
        electronic=0.0, comps=(24, 25, 25, 105, 0), leads=(25, 27, 40, 22, 110), swing=(0.5, 0.58),
    ),
    "polka": Genre(
        (100, 135), ({"kick": "x.......", "snare": "....x..."}, {"kick": "x.......", "snare": "..x...x.", "hat": "..o...o."}),
        ("R---5---", "R-..5-.."), ("..C...C.",), beats=2, electronic=0.0, drumless=0.4, comps=(21, 23, 0, 61), leads=(21, 71, 56, 40),
    ),
    "march": Genre(
        (104, 128), ({"kick": "x...x...x...x...", "snare": "x.ooxxooxxooxxxx"}, {"kick": "x.......x.......", "snare": "x..ox...x..oxoxo", "crash": "x.......x......."}),
        ("R---....5---....", "R---5---R---5---"), ("..C...C...C...C.", "....C.......C..."), electronic=0.0, drumless=0.3,
        comps=(60, 61, 57), leads=(56, 60, 72, 73, 61), basses=(58, 57, 43),
    ),
    "bossa nova": Genre(
        (112, 152), ({"kick": "x..xx..xx..xx..x", "rim": "x..x..x...x..x..", "hat": _H16}, {"kick": "x.....xxx.....xx", "rim": "..x..x..x..x...?", "shaker": _H16}),
        ("R-----5-5-----R-", "R-----5-R-----5-"), ("C..C..C...C..C..", "..C..C..C..C....", "C...C..C..C..C.."), electronic=0.0, drumless=0.25,
        comps=(24, 24, 0, 4, 26), leads=(73, 65, 11, 24, 0), harmonic_rhythm=(1, 2, 1, 0.5),
    ),
    "samba": Genre(
        (90, 116), ({"kick": "x..ox..ox..ox..o", "snare": "x.x.xx.x.x.x.xx.", "shaker": _H16}, {"kick": "o...x...o...x...", "tambourine": "xooxxooxxooxxoox"}),
        ("R--R5---R--R5---", "R---5---R---5---"), ("C.C..C.C.C.C..C.", "..C.C..C..C.C..C"), electronic=0.0,
    ),
    "salsa": Genre(
        (160, 215), ({"conga": "..o.x.xx..o.x.xx", "cowbell": "x.x.xoxox.x.xoxo", "clave": "x.....x.....x..."}, {"conga": "o.o.x.xxo.o.x.xx", "clave": "....x...x......."}),
        ("......R-----5---", "R-....5-----R---"), ("C.CC.C.C.C.C.C.C", "..C.C..C..C.C..C"), electronic=0.0, comps=(0,), basses=(32, 33),
    ),
    "tango": Genre((110, 132), (), ("R---R---R---R---", "R-----w-R---w---"), ("C...C...C...C...", "C..C..C.C..C..C.", "C.....C.C...C..."), drumless=1.0,
                   electronic=0.0, comps=(21, 23, 0, 48), leads=(40, 21, 23)),
    "shuffle": Genre(
        (88, 150),
        (
            {"kick": "x..x..x..x..", "snare": "...x.....x..", "hat": "x.ox.ox.ox.o"},
            {"kick": "x.....x.?...", "snare": "...x.....x..", "ride": "x.xx.xx.xx.x"},
        ),
        ("R.RR.R5.55.5", "R..8..5..w..", "R--R--R--R--", "R.Rw.w5.5w.w"), ("C..C..C..C..", "..C..C..C..C", "C.CC.CC.CC.C", "L-----------"),
        parts=3, electronic=0.05, comps=(16, 0, 27, 29), basses=(32, 33, 34),
    ),
    "slow blues": Genre(
        (50, 84),
        (
            {"kick": "x.....x.....", "snare": "...x.....x..", "hat": "xoxxoxxoxxox"},
            {"kick": "x....xx.....", "snare": "...x.....x..", "ride": "xoxxoxxoxxox"},
            {"kick": "x.....x....x", "rim": "...x.....x..", "hat": "x.xx.xx.xx.x"},
        ),
        ("R----RR--w--", "R.Rw.w5.5w.w", "R-----5-----", "R-----------"), ("CCCCCCCCCCCC", "aaaaaaaaaaaa", "L-----------", "C..C..C..C..", "..C..C..C..C"),
        parts=3, electronic=0.05, drumless=0.12, comps=(0, 0, 16, 26, 29, 48),
    ),
    "swing": Genre(
        (110, 235),
        (
            {"ride": _SWUNG, "hat": "....x.......x...", "kick": "r.......r.......", "snare": "......r...r...r."},
            {"ride": _SWUNG, "kick": "o...o...o...o...", "hat": "....x.......x..."},
            {"hat": _SWUNG, "snare": "....o.......o..."},
        ),
        ("R---w---5---w---", "R---5---w---w---", "R---w---w---w---", "R-------5-------"),
        ("C.....C.........", "......C.....C...", "..C.......C.....", "....C.......C...", "C...C...C...C...", "L---------------"),
        swing=(0.58, 0.7), electronic=0.0, drumless=0.15, comps=(0, 26, 4, 66), leads=(65, 66, 56, 57, 71, 0, 11, 26), basses=(32,),
        harmonic_rhythm=(1, 1, 0.5, 0.5, 2),
    ),
    "slow swing": Genre(
        (64, 110),
        ({"ride": _SWUNG, "hat": "....x.......x...", "kick": "r.......r......."}, {"hat": "x..ox..ox..ox..o", "snare": "....o.......o...", "kick": "x.......x......."}),
        ("R---w---5---w---", "R-------5-------", "R--ww---5---w---"), ("L-------L-------", "C.....C.........", "L---------------", "......C.....C..."),
        swing=(0.58, 0.7), electronic=0.0, drumless=0.2, comps=(0, 26, 4, 48), leads=(65, 66, 56, 71, 0), basses=(32,),
    ),
    "waltz": Genre(
        (84, 200),
        ({"kick": "x...........", "snare": "....o...o..."}, {"kick": "x...........", "hat": "....x...x..."}, {"kick": "x.......?...", "snare": "........x...", "ride": "x...x...x..."},
         {"kick": "x...........", "snare": "....x.......", "hat": "x.o.x.o.x.o."}),
        ("R-----------", "R---....5---", "R---5---8---", "R---w---w---"), ("....C...C...", "L-----------", "a.a.a.a.a.a.", "C...C...C...", "L---L---L---"),
        beats=3, drumless=0.45, electronic=0.1, comps=(0, 0, 21, 24, 48, 46), leads=(40, 73, 71, 21, 0, 68), rubato=0.03,
    ),
    "jazz waltz": Genre(
        (100, 190), ({"ride": "x...x.o.x...", "hat": "....x.......", "kick": "r..........."}, {"ride": "x...x.o.x.o.", "kick": "x...........", "snare": "......r...r."}),
        ("R---w---w---", "R-----5-----", "R-----------"), ("C.....C.....", "....C...C...", "L-----------"), beats=3, swing=(0.58, 0.7),
        electronic=0.0, comps=(0, 26, 4), leads=(65, 73, 56, 0, 11), basses=(32,),
    ),
    "jig": Genre(
        (96, 140), ({"kick": "x..x..", "snare": "...x..", "hat": "xooxoo"}, {"tom": "x.ox.o"}), ("R--5--", "R-----", "R--R--"), ("C..C..", "C.CC.C", "aaaaaa"),
        beats=2, parts=3, drumless=0.6, electronic=0.0, comps=(24, 25, 21, 46), leads=(40, 73, 110, 21, 72, 105),
    ),
    "six-eight": Genre(
        (50, 92), ({"kick": "x.....", "snare": "...x..", "hat": "xoxxox"}, {"kick": "x....o", "snare": "...x..", "hat": "xoxoxo"}, {"kick": "x.x...", "snare": "...x..", "ride": "x.xx.x"}),
        ("R-----", "R--R--", "R-5---", "R----w"), ("aaaaaa", "L-----", "CCCCCC", "L--L--"), beats=2, parts=3, drumless=0.3,
        comps=(0, 24, 25, 48, 27), harmonic_rhythm=(1, 1, 2, 2),
    ),
    "gospel": Genre(
        (54, 100), ({"kick": "x.....x.....", "snare": "...x.....x..", "hat": "x.xx.xx.xx.x"}, {"kick": "x....xx..?..", "clap": "...x.....x..", "tambourine": "x.xx.xx.xx.x"}),
        ("R-----5--w--", "R--w--5--w--", "R----RR----w"), ("L-----L-----", "C.CC.CC.CC.C", "L-----------"), parts=3, electronic=0.0,
        comps=(16, 0, 19, 52), drumless=0.2,
    ),
    "piano piece": Genre(
        (66, 140), (), ("R-------R-------", "R---5---8---5---", "R---------------", "R-5-8-5-R-5-8-5-"), ("a.a.a.a.a.a.a.a.", "aaaaaaaaaaaaaaaa", "L---L---L---L---", "....C.......C..."),
        drumless=1.0, electronic=0.0, comps=(0, 0, 1, 6, 4), leads=(0, 0, 1, 6), basses=(0, 0, 1, 6), rubato=0.1, melody=1.0,
        harmonic_rhythm=(1, 1, 0.5, 2),
    ),
    "ragtime": Genre(
        (70, 110), (), ("R-..5-..", "R-..R-..", "R-..w-.."), ("..C...C.",), beats=2, drumless=1.0, electronic=0.0, comps=(0, 3, 1), leads=(0, 3, 1),
        basses=(0, 3, 1), melody=1.0, rubato=0.02,
    ),
    "chorale": Genre(
        (60, 110), (), ("R---w---R---w---", "R---5---w---R---", "R-------R-------"), ("L---L---L---L---", "L-------L-------"), drumless=1.0, electronic=0.0,
        harmonic_rhythm=(0.25, 0.5, 0.5), comps=(19, 48, 52, 60, 20), leads=(52, 48, 19, 60), basses=(19, 48, 43, 58), rubato=0.05, melody=0.9,
    ),
    "orchestra": Genre(
        (70, 150), ({"low_conga": "x.......x.......", "crash": "r..............."}, {"tom": "x.....x.x...xxxx", "crash": "r..............."}, {"snare": "x.xxx.x.x.xxx.x."}),
        ("R-------5-------", "R---R---R---R---", "R---------------", "R.R.R.R.R.R.R.R."), ("L---------------", "C.C.C.C.C.C.C.C.", "L-------L-------", "aaaaaaaaaaaaaaaa", "C..C..C.C..C..C."),
        drumless=0.55, electronic=0.05, comps=(48, 49, 44, 45, 60, 61, 46), leads=(40, 48, 56, 60, 68, 71, 73), basses=(42, 43, 58), rubato=0.05,
    ),
    "orchestra in three": Genre(
        (70, 170), ({"low_conga": "x...........", "crash": "r..........."},), ("R-----------", "R---5---5---", "R---R---R---"), ("L-----------", "....C...C...", "a.a.a.a.a.a.", "C.C.C.C.C.C."),
        beats=3, drumless=0.75, electronic=0.05, comps=(48, 49, 45, 60, 46), leads=(40, 48, 68, 71, 73), basses=(42, 43), rubato=0.08,
    ),
    "finger picking": Genre(
        (72, 130), (), ("R---5---R---5---", "R-------R-------", "R---8---5---8---"), ("a.a.a.a.a.a.a.a.", "..a.a.a...a.a.a.", "aaaaaaaaaaaaaaaa", "C...C.C..CC.C.C."), drumless=1.0,
        electronic=0.0, comps=(24, 25, 25, 46, 105), leads=(73, 24, 40, 79, 22), basses=(24, 25, 32), rubato=0.03,
    ),
    "ambient": Genre(
        (70, 120), ({"kick": "x.......x.......", "hat": _OFF}, {"rim": "..?..?....?..?..", "kick": "x..............."}, {"hat": _H8}), ("R---------------", "R-----R---------", "..R...R...R...R."),
        ("a.a.a.a.a.a.a.a.", "aaaaaaaaaaaaaaaa", "a..a..a..a..a.a.", "L---------------"), drumless=0.5, electronic=0.8, melody=0.5, harmonic_rhythm=(1, 2, 2, 4),
    ),
    "chip tune": Genre(
        (100, 180), ({"kick": "x.......x.......", "snare": _BACK, "hat": _H8}, {"kick": "x.....x.x.......", "snare": _BACK}, {"kick": _FOUR, "snare": _BACK, "hat": _OFF}),
        ("R.8.R.8.R.8.R.8.", "R.R.R.R.R.R.R.R.", "R--R--R-R--R--R-", "R.R.5.5.8.8.5.5."), ("aaaaaaaaaaaaaaaa", "a.a.a.a.a.a.a.a.", "..C...C...C...C."), electronic=1.0,
        drumless=0.2, melody=0.95, harmonic_rhythm=(1, 1, 2, 0.5),
    ),
    "five-four": Genre(
        (100, 190), ({"kick": "x.....x.....x.......", "snare": "............x.......", "ride": "x...x...x...x...x..."}, {"kick": "x...........x.......", "snare": "....x...........x...", "hat": "x.o.x.o.x.o.x.o.x.o."}),
        ("R-----5-----R---w---", "R-----------5-------"), ("C.....C.....C...C...", "L-----------L-------", "a.a.a.a.a.a.a.a.a.a."), beats=5, drumless=0.15,
    ),
    "seven-four": Genre(
        (120, 210), ({"kick": "x.......x.......x...........", "snare": "....x.......x.......x...x...", "hat": "x...x...x...x...x...x...x..."},),
        ("R-------R-------R-----------", "R---R---R---R---R---R---R---"), ("L-------L-------L-----------", "C...C...C...C...C...C...C..."), beats=7, drumless=0.15,
    ),
    "drums alone": Genre((76, 176), (*_ROCKY, {"kick": _FOUR, "clap": _BACK, "hat": _H16}, {"kick": "x..?..?...x..?..", "snare": "....x..?.?..x..?", "hat": _H8}), drumless=0.0, electronic=0.6,
                         melody=0.0, swing_16=(0.5, 0.62)),
}  # fmt: skip

PROGRESSIONS = (
    (0, 4, 5, 3), (5, 3, 0, 4), (0, 3, 4, 4), (0, 5, 3, 4), (1, 4, 0, 0), (0, 0, 3, 4), (0, 3, 0, 4), (0, 6, 3, 0), (5, 4, 3, 4), (2, 5, 1, 4),
    (0, 0, 0, 0, 3, 3, 0, 0, 4, 3, 0, 4), (0, 3), (0, 4), (5, 6, 0, 0), (0, 2, 3, 4), (3, 4, 2, 5), (0, 6, 5, 4), (0,), (0, 0, 3, 3), (0, 1, 3, 0),
)  # fmt: skip
