"""Words in: every format says the same times. Words out: read again, they are the same."""

import numpy as np
import pytest

from bridge.common.errors import BadInput
from bridge.song import lyrics

LRC = """[ti:Night]
[00:01.00]Hold on
[00:04.50][00:10.00]Come home
[00:08.00]
[offset:+500]
"""
ENHANCED = "[00:02.00]<00:02.00>Hold <00:02.50>on <00:03.25>\n[00:05.00]Come home\n"
SRT = "1\n00:00:01,000 --> 00:00:03,000\nHold\non\n\n2\n00:00:04,500 --> 00:00:06,000\n<i>Come home</i>\n"
ASS = """[Script Info]
ScriptType: v4.00+

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
Dialogue: 0,0:00:01.00,0:00:03.00,Default,,0,0,0,,{\\k50}Hold {\\k25}ov{\\k25}er
Comment: 0,0:00:03.00,0:00:04.00,Default,,0,0,0,,not sung
"""


def no_voice():
    raise AssertionError("the file has times")


def load(tmp_path, name, text, voice=no_voice, encoding="utf-8"):
    (tmp_path / name).write_text(text, encoding=encoding)
    return lyrics.load(tmp_path / name, voice)


def spans(lines):
    return [(line.text, line.start_s, line.end_s) for line in lines]


def test_lrc_repeats_lines_ends_them_and_is_heard_sooner_by_its_offset(tmp_path):
    assert spans(load(tmp_path, "a.lrc", LRC)) == [
        ("Hold on", 0.5, 4.0),
        ("Come home", 4.0, 7.5),
        ("Come home", 9.5, 17.5),
    ]


def test_enhanced_lrc_has_words(tmp_path):
    first, second = load(tmp_path, "a.lrc", ENHANCED)
    assert [(w.text, w.start_s, w.end_s) for w in first.words] == [("Hold", 2.0, 2.5), ("on", 2.5, 3.25)]
    assert (first.text, second.words) == ("Hold on", ())


def test_subtitles_lose_their_style_and_their_comments(tmp_path):
    assert spans(load(tmp_path, "a.srt", SRT)) == [("Hold on", 1.0, 3.0), ("Come home", 4.5, 6.0)]
    (line,) = load(tmp_path, "a.ass", ASS)
    assert (line.text, line.start_s, line.end_s) == ("Hold over", 1.0, 3.0)
    assert [(w.text, w.start_s, w.end_s) for w in line.words] == [("Hold", 1.0, 1.5), ("over", 1.5, 2.0)]


@pytest.mark.parametrize("name", ["out.lrc", "out.srt"])
@pytest.mark.parametrize("text", [ENHANCED, "[00:01.00]ليالي الشتاء\n[00:04.00]夜の光\n[00:06.00]\n"])
def test_what_is_written_reads_the_same(tmp_path, name, text):
    before = load(tmp_path, "in.lrc", text)
    lyrics.write(before, tmp_path / name)
    again = lyrics.load(tmp_path / name, no_voice)
    assert [(t, pytest.approx(a, abs=0.01), pytest.approx(b, abs=0.01)) for t, a, b in spans(before)] == spans(again)
    if name == "out.lrc":
        assert [line.words for line in again] == [line.words for line in before]


def voice():
    """Sung from 2 to 6 s and from 10 to 12 s."""
    level = np.zeros(1500)
    level[200:600] = level[1000:1200] = 1.0
    return level, 100


def test_plain_text_is_spread_over_what_is_sung(tmp_path):
    lines = load(tmp_path, "a.txt", "aaaa aaaa\n\nbbbb bbbb\ncccc cccc\n", voice)
    assert [line.text for line in lines] == ["aaaa aaaa", "bbbb bbbb", "cccc cccc"]
    assert [line.start_s for line in lines] == pytest.approx([2, 4, 10], abs=0.25)
    assert [line.end_s for line in lines] == pytest.approx([4, 6, 12], abs=0.25)


def test_utf_16_is_read(tmp_path):
    assert spans(load(tmp_path, "a.lrc", "[00:01.00]Été", encoding="utf-16"))[0][0] == "Été"


@pytest.mark.parametrize(
    ("name", "data", "sentence"),
    [
        ("a.lrc", b"[ti:Night]\n", "holds no words"),
        ("a.srt", b"", "can't be read as subtitles|holds no words"),
        ("a.lrc", b"\xe9t\xe9 \xff", "save it as UTF-8"),
        ("a.lrc", b"x" * 1_000_001, "larger than 1 MB"),
    ],
)
def test_bad_files_are_refused_in_a_sentence(tmp_path, name, data, sentence):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(BadInput, match=sentence):
        lyrics.load(tmp_path / name, lambda: (np.zeros(100), 100))


def test_what_is_not_there_or_can_t_be_written_is_refused(tmp_path):
    with pytest.raises(BadInput, match="check its name"):
        lyrics.load(tmp_path / "gone.lrc", no_voice)
    with pytest.raises(BadInput, match=r"\.lrc or \.srt"):
        lyrics.write([], tmp_path / "a.ass")
