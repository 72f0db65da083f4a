"""Decodes untrusted photo files into upright RGB pictures. No other module decodes them.

    bytes ─▶ magic number ─▶ header ─▶ limits ─▶ decode ─▶ sRGB on white ─▶ turn upright

For any bytes, the result is a picture or a `PhotoError`. Thread-safe: calls share locks and colour transforms, which
threads may use at the same time. The memory of all calls of a process together is bounded (`turns.py`).
"""

from __future__ import annotations

import io
import threading
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

import numpy as np
from PIL import ExifTags, Image
from PIL.AvifImagePlugin import AvifImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.TiffImagePlugin import TiffImageFile

from ml.photos import jpeg
from ml.photos.colour import to_srgb
from ml.photos.errors import PhotoError, Reason, truncated
from ml.photos.metadata import png_chunks
from ml.photos.opening import DEFAULT_LIMITS, PhotoHeader, PhotoLimits, open_photo, pillow_errors
from ml.photos.turns import PATIENT, DecodingBusy, Patience, decoding_turn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PIL.ImageFile import ImageFile

__all__ = [
    "DEFAULT_LIMITS",
    "PATIENT",
    "DecodingBusy",
    "Patience",
    "PhotoError",
    "PhotoHeader",
    "PhotoLimits",
    "Reason",
    "decode",
    "decoded",
    "inspect",
    "is_incomplete",
    "orientation_of",
    "original_size",
]

_MAX_MISSING_ROWS = 0.25
"""Maximum share of a JPEG's rows that may be missing at its end. Decoders make them grey: with a
quarter missing, 60 photos keep a median cosine of 0.93 to the whole photo (lowest tenth: 0.79); with a half, 0.65.
Other photos have 0.25. Leaving the grey rows out keeps less, 0.87.

A progressive file sends the whole picture coarsely, then refines it. Once each coefficient was sent (5 of 10 scans) the
lowest cosine is 0.997; before that it is 0.88 and lower, and such a file is refused."""

_CHECKED_TAIL = 16
"""Bytes that are cut off a broken JPEG once more, to see by the rows that change how far its pixel data reach."""

_BLOCK_ROWS = 16
"""Rows of pixels that a JPEG's data fill together."""


_AVIF_TURN = threading.Lock()
"""One AVIF file is decoded at a time. Its picture may be larger than its container says; libavif refuses only more than
268 million pixels, which take 0.6 GB (8 bits) to 1.6 GB (12 bits, full colour). libheif refuses such a file."""


def inspect(content: bytes, limits: PhotoLimits = DEFAULT_LIMITS) -> PhotoHeader:
    """Read the photo's header without decoding the pixels.

    Raises:
        PhotoError: the file is not an image, is not in an accepted format, has a damaged header or exceeds a limit.
    """
    return open_photo(content, limits)[1]


def decode(content: bytes, limits: PhotoLimits = DEFAULT_LIMITS, *, at_least: int | None = None) -> Image.Image:
    """Decode a photo, or the first picture of several, into an upright RGB picture in sRGB, on white.

    `is_incomplete` returns whether its file is cut off.

    Args:
        at_least: lets the decoder shrink a JPEG by 2, 4 or 8, several times cheaper, if both sides keep at least this
            many pixels. `original_size` then returns the full size.

    Raises:
        PhotoError: the file is not an image, is not in an accepted format, is damaged or exceeds a limit.
    """
    with decoded(content, limits, at_least=at_least) as picture:
        return picture


@contextmanager
def decoded(
    content: bytes,
    limits: PhotoLimits = DEFAULT_LIMITS,
    *,
    at_least: int | None = None,
    patience: Patience = PATIENT,
) -> Iterator[Image.Image]:
    """Yield what `decode` returns; its memory counts towards the process's bound until the block ends.

    Raises:
        DecodingBusy: it is not the photo's turn in time.
        PhotoError: see `decode`.
    """
    opened, header = open_photo(content, limits)
    factor = _reduction(header, limits, at_least)
    with decoding_turn(_memory(opened, header, content, factor), patience):
        yield _decoded(opened, header, content, factor=factor, at_least=at_least)


def _decoded(
    opened: ImageFile, header: PhotoHeader, content: bytes, *, factor: int, at_least: int | None
) -> Image.Image:
    with pillow_errors(header.format):
        image, is_cut_off = _load(opened, content, factor)
        turn = _TURNS.get(_orientation(image))
        picture = to_srgb(image, at_least=at_least)
        upright = picture if turn is None else picture.transpose(turn)
    size = (header.width, header.height)
    upright.info = {"original_size": size[::-1] if turn in _SIDE_SWAPPING_TURNS else size}
    if is_cut_off:
        upright.info["incomplete"] = True
    return upright


def orientation_of(content: bytes, limits: PhotoLimits = DEFAULT_LIMITS) -> int:
    """Return the EXIF orientation of a photo, 1 to 8, which `decode` applies; 1 if it has none.

    Raises:
        PhotoError: the file is not an accepted photo. A damaged PNG file counts as upright.
    """
    image, header = open_photo(content, limits)
    if header.format == "PNG" and not any(kind in _PNG_WITH_ORIENTATION for kind, _, _ in png_chunks(content)):
        return 1  # Pillow would decode the whole file to see what is behind its pixels
    return _orientation(image)


def is_incomplete(image: Image.Image) -> bool:
    """Return whether the file behind a picture from `decode` is cut off: its last rows are grey, or lack precision."""
    return "incomplete" in image.info


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

_BYTES_PER_PIXEL = 12
"""Of the picture as it is decoded, converted and turned: up to three copies."""

_BYTES_PER_SAMPLE = 2
"""Of a progressive JPEG, whose coefficients are all kept."""

_TIFF_PHOTOMETRIC = 262

_PNG_WITH_ORIENTATION = frozenset((b"eXIf", b"zTXt", b"tEXt", b"iTXt"))

_SIDE_SWAPPING_TURNS = frozenset({_TURNS[orientation] for orientation in (5, 6, 7, 8)})


def _reduction(header: PhotoHeader, limits: PhotoLimits, at_least: int | None) -> int:
    """Return the factor by which a JPEG is shrunk while it is decoded: 1, 2, 4 or 8; 1 for other formats."""
    if header.format != "JPEG":
        return 1
    smallest = min(header.width, header.height)
    wanted = max((factor for factor in (1, 2, 4, 8) if at_least and smallest // factor >= at_least), default=1)
    pixels = header.width * header.height
    fitting = (factor for factor in (1, 2, 4, 8) if pixels <= limits.max_decoded_pixels * factor**2)
    return max(wanted, next(fitting, 8))


def _memory(image: ImageFile, header: PhotoHeader, content: bytes, factor: int) -> int:
    """Return the bytes that `decode` takes at most, but for what is below 1 MB."""
    pixels = header.width * header.height
    size = _BYTES_PER_PIXEL * pixels // factor**2
    if isinstance(image, JpegImageFile) and jpeg.buffers_coefficients(content):
        size += _BYTES_PER_SAMPLE * len(image.getbands()) * pixels
    return size


def _load(image: ImageFile, content: bytes, factor: int) -> tuple[Image.Image, bool]:
    """Load an open image, at a reduced size if `factor` is not 1, and return whether its file is cut off."""
    if not isinstance(image, JpegImageFile):
        with _AVIF_TURN if isinstance(image, AvifImageFile) else nullcontext():
            image.load()
        return _with_white_as_highest(image), False
    if not jpeg.is_filled_up(content):
        try:
            return _load_jpeg(image, factor), False
        except OSError as error:
            if "truncated" not in str(error):
                raise
    return _load_incomplete(content, factor), True


def _with_white_as_highest(image: ImageFile) -> Image.Image:
    """Return a loaded image; inverts 16-bit grey of a TIFF file in which 0 is white, as Pillow does for 8 bits."""
    if isinstance(image, TiffImageFile) and image.mode.startswith("I;16") and image.tag_v2.get(_TIFF_PHOTOMETRIC) == 0:
        return Image.fromarray(65_535 - np.asarray(image))
    return image


def _load_jpeg(image: ImageFile, factor: int) -> ImageFile:
    image.draft(None, (image.width // factor, image.height // factor))
    image.load()
    return image


def _load_incomplete(content: bytes, factor: int) -> ImageFile:
    """Load a JPEG that is cut off; a decoder makes the rows without data grey.

    Raises:
        PhotoError: `truncated`: too many rows or scans are missing.
    """
    scans = jpeg.scans_of(content)
    image, shorter = (
        _load_jpeg(JpegImageFile(io.BytesIO(jpeg.with_end(scans, without=tail))), factor) for tail in (0, _CHECKED_TAIL)
    )
    changed = (np.asarray(image) != np.asarray(shorter)).reshape(image.height, -1).any(axis=1)
    reached = int(changed.nonzero()[0][-1]) + 1 if changed.any() else 0
    if jpeg.scan_count(scans) == 1:
        is_usable = reached >= (1 - _MAX_MISSING_ROWS) * image.height
    else:
        last_is_whole = reached >= image.height - _BLOCK_ROWS // factor
        is_usable = jpeg.lacks_only_precision(scans, last_is_whole=last_is_whole)
    if not is_usable:
        raise truncated("JPEG")
    return image


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 to 8, of a loaded image; 1 if the EXIF data is broken."""
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # noqa: BLE001 - broken metadata does not affect the pixels
        return 1
    return orientation if orientation in _TURNS else 1
