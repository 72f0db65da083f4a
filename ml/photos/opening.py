"""Opens untrusted photo files and checks them against limits, before any pixel is decoded."""

from __future__ import annotations

import io
import logging
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import Image
from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile
from pillow_heif.as_plugin import HeifImageFile

from ml.photos import jpeg
from ml.photos.errors import PhotoError, damaged, truncated
from ml.photos.formats import FORMAT_NAMES, name_unsupported, riff_size, sniff, webp_canvas

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PIL.ImageFile import ImageFile

    from ml.photos.formats import PhotoFormat

_MAX_SCANS = 100
"""Maximum scans of a JPEG; encoders write about 10. Each scan costs a pass over all pixels but needs only 14 bytes: a
file within the other limits could keep a core busy for hours."""

_MAX_MARKERS = 10_000
"""Maximum markers of a JPEG; metadata takes a few hundred. Pillow keeps an object for each."""

_READERS: dict[PhotoFormat, type[ImageFile]] = {
    "JPEG": JpegImageFile,
    "PNG": PngImageFile,
    "WEBP": WebPImageFile,
    "GIF": GifImageFile,
    "BMP": BmpImageFile,
    "HEIF": HeifImageFile,
    "AVIF": AvifImageFile,
    "TIFF": TiffImageFile,
}
"""Used directly: `Image.open` refuses JPEG files of more than 179 million pixels, at any reduced size."""

# Pillow warns about broken metadata, and logs odd TIFF files. Each text is different, so uploads could fill the log and
# Python's registry of warnings.
logging.getLogger("PIL.TiffImagePlugin").setLevel(logging.CRITICAL)
warnings.filterwarnings("ignore", module=r"PIL\.")


@dataclass(frozen=True, slots=True)
class PhotoLimits:
    """Limits on a stored photo, checked on the header before decoding.

    Attributes:
        max_pixels: of any photo. The default accepts those of a phone with a sensor of 200 megapixels.
        max_decoded_pixels: a decoded pixel takes 4 bytes, and decoding holds up to three copies. A larger JPEG is
            decoded at a half, a quarter or an eighth of its size. Other photos, and progressive JPEG files, must not be
            larger: 200 megapixels of a progressive JPEG take 0.6 to 1.2 GB at any reduced size.
        max_side, min_side: in pixels. The default minimum is one JPEG block: a smaller picture shows no item.
    """

    max_bytes: int = 20 * 2**20
    max_pixels: int = 210_000_000
    max_decoded_pixels: int = 64_000_000
    max_side: int = 20_000
    min_side: int = 8


DEFAULT_LIMITS = PhotoLimits()


@dataclass(frozen=True, slots=True)
class PhotoHeader:
    """Format and size from a photo's first bytes. Width and height are as stored, before the EXIF rotation."""

    format: PhotoFormat
    width: int
    height: int


_TIFF_SUBFILE, _TIFF_COMPRESSION, _TIFF_TILE_WIDTH, _TIFF_TILE_HEIGHT, _DNG_VERSION = 254, 259, 322, 323, 50_706

_TIFF_COMPRESSIONS = frozenset({1, 5, 7, 8, 32_773, 32_946})
"""None, LZW, JPEG, Deflate, PackBits, and Deflate of old. Photos have no other, and libtiff writes a line to stderr for
each broken line of a fax."""


def open_photo(content: bytes, limits: PhotoLimits) -> tuple[ImageFile, PhotoHeader]:
    """Open a photo without decoding its pixels.

    Raises:
        PhotoError: see `ml.photos.decode.inspect`.
    """
    if not content:
        raise PhotoError("empty", "The photo file is empty. Upload it again.")
    if len(content) > limits.max_bytes:
        problem = f"The photo has {len(content):,} bytes; the limit is {limits.max_bytes:,}"
        raise PhotoError("too_many_bytes", f"{problem}. Save it at a smaller size or a lower quality.")
    photo_format = sniff(content)
    if photo_format is None:
        raise _not_accepted(content)
    if photo_format == "JPEG":
        _check_jpeg(content)
    if photo_format == "WEBP":
        _check_webp(content, limits)
    with pillow_errors(photo_format):
        image = _READERS[photo_format](io.BytesIO(content))
    if isinstance(image, TiffImageFile):
        _check_tiff(image, limits)
    _check_size(image.size, limits)
    header = PhotoHeader(photo_format, *image.size)
    _check_decoded_size(header, content, limits)
    return image, header


def _not_accepted(content: bytes) -> PhotoError:
    name = name_unsupported(content)
    if name is not None:
        return PhotoError("unsupported_format", f"The photo is {name}. Use {FORMAT_NAMES}.")
    return PhotoError("not_an_image", f"The file is not an image in a known format. Use {FORMAT_NAMES}.")


def _check_size(size: tuple[int, int], limits: PhotoLimits) -> None:
    width, height = size
    measured = f"The photo is {width:,} x {height:,} pixels"
    if width * height > limits.max_pixels:
        limit = f"the limit is {limits.max_pixels:,} pixels in total"
        raise PhotoError("too_many_pixels", f"{measured}; {limit}. Save it at a smaller size.")
    if max(size) > limits.max_side:
        limit = f"a side may have at most {limits.max_side:,}"
        raise PhotoError("too_long_side", f"{measured}; {limit}. Save it at a smaller size.")
    if min(size) < limits.min_side:
        raise PhotoError("too_small", f"{measured}; each side needs at least {limits.min_side}. Use a larger photo.")


def _check_jpeg(content: bytes) -> None:
    if content.count(b"\xff") - content.count(b"\xff\0") <= _MAX_SCANS:
        return  # bounds the number of markers, several times faster than finding each
    scans = 0
    for number, segment in enumerate(jpeg.segments(content), start=1):
        scans += segment.is_scan
        if scans > _MAX_SCANS or number > _MAX_MARKERS:
            raise damaged("JPEG", f"it has more than {_MAX_SCANS} scans or {_MAX_MARKERS:,} markers")


def _check_decoded_size(header: PhotoHeader, content: bytes, limits: PhotoLimits) -> None:
    """Check the pixels of a photo that cannot be decoded at a reduced size."""
    limit = limits.max_decoded_pixels
    if header.width * header.height <= limit:
        return
    measured = f"The photo is {header.width:,} x {header.height:,} pixels"
    if header.format != "JPEG":
        problem = f"{measured}; a {header.format} file may have {limit:,} pixels"
        raise PhotoError("too_many_pixels", f"{problem}. Save it at a smaller size.")
    if jpeg.buffers_coefficients(content):
        problem = f"{measured}; a progressive JPEG file may have {limit:,} pixels"
        raise PhotoError("too_many_pixels", f"{problem}. Save it at a smaller size, or as a baseline JPEG.")


def _check_tiff(image: TiffImageFile, limits: PhotoLimits) -> None:
    """Refuse a camera's raw file (its first picture may be a thumbnail), 32-bit pixels, and tiles beyond the limit."""
    tags = image.tag_v2
    reduced = tags.get(_TIFF_SUBFILE, 0)
    if _DNG_VERSION in tags or (isinstance(reduced, int) and reduced & 1):
        raise PhotoError("unsupported_format", f"The photo is a camera's raw file. Use {FORMAT_NAMES}.")
    if image.mode in ("I", "F"):
        raise PhotoError(
            "unsupported_format", "The photo is a TIFF file of 32 bits a colour. Save it with 8 or 16 bits."
        )
    if tags.get(_TIFF_COMPRESSION, 1) not in _TIFF_COMPRESSIONS:
        raise PhotoError("unsupported_format", "The photo is a TIFF file with a rare compression. Save it with LZW.")
    tile = (tags.get(_TIFF_TILE_WIDTH, 1), tags.get(_TIFF_TILE_HEIGHT, 1))
    if not all(isinstance(side, int) for side in tile) or tile[0] * tile[1] > limits.max_decoded_pixels:
        raise damaged("TIFF", f"its tiles have {tile[0]} x {tile[1]} pixels")


def _check_webp(content: bytes, limits: PhotoLimits) -> None:
    if riff_size(content) > len(content):
        raise truncated("WEBP")
    if canvas := webp_canvas(content):
        _check_size(canvas, limits)  # Pillow allocates the canvas when it opens the file


@contextmanager
def pillow_errors(photo_format: PhotoFormat) -> Iterator[None]:
    """Convert every exception that Pillow raises for hostile bytes into a `PhotoError`."""
    try:
        yield
    except PhotoError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning, MemoryError) as error:
        problem = "The photo has, or claims to have, too many pixels to decode"
        raise PhotoError("too_many_pixels", f"{problem}. Save it at a smaller size.") from error
    except Exception as error:  # OSError, SyntaxError, struct.error, IndexError and many more
        problem = "its header is not valid" if isinstance(error, SyntaxError) else str(error)
        if isinstance(error, EOFError) or "truncated" in problem.lower():
            raise truncated(photo_format) from error
        raise damaged(photo_format, problem or type(error).__name__) from error
