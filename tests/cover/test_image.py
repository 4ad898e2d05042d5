import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, PngImagePlugin

from bridge import cover
from bridge.common.errors import BadInput
from bridge.cover.image import MAX_SIDE_PX, load


def quarters(size_px=64):
    """Red, green, blue and white quarters: shows how it is turned."""
    half = size_px // 2
    picture = np.zeros((size_px, size_px, 3), np.uint8)
    picture[:half, :half] = (220, 30, 30)
    picture[:half, half:] = (30, 200, 30)
    picture[half:, :half] = (30, 30, 220)
    picture[half:, half:] = (240, 240, 240)
    return picture


def corners(picture):
    return np.array([picture[4, 4], picture[4, -5], picture[-5, 4], picture[-5, -5]], int)


@pytest.mark.parametrize("name", ["a.png", "a.webp", "a.bmp", "a.tiff"])
def test_lossless_formats_come_through_exactly(tmp_path, name):
    Image.fromarray(quarters()).save(tmp_path / name, lossless=True)
    assert np.array_equal(cover.load(tmp_path / name), quarters())


@pytest.mark.parametrize(("orientation", "turns"), [(1, 0), (3, 2), (6, 3), (8, 1)])
def test_exif_rotation_is_applied(tmp_path, orientation, turns):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(quarters()).save(tmp_path / "a.jpg", exif=exif, quality=95)
    assert np.abs(corners(cover.load(tmp_path / "a.jpg")) - corners(np.rot90(quarters(), turns))).max() < 12


@pytest.mark.parametrize("mode", ["L", "LA", "P", "1"])
def test_other_modes_look_the_same(tmp_path, mode):
    image = Image.fromarray(quarters()).convert(mode)
    image.save(tmp_path / "a.png")
    assert np.array_equal(cover.load(tmp_path / "a.png"), np.asarray(image.convert("RGB")))


def test_cmyk(tmp_path):
    Image.fromarray(quarters()).convert("CMYK").save(tmp_path / "a.jpg", quality=95)
    assert np.abs(corners(cover.load(tmp_path / "a.jpg")) - corners(quarters())).max() < 20


def test_sixteen_bits_are_scaled_not_clipped(tmp_path):
    ramp = np.linspace(0, 65535, 64).astype(np.uint16)[None].repeat(64, axis=0)
    Image.fromarray(ramp).save(tmp_path / "a.png")
    assert np.abs(cover.load(tmp_path / "a.png")[10, :, 1].astype(int) - ramp[0] / 257).max() <= 1


def test_transparency_shows_white_behind_dark_art_and_black_behind_white_art(tmp_path):
    for ink, ground in (((20, 20, 40), 255), ((255, 255, 250), 16)):
        art = np.zeros((64, 64, 4), np.uint8)
        art[16:48, 16:48] = (*ink, 255)
        Image.fromarray(art).save(tmp_path / "a.png")
        loaded = cover.load(tmp_path / "a.png")
        assert tuple(loaded[32, 32]) == ink
        assert (loaded[2, 2] == ground).all()


def test_transparency_of_a_palette_counts(tmp_path):
    indices = np.zeros((32, 32), np.uint8)
    indices[8:24, 8:24] = 1
    image = Image.fromarray(indices).convert("P")
    image.putpalette([200, 0, 0, 0, 0, 90])
    image.save(tmp_path / "a.png", transparency=0)
    loaded = cover.load(tmp_path / "a.png")
    assert tuple(loaded[1, 1]) == (255, 255, 255)
    assert tuple(loaded[16, 16]) == (0, 0, 90)


def s15(value):
    return struct.pack(">i", round(value * 65536))


def wide_profile():
    """An ICC profile whose gamma is 1.0 (linear light) with sRGB's primaries, built by hand."""
    base = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    count = struct.unpack(">I", base[128:132])[0]
    data = bytearray(base)
    for i in range(count):
        tag, offset, _ = struct.unpack(">4sII", base[132 + 12 * i : 144 + 12 * i])
        if tag in (b"rTRC", b"gTRC", b"bTRC"):
            data[offset : offset + 20] = b"para" + bytes(4) + struct.pack(">HH", 0, 0) + s15(1.0) + bytes(4)
        if tag == b"desc":
            text = data.index("sRGB".encode("utf-16-be"), offset)
            data[text : text + 8] = "flat".encode("utf-16-be")
    return bytes(data)


def test_icc_profiles_are_converted_to_srgb(tmp_path):
    half_light = np.full((32, 32, 3), 128, np.uint8)
    Image.fromarray(half_light).save(tmp_path / "a.png", icc_profile=wide_profile())
    assert np.abs(cover.load(tmp_path / "a.png").astype(int) - 188).max() <= 2  # 50 % light is 188 in sRGB


def test_a_broken_profile_is_left_out(tmp_path):
    Image.fromarray(quarters()).save(tmp_path / "a.png", icc_profile=b"not a profile")
    assert np.array_equal(cover.load(tmp_path / "a.png"), quarters())


def test_huge_covers_are_reduced(tmp_path):
    Image.new("RGB", (5000, 2500), (10, 200, 90)).save(tmp_path / "a.jpg")
    loaded = cover.load(tmp_path / "a.jpg")
    assert loaded.shape == (MAX_SIDE_PX // 2, MAX_SIDE_PX, 3)


def claiming(width, height):
    """A PNG that says it is this large and holds nothing: must be refused before it is decoded."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def jpeg_bytes():
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (200, 200, 3), np.uint8)).save(buffer, "JPEG")
    return buffer.getvalue()


def png_bytes(size):
    buffer = io.BytesIO()
    Image.new("RGB", size).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"Dear diary, today I painted nothing.\n" * 40, "not an image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "is an SVG drawing"),
        (jpeg_bytes()[:4000], "damaged"),
        (png_bytes((400, 400))[:90], "damaged"),
        (claiming(64, 64), "damaged"),
        (png_bytes((1, 1)), "only 1 x 1"),
        (claiming(20000, 20000), "too large"),
        (claiming(2**31 - 1, 2**31 - 1), "too large"),
    ],
    ids=["empty", "text", "svg", "jpeg cut", "png cut", "no pixels", "1x1", "20000", "bomb"],
)
def test_bad_files_give_one_clear_sentence(tmp_path, content, says):
    path = tmp_path / "cover.png"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=says) as caught:
        cover.load(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == content


def test_missing_and_folder(tmp_path):
    with pytest.raises(BadInput, match="no cover at"):
        cover.load(tmp_path / "none.png")
    with pytest.raises(BadInput, match="is a folder"):
        cover.load(tmp_path)


def png_with(path: Path, **info: object) -> Path:
    extra = PngImagePlugin.PngInfo()
    if "text" in info:
        extra.add_text("workflow", str(info["text"]), zip=True)
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8))
    picture.save(path, pnginfo=extra)
    return path


def test_a_workflow_in_a_png_is_no_damage(tmp_path):
    assert load(png_with(tmp_path / "workflow.png", text="x" * 5_000_000)).shape == (64, 64, 3)
    with pytest.raises(BadInput, match=r"64 MiB .* export it without metadata"):
        load(png_with(tmp_path / "bomb.png", text="x" * 70 * 2**20))


def test_avif_is_read_by_whatever_name(tmp_path):
    picture = Image.new("RGB", (64, 48), (200, 30, 60))
    picture.save(tmp_path / "cover.jpg", format="AVIF")
    assert np.abs(load(tmp_path / "cover.jpg").astype(int) - (200, 30, 60)).max() < 6


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (b"\x00\x00\x00\x1cftypheic", "is a HEIC picture"),
        (b"8BPS\x00\x01", "is a Photoshop document"),
        (b"%PDF-1.7", "is a PDF"),
        (b"<svg xmlns=", "is an SVG drawing"),
        (b"\x00\x00\x00\x18ftypisom", "is a film"),
        (b"ID3\x04", "is a song"),
    ],
)
def test_what_cannot_be_read_is_named_by_its_content(tmp_path, head, words):
    (tmp_path / "cover.jpg").write_bytes(head + bytes(200))
    with pytest.raises(BadInput, match=words):
        load(tmp_path / "cover.jpg")


def test_a_profile_counts_by_its_content_not_its_name(tmp_path):
    """A profile that swaps nothing is left alone; one called sRGB that is none is obeyed."""
    picture = Image.fromarray(np.random.default_rng(1).integers(0, 255, (64, 64, 3), dtype=np.uint8))
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture.save(tmp_path / "plain.png", icc_profile=srgb)
    assert np.array_equal(load(tmp_path / "plain.png"), np.asarray(picture))
    other = bytearray(srgb)
    red, green = other.index(b"rXYZ"), other.index(b"gXYZ")
    other[red : red + 4], other[green : green + 4] = b"gXYZ", b"rXYZ"  # its name still says sRGB
    picture.save(tmp_path / "swapped.png", icc_profile=bytes(other))
    assert np.abs(load(tmp_path / "swapped.png").astype(int) - np.asarray(picture)).max() > 50
