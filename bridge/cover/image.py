# SPDX-License-Identifier: GPL-3.0-or-later
"""Any cover file in, one upright sRGB picture out."""

import io
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageOps, PngImagePlugin, UnidentifiedImageError

from bridge.common.errors import BadInput
from bridge.common.frames import Frame
from bridge.cover.oklab import from_srgb

FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "TIFF", "GIF", "BMP")
MIN_SIDE_PX = 16
MAX_PIXELS = 120_000_000
"""more would take gigabytes to decode; a cover is 3000 x 3000 as a rule"""
MAX_SIDE_PX = 4096
"""larger covers are reduced to this: no frame shows more"""

MOST_SIDE_DATA_MIB = 64
"""what a PNG's texts and profile may take unpacked: image generators keep whole workflows there"""
PngImagePlugin.MAX_TEXT_CHUNK = PngImagePlugin.MAX_TEXT_MEMORY = MOST_SIDE_DATA_MIB * 2**20

_SAME_LEVELS = 2
"""a profile that moves no colour by more than this is sRGB, by whatever name"""
_HEADS = (
    (b"8BPS", "a Photoshop document"),
    (b"%PDF", "a PDF"),
    (b"%!PS", "an EPS drawing"),
    (b"gimp xcf", "a GIMP document"),
    (b"\xff\x0a", "a JPEG XL picture"),
    (b"\x00\x00\x00\x0cJXL ", "a JPEG XL picture"),
    (b"v/1\x01", "an OpenEXR picture"),
    (b"\x00\x00\x01\x00", "an icon"),
    (b"<svg", "an SVG drawing"),
    (b"<?xml", "an SVG drawing or another XML file"),
    (b"<!DOCTYPE html", "a web page"),
    (b"<html", "a web page"),
    (b"ID3", "a song"),
    (b"fLaC", "a song"),
    (b"OggS", "a song or a film"),
    (b"\x1a\x45\xdf\xa3", "a film"),
    (b"PK\x03\x04", "a zip archive"),
)
_BRANDS = (
    ((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"), "a HEIC picture"),
    ((b"crx ",), "a camera's raw picture"),
    ((b"isom", b"iso2", b"mp41", b"mp42", b"qt  ", b"M4V ", b"avc1"), "a film"),
    ((b"M4A ", b"M4P "), "a song"),
)
"""of the file type box (ISO/IEC 14496-12, 4.3)"""
_DAMAGE = (OSError, SyntaxError, ValueError, EOFError, IndexError, struct.error, zlib.error)
"""what Pillow's readers raise on broken files"""


def load(path: str | Path) -> Frame:
    """Reads a cover: rotated as its EXIF says, converted to sRGB, transparency filled, at most 4096 px a side.

    Args:
        path: PNG, JPEG, WebP, AVIF, TIFF, GIF (its first picture) or BMP, by its content; grey, palette, CMYK, 8 or
            16 bits, with or without alpha and ICC profile.

    Returns:
        uint8, shape (height, width, 3).

    Raises:
        BadInput: there is no such file, it is no image, damaged, below 16 px or above 120 megapixels.
    """
    path = Path(path)
    if path.is_dir():
        raise BadInput(f"The cover {path} is a folder; name an image file in it.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path, formats=FORMATS) as image:
                _refuse_odd_sizes(image, path)
                return _upright_srgb(image)
    except FileNotFoundError:
        raise BadInput(f"There is no cover at {path}; check the path.") from None
    except PermissionError:
        raise BadInput(f"The cover {path} can't be read; check the file's permissions.") from None
    except UnidentifiedImageError:
        raise BadInput(_unreadable(path)) from None
    except Image.DecompressionBombError:
        raise BadInput(_too_large(path, "")) from None
    except _DAMAGE as error:
        if "too large for PngImagePlugin" in str(error):
            raise BadInput(
                f"The cover {path} holds more than {MOST_SIDE_DATA_MIB} MiB of text or colour profile beside its"
                " picture; export it without metadata."
            ) from None
        raise BadInput(f"The cover {path} is damaged ({error}); export it again and try that file.") from None


def _unreadable(path: Path) -> str:
    """What the file is in truth, as far as its first bytes tell, and what to do."""
    with path.open("rb") as file:
        head = file.read(64)
    if not head:
        return f"The cover {path} is empty; give a PNG, JPEG or WebP file."
    kind = next((kind for start, kind in _HEADS if head.lstrip().startswith(start) or head.startswith(start)), None)
    if head[4:8] == b"ftyp":
        kind = next((kind for brands, kind in _BRANDS if head[8:12] in brands), None)
    if kind:
        return f"The cover {path} is {kind}, which can't be read as a cover; export it as a PNG or JPEG file."
    return f"The cover {path} is not an image that can be read; give a PNG, JPEG or WebP file."


def _refuse_odd_sizes(image: Image.Image, path: Path) -> None:
    width, height = image.size
    if min(width, height) < MIN_SIDE_PX:
        raise BadInput(
            f"The cover {path} is only {width} x {height} pixels; give one of at least {MIN_SIDE_PX} pixels a side."
        )
    if width * height > MAX_PIXELS:
        raise BadInput(_too_large(path, f" ({width} x {height} pixels)"))


def _too_large(path: Path, size: str) -> str:
    return f"The cover {path} is too large{size}; scale it down to {MAX_SIDE_PX} pixels a side or less."


def _upright_srgb(image: Image.Image) -> Frame:
    if image.format == "JPEG" and max(image.size) > MAX_SIDE_PX:
        image.draft(None, (MAX_SIDE_PX, MAX_SIDE_PX))  # the decoder halves it, which saves memory
    image.load()
    upright = ImageOps.exif_transpose(image)
    profile = image.info.get("icc_profile")
    flat = _reduced(_eight_bits(upright))
    alpha = flat.convert("RGBA").getchannel("A") if flat.has_transparency_data else None
    rgb = np.asarray(_to_srgb(flat, profile))
    return rgb.copy() if alpha is None else _filled(rgb, np.asarray(alpha))


def _eight_bits(image: Image.Image) -> Image.Image:
    """Pictures of 16 or 32 bits per sample, scaled to 8 (Pillow's own conversion clips them)."""
    if not image.mode.startswith(("I", "F")):
        return image
    values = np.asarray(image).astype(np.float64)
    white = 65535.0 if image.mode.startswith("I") else 1.0
    return Image.fromarray(np.clip(np.round(values * (255 / white)), 0, 255).astype(np.uint8))


def _reduced(image: Image.Image) -> Image.Image:
    if max(image.size) <= MAX_SIDE_PX:
        return image
    if image.mode in ("P", "PA", "1"):  # an index can't be averaged
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    scale = MAX_SIDE_PX / max(image.size)
    size = (max(MIN_SIDE_PX, round(image.width * scale)), max(MIN_SIDE_PX, round(image.height * scale)))
    return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """RGB without alpha, by the file's ICC profile if it has a usable one."""
    if image.mode not in ("RGB", "CMYK", "L"):
        image = image.convert("L" if image.mode in ("1", "LA") else "RGB")
    if profile is None:
        return image.convert("RGB")
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        target = ImageCms.createProfile("sRGB")
        if image.mode == "RGB" and _changes_nothing(source, target):
            return image
        converted = ImageCms.profileToProfile(image, source, target, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):
        # A profile that is broken, or made for another kind of image: viewers show such a file without it.
        return image.convert("RGB")
    return image.convert("RGB") if converted is None else converted


def _changes_nothing(source: ImageCms.ImageCmsProfile, target: ImageCms.ImageCmsProfile) -> bool:
    """Whether a profile leaves all colours as they are, up to rounding. Its name may say anything."""
    levels = np.linspace(0, 255, 9).astype(np.uint8)
    colors = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(27, 27, 3)
    converted = ImageCms.profileToProfile(Image.fromarray(colors), source, target, outputMode="RGB")
    moved = np.abs(np.asarray(converted, np.int16) - colors)
    return int(moved.max()) <= _SAME_LEVELS


def _filled(rgb: Frame, alpha: Frame) -> Frame:
    """Transparency over white, or over near-black where what is visible is itself bright."""
    share = alpha.astype(np.float32)[..., None] / 255
    if not share.any():
        return np.full_like(rgb, 255)
    lightness = float((from_srgb(rgb)[..., :1] * share).sum() / share.sum())
    ground = 16.0 if lightness > 0.8 else 255.0
    return np.round(rgb * share + ground * (1 - share)).astype(np.uint8)
