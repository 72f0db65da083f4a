"""Photo bytes in, an upright RGB picture out: the one place where files that strangers made are decoded.

    bytes ─▶ magic number ─▶ header ─▶ limits ─▶ decode ─▶ turn upright ─▶ RGB on white

Whatever the bytes are, the outcome is a picture or a `PhotoError`. Thread-safe: nothing is shared between calls.
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
"""Scans that a JPEG may have: encoders write about 10. Each costs a pass over all pixels and may take only 14 bytes, so
that a file within the limits could keep a core busy for hours."""

_MAX_MARKERS = 10_000
"""Markers that a JPEG may have: metadata take a few hundred. Pillow keeps an object for each."""

_ACCEPTED = "Use JPEG, PNG, WebP, GIF or BMP"

# Pillow remarks on broken metadata with warnings. Each has another text, so they would fill the log, and the registry
# of warnings seen, with what strangers upload.
warnings.filterwarnings("ignore", module=r"PIL\.")


class PhotoError(ValueError):
    """A file is not a photo that we accept: what is wrong with it, and what to do.

    Attributes:
        reason: a short stable code, as it stands in rejects.csv.
    """

    def __init__(self, reason: Reason, message: str) -> None:
        self.reason: Reason = reason
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class PhotoLimits:
    """What a photo may measure, as stored. Checked on the header, before anything is decoded.

    Attributes:
        max_pixels: a decoded pixel takes 4 bytes, and decoding holds up to three copies. Pillow's own limit,
            `2 * Image.MAX_IMAGE_PIXELS`, applies as well.
        min_side: JPEG's blocks are 8 pixels; less than one is no picture of an item.
    """

    max_bytes: int = 20 * 2**20
    max_pixels: int = 64_000_000
    max_side: int = 20_000
    min_side: int = 8


DEFAULT_LIMITS = PhotoLimits()


@dataclass(frozen=True, slots=True)
class PhotoHeader:
    """What a photo's first bytes say. Width and height are as stored, before it is turned upright."""

    format: PhotoFormat
    width: int
    height: int


def inspect(content: bytes, limits: PhotoLimits = DEFAULT_LIMITS) -> PhotoHeader:
    """Return the photo's header, without decoding it.

    Raises:
        PhotoError: it is not an image, of no accepted format, damaged at its beginning, or outside the limits.
    """
    return _open(content, limits)[1]


def decode(content: bytes, limits: PhotoLimits = DEFAULT_LIMITS, *, at_least: int | None = None) -> Image.Image:
    """Return the photo (of an animation the first frame) as an upright RGB picture, transparency flattened on white.

    Args:
        content: the file's bytes.
        limits: what it may measure.
        at_least: a JPEG may be shrunk by 2, 4 or 8 while it is decoded, which is several times cheaper, as long as
            both sides keep at least this many pixels. The size before is then in `original_size`.

    Raises:
        PhotoError: it is not an image, of no accepted format, damaged, or outside the limits.
    """
    image, header = _open(content, limits)
    if at_least is not None:
        image.draft(None, (at_least, at_least))  # does nothing unless it is a JPEG
    with _pillow_errors(header.format):
        image.load()
        turn = _TURNS.get(_orientation(image))
        picture = _on_white(image)
        upright = picture if turn is None else picture.transpose(turn)
    size = (header.width, header.height)
    upright.info = {"original_size": size[::-1] if turn in _SWAPPING else size}
    return upright


def original_size(image: Image.Image) -> tuple[int, int]:
    """Return the width and height, upright, that a picture from `decode` has without `at_least`."""
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
"""What turns a picture of each EXIF orientation upright (CIPA DC-008, tag 0x0112)."""

_SWAPPING = frozenset({_TURNS[orientation] for orientation in (5, 6, 7, 8)})


def _open(content: bytes, limits: PhotoLimits) -> tuple[ImageFile, PhotoHeader]:
    if not content:
        raise PhotoError("empty", "The photo's file is empty. Upload it again.")
    if len(content) > limits.max_bytes:
        problem = f"The photo has {len(content):,} bytes, and at most {limits.max_bytes:,} are accepted."
        raise PhotoError("too_many_bytes", f"{problem} Save it smaller or with a lower quality.")
    photo_format = sniff(content)
    if photo_format is None:
        raise _unusable(content)
    if photo_format == "JPEG":
        _check_jpeg(content)
    if photo_format == "WEBP":
        _check_webp(content, limits)
    with _pillow_errors(photo_format):
        image = Image.open(io.BytesIO(content), formats=[photo_format])
    _check_size(image.size, limits)
    return image, PhotoHeader(photo_format, *image.size)


def _unusable(content: bytes) -> PhotoError:
    name = name_unsupported(content)
    if name is not None:
        return PhotoError("unsupported_format", f"The photo is {name}, which is not accepted. {_ACCEPTED}.")
    return PhotoError("not_an_image", f"The file is not an image, whatever its name says. {_ACCEPTED}.")


def _check_size(size: tuple[int, int], limits: PhotoLimits) -> None:
    width, height = size
    measures = f"The photo measures {width:,} x {height:,} pixels"
    if width * height > limits.max_pixels:
        raise PhotoError("too_many_pixels", f"{measures}, more than {limits.max_pixels:,} in all. Save it smaller.")
    if max(size) > limits.max_side:
        raise PhotoError("too_long_side", f"{measures}, and no side may exceed {limits.max_side:,}. Save it smaller.")
    if min(size) < limits.min_side:
        raise PhotoError("too_small", f"{measures}, and each side needs {limits.min_side}. Use a larger photo.")


def _check_jpeg(content: bytes) -> None:
    if content.count(b"\xff") - content.count(b"\xff\0") <= _MAX_SCANS:
        return  # at least as many as there are markers, and several times faster than finding them one by one
    scans = 0
    for number, code in enumerate(jpeg_markers(content), start=1):
        scans += code == JPEG_SCAN
        if scans > _MAX_SCANS or number > _MAX_MARKERS:
            raise _damaged("JPEG", f"it has more than {_MAX_SCANS} scans or {_MAX_MARKERS} markers, which none needs")


def _check_webp(content: bytes, limits: PhotoLimits) -> None:
    if riff_size(content) > len(content):
        raise _truncated("WEBP")
    if canvas := webp_canvas(content):
        _check_size(canvas, limits)  # Pillow allocates the canvas as soon as it opens the file


@contextmanager
def _pillow_errors(photo_format: PhotoFormat) -> Iterator[None]:
    """Turn every exception that Pillow raises for hostile bytes into a `PhotoError`."""
    try:
        yield
    except PhotoError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning, MemoryError) as error:
        problem = "The photo has, or claims, more pixels than can be decoded"
        raise PhotoError("too_many_pixels", f"{problem}. Save it smaller.") from error
    except Exception as error:  # OSError, SyntaxError, struct.error, IndexError, ...: the list has no end
        problem = "its beginning makes no sense" if isinstance(error, UnidentifiedImageError) else str(error)
        if isinstance(error, EOFError) or "truncated" in problem.lower():
            raise _truncated(photo_format) from error
        raise _damaged(photo_format, problem or type(error).__name__) from error


def _truncated(photo_format: PhotoFormat) -> PhotoError:
    return PhotoError("truncated", f"The {photo_format} file ends too early. Upload it again, whole.")


def _damaged(photo_format: PhotoFormat, problem: str) -> PhotoError:
    return PhotoError("damaged", f"The {photo_format} file is damaged: {problem}. Save it again with an image editor.")


def _orientation(image: ImageFile) -> int:
    """Return the EXIF orientation, 1 to 8, of a loaded image; broken EXIF counts as upright."""
    try:
        found = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # noqa: BLE001 - whatever is wrong in there, the pixels are fine
        return 1
    return found if found in _TURNS else 1


def _on_white(image: Image.Image) -> Image.Image:
    """Return a loaded image of any mode as RGB."""
    if image.mode.startswith("I"):  # 16 bits of grey, which convert() would clip at 255
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    if not image.has_transparency_data:
        return image.convert("RGB")
    picture = image.convert("RGBA")
    white = Image.new("RGB", picture.size, "white")
    white.paste(picture, mask=picture)
    return white
