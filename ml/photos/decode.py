"""Decodes untrusted photo files into upright RGB pictures. No other module decodes them.

    bytes ─▶ magic number ─▶ header ─▶ limits ─▶ decode ─▶ turn upright ─▶ RGB on white

For any bytes, the result is a picture or a `PhotoError`. Thread-safe: calls share nothing.
"""

from __future__ import annotations

import io
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from ml.photos.formats import JPEG_SCAN, jpeg_markers, name_unsupported, riff_size, sniff, webp_canvas

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PIL.ImageFile import ImageFile

    from ml.photos.formats import PhotoFormat

Reason: TypeAlias = Literal[
    "empty",
    "not_an_image",
    "unsupported_format",
    "too_many_bytes",
    "too_many_pixels",
    "too_long_side",
    "too_small",
    "truncated",
    "damaged",
]

_MAX_SCANS = 100
"""Maximum scans of a JPEG; encoders write about 10. Each scan costs a pass over all pixels but needs only 14 bytes: a
file within the other limits could keep a core busy for hours."""

_MAX_MARKERS = 10_000
"""Maximum markers of a JPEG; metadata takes a few hundred. Pillow keeps an object for each."""

_ACCEPTED_FORMATS = "Use JPEG, PNG, WebP, GIF or BMP"

# Pillow warns about broken metadata. Each text is different, so uploads could fill the log and Python's registry of
# warnings.
warnings.filterwarnings("ignore", module=r"PIL\.")


class PhotoError(ValueError):
    """A file is not an accepted photo. The message says what is wrong and what to do.

    Attributes:
        reason: a short stable code, also written to rejects.csv.
    """

    def __init__(self, reason: Reason, message: str) -> None:
        self.reason: Reason = reason
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class PhotoLimits:
    """Limits on a stored photo, checked on the header before decoding.

    Attributes:
        max_pixels: a decoded pixel takes 4 bytes, and decoding holds up to three copies. Pillow's own limit,
            `2 * Image.MAX_IMAGE_PIXELS`, also applies.
        max_side, min_side: in pixels. The default minimum is one JPEG block: a smaller picture shows no item.
    """

    max_bytes: int = 20 * 2**20
    max_pixels: int = 64_000_000
    max_side: int = 20_000
    min_side: int = 8


DEFAULT_LIMITS = PhotoLimits()


@dataclass(frozen=True, slots=True)
class PhotoHeader:
    """Format and size from a photo's first bytes. Width and height are as stored, before the EXIF rotation."""

    format: PhotoFormat
    width: int
    height: int


def inspect(content: bytes, limits: PhotoLimits = DEFAULT_LIMITS) -> PhotoHeader:
    """Read the photo's header without decoding the pixels.

    Raises:
        PhotoError: the file is not an image, is not in an accepted format, has a damaged header or exceeds a limit.
    """
    return _open(content, limits)[1]


def decode(content: bytes, limits: PhotoLimits = DEFAULT_LIMITS, *, at_least: int | None = None) -> Image.Image:
    """Decode a photo, or the first frame of an animation, into an upright RGB picture on white.

    Args:
        at_least: lets the decoder shrink a JPEG by 2, 4 or 8, several times cheaper, if both sides keep at least this
            many pixels. `original_size` then returns the full size.

    Raises:
        PhotoError: the file is not an image, is not in an accepted format, is damaged or exceeds a limit.
    """
    image, header = _open(content, limits)
    if at_least is not None:
        image.draft(None, (at_least, at_least))  # only affects JPEG
    with _pillow_errors(header.format):
        image.load()
        turn = _TURNS.get(_orientation(image))
        picture = _on_white(image)
        upright = picture if turn is None else picture.transpose(turn)
    size = (header.width, header.height)
    upright.info = {"original_size": size[::-1] if turn in _SIDE_SWAPPING_TURNS else size}
    return upright


def original_size(image: Image.Image) -> tuple[int, int]:
    """Return the full upright width and height of the photo behind a picture from `decode`."""
    width, height = image.info.get("original_size", image.size)
    return width, height


_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""The transposition that turns each EXIF orientation upright (CIPA DC-008, tag 0x0112)."""

_SIDE_SWAPPING_TURNS = frozenset({_TURNS[orientation] for orientation in (5, 6, 7, 8)})


def _open(content: bytes, limits: PhotoLimits) -> tuple[ImageFile, PhotoHeader]:
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
    with _pillow_errors(photo_format):
        image = Image.open(io.BytesIO(content), formats=[photo_format])
    _check_size(image.size, limits)
    return image, PhotoHeader(photo_format, *image.size)


def _not_accepted(content: bytes) -> PhotoError:
    name = name_unsupported(content)
    if name is not None:
        return PhotoError("unsupported_format", f"The photo is {name}. {_ACCEPTED_FORMATS}.")
    return PhotoError("not_an_image", f"The file is not an image in a known format. {_ACCEPTED_FORMATS}.")


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
    for number, code in enumerate(jpeg_markers(content), start=1):
        scans += code == JPEG_SCAN
        if scans > _MAX_SCANS or number > _MAX_MARKERS:
            raise _damaged("JPEG", f"it has more than {_MAX_SCANS} scans or {_MAX_MARKERS:,} markers")


def _check_webp(content: bytes, limits: PhotoLimits) -> None:
    if riff_size(content) > len(content):
        raise _truncated("WEBP")
    if canvas := webp_canvas(content):
        _check_size(canvas, limits)  # Pillow allocates the canvas when it opens the file


@contextmanager
def _pillow_errors(photo_format: PhotoFormat) -> Iterator[None]:
    """Convert every exception that Pillow raises for hostile bytes into a `PhotoError`."""
    try:
        yield
    except PhotoError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning, MemoryError) as error:
        problem = "The photo has, or claims to have, too many pixels to decode"
        raise PhotoError("too_many_pixels", f"{problem}. Save it at a smaller size.") from error
    except Exception as error:  # OSError, SyntaxError, struct.error, IndexError and many more
        problem = "its header is not valid" if isinstance(error, UnidentifiedImageError) else str(error)
        if isinstance(error, EOFError) or "truncated" in problem.lower():
            raise _truncated(photo_format) from error
        raise _damaged(photo_format, problem or type(error).__name__) from error


def _truncated(photo_format: PhotoFormat) -> PhotoError:
    return PhotoError("truncated", f"The {photo_format} file is cut off. Upload the complete file again.")


def _damaged(photo_format: PhotoFormat, problem: str) -> PhotoError:
    return PhotoError("damaged", f"The {photo_format} file is damaged: {problem}. Save it again with an image editor.")


def _orientation(image: ImageFile) -> int:
    """Return the EXIF orientation, 1 to 8, of a loaded image; 1 if the EXIF data is broken."""
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # noqa: BLE001 - broken metadata does not affect the pixels
        return 1
    return orientation if orientation in _TURNS else 1


def _on_white(image: Image.Image) -> Image.Image:
    """Convert a loaded image of any mode to RGB; transparency becomes white."""
    if image.mode.startswith("I"):  # 16-bit grey, which convert() would clip at 255
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    if not image.has_transparency_data:
        return image.convert("RGB")
    picture = image.convert("RGBA")
    white = Image.new("RGB", picture.size, "white")
    white.paste(picture, mask=picture)
    return white
