"""Storyboards: what is right is read, what is wrong is named with its line."""

from pathlib import Path

import pytest

from blender_addon.core.types import Framing
from bridge.common.errors import BadInput
from bridge.plan.storyboard import BoardShot, Storyboard, load

EXAMPLE = Path(__file__).parents[2] / "examples" / "storyboard.toml"


def board(tmp_path, text):
    path = tmp_path / "story.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_example_is_right_and_shows_every_key():
    story = load(EXAMPLE)
    assert story.subject.startswith("an old lighthouse keeper")
    assert len(story.shots) == 12
    text = EXAMPLE.read_text(encoding="utf-8")
    for key in (*Storyboard.__dataclass_fields__, *BoardShot.__dataclass_fields__):
        name = key.removesuffix("_s")
        assert f"{name} " in text or f"{name}," in text or f"[[{name}]]" in text


def test_everything_is_read(tmp_path):
    (tmp_path / "keeper.png").write_bytes(b"x")
    story = load(
        board(
            tmp_path,
            """
            title = "T"
            artist = "A"
            subject = "a keeper"
            world = '''an island
              at sea'''
            style = "ink"
            negative = ""
            character = "keeper.png"
            seed = 3
            [[shots]]
            prompt = "one"
            bars = 2
            seed = 4
            motion = 200
            framing = "close"
            [[shots]]
            """,
        )
    )
    assert story == Storyboard(
        "T", "A", "a keeper", "an island at sea", "ink", "", tmp_path / "keeper.png", 3,
        (BoardShot("one", 2, 4, 200, Framing.CLOSE), BoardShot()),
    )  # fmt: skip


def test_an_empty_file_is_the_template(tmp_path):
    assert load(board(tmp_path, "")) == Storyboard()


WRONG = {
    "a typo": ('title = "x"\nsubjct = "y"', 'line 2: there is no key "subjct"; did you mean "subject"'),
    "a typo in capitals": ('Style = "y"', 'line 1: there is no key "Style"; did you mean "style"'),
    "a stranger": ("zzz = 1", 'line 1: there is no key "zzz"; there are title, artist, subject'),
    "a quoted key": ('\n"worl d" = "x"', 'line 2: there is no key "worl d"; did you mean "world"'),
    "a typo in a shot": (
        '[[shots]]\nprompt = "a"\n\n[[shots]]\nprompt = "b"\nmoton = 3',
        'line 6: there is no key "moton"; did you mean "motion"',
    ),
    "a key of the board in a shot": ('[[shots]]\nworld = "x"', 'line 2: there is no key "world"'),
    "a typo in the header": ('\n\n[[shot]]\nprompt = "a"', 'line 3: there is no key "shot"; did you mean "shots"'),
    "a key named in a text above": (
        'world = """\nbars = 0\n"""\n[[shots]]\nbars = 0',
        'line 5: "bars" must be from 1 to 64',
    ),
    "a key named in a comment": (
        '# seed = 1\ntitle = "#"\nseed = -1',
        'line 3: "seed" must be from 0 to 2147483647, not -1',
    ),
    "a shot in braces": (
        'shots = [\n  {prompt = "a"},\n  {fame = "b"}]',
        'line 3: there is no key "fame"; did you mean "framing"',
    ),
    "a texture that there isn't": ('texture = "grain, glow"', "line 1: there is no texture 'glow'"),
    "a font that isn't there": ('font = "Poster.otf"', "line 1: there is no .ttf, .otf, .ttc or .otc file"),
    "a number for a text": ("subject = 7", 'line 1: "subject" must be a text in quotes, not 7'),
    "a text for a number": ('[[shots]]\nbars = "2"', 'line 2: "bars" must be a whole number, not "2"'),
    "a fraction": ("[[shots]]\nbars = 1.5", 'line 2: "bars" must be a whole number, not 1.5'),
    "a truth": ("seed = true", 'line 1: "seed" must be a whole number, not True'),
    "too many bars": ("[[shots]]\nbars = 65", 'line 2: "bars" must be from 1 to 64, not 65'),
    "no motion": ("[[shots]]\nmotion = 0", 'line 2: "motion" must be from 1 to 255, not 0'),
    "too large a seed": ("[[shots]]\nseed = 2147483648", 'line 2: "seed" must be from 0 to 2147483647'),
    "a framing that isn't": (
        '[[shots]]\nframing = "wider"',
        'line 2: "framing" must be one of wide, medium, close, detail, not "wider"; did you mean "wide"',
    ),
    "an empty text": ('style = "  "', 'line 1: "style" is empty'),
    "a novel": (f'world = "{"x" * 2001}"', 'line 1: "world" has 2001 characters; 2000 are the most'),
    "shots as a text": ('shots = "x"', 'line 1: "shots" must be tables headed [[shots]]'),
    "shots as numbers": ("shots = [1]", 'line 1: "shots" must be tables headed [[shots]]'),
    "one table": ('[shots]\nprompt = "x"', 'line 1: "shots" must be tables headed [[shots]]'),
    "no picture": ('character = "no.png"', "line 1: there is no picture "),
    "not TOML": ('title = "x"\nsubject = ', "story.toml is not valid TOML: Invalid value (at line 2"),
    "twice": ("seed = 1\nseed = 2", "story.toml is not valid TOML: Cannot overwrite a value (at line 2"),
    "nested": ("seed = " + "[" * 5000, "is not valid TOML: "),
}


@pytest.mark.parametrize(("text", "sentence"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_said_in_one_sentence(tmp_path, text, sentence):
    with pytest.raises(BadInput) as caught:
        load(board(tmp_path, text))
    assert sentence in str(caught.value)
    assert str(caught.value).startswith("story.toml")
    assert "\n" not in str(caught.value)


def test_a_character_that_is_no_picture(tmp_path):
    (tmp_path / "keeper.txt").write_text("x")
    with pytest.raises(BadInput, match=r"line 1: keeper\.txt is not a PNG, JPEG or WebP picture"):
        load(board(tmp_path, 'character = "keeper.txt"'))


def test_files_that_can_not_be_read(tmp_path):
    with pytest.raises(BadInput, match=r"There is no storyboard .*none\.toml"):
        load(tmp_path / "none.toml")
    with pytest.raises(BadInput, match="is a folder"):
        load(tmp_path)
    (tmp_path / "bytes.toml").write_bytes(b"title = '\xff\xfe'")
    with pytest.raises(BadInput, match="not UTF-8"):
        load(tmp_path / "bytes.toml")
    (tmp_path / "large.toml").write_bytes(b"#" * 1_000_001)
    with pytest.raises(BadInput, match="larger than 1 MB"):
        load(tmp_path / "large.toml")
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match=r"can't be read|There is no storyboard"):
        load(tmp_path / "file" / "story.toml")


def test_a_byte_order_mark_is_no_key(tmp_path):
    path = tmp_path / "story.toml"
    path.write_bytes(b"\xef\xbb\xbftitle = 'x'\r\nseed = 5\r\n")
    assert (load(path).title, load(path).seed) == ("x", 5)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b'character = "C:\\Users\\ana\\hero.png"', "backslash in line 1 within double quotes"),
        (b'title = "x"\ncharacter = "C:\\temp\\new.png"', '"character" has a backslash that was read as a code'),
        ("title = \u201cLighthouse\u201d".encode(), "typographic quote"),
        ('title\u00a0= "Lighthouse"'.encode(), "no-break space"),
        ('title = "F\u00fcr Elise"'.encode("latin-1"), "Windows-1252 or Latin-1"),
        ('title = "Lighthouse"'.encode("utf-16"), "UTF-16"),
        ('title = "Lighthouse"'.encode("utf-16-le"), "UTF-16"),
    ],
)
def test_what_other_systems_write_is_named(tmp_path, data, words):
    (tmp_path / "story.toml").write_bytes(data)
    with pytest.raises(BadInput, match=words) as caught:
        load(tmp_path / "story.toml")
    assert "\n" not in str(caught.value)


def test_old_line_ends_are_read(tmp_path):
    (tmp_path / "story.toml").write_bytes(b'title = "Lighthouse"\rsubject = "a keeper"\r')
    assert load(tmp_path / "story.toml").subject == "a keeper"
