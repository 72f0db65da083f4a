"""Private data is cut out of photo files; their pixels stay as they are."""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from ml.photos import jpeg
from ml.photos.clean import clean_photo, shown_photo
from ml.photos.decode import PhotoError, PhotoLimits, decode, inspect, is_incomplete, orientation_of
from ml.photos.formats import PhotoFormat, sniff
from tests.photos.files import encode, picture, png_chunk, with_segment
from tests.photos.hostile import PILLOW_MAY_WARN, HostilePhoto, hostile_photos
from tests.profiles import rgb_profile

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = PILLOW_MAY_WARN

SECRET = b"SECRETPLACE"
LATITUDE = (IFDRational(53_123_457, 1_000_000), IFDRational(0), IFDRational(0))
COORDINATES = (struct.pack("<I", 53_123_457), struct.pack(">I", 53_123_457))
THUMBNAIL = encode(picture(33, 17), "JPEG")
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:li>SECRETPLACE</rdf:li></x:xmpmeta>'
PROFILE = rgb_profile("Display P3")


def exif(orientation: int = 1) -> bytes:
    """EXIF data with a place in its text, coordinates and a thumbnail."""
    made = Image.Exif()
    made[0x0112], made[0x010E], made[0x9286] = orientation, SECRET.decode(), b"ASCII\0\0\0" + SECRET
    made.get_ifd(0x8825)[2] = LATITUDE
    tiff = made.tobytes()
    assert any(place in tiff for place in COORDINATES)
    return tiff + THUMBNAIL


def jpeg_with_secrets(orientation: int = 1, **options: Any) -> bytes:
    """A JPEG with each kind of metadata, an MPO picture behind it, and a trailer."""
    first = encode(picture(), "JPEG", exif=exif(orientation), icc_profile=PROFILE, comment=SECRET, **options)
    iptc = b"Photoshop 3.0\0008BIM\4\4\0\0\0\0\0\x0f\x1c\2\x5a\0\x0b" + SECRET
    segments = {
        0xED: iptc,
        0xE1: b"http://ns.adobe.com/xap/1.0/\0" + XMP,
        0xE2: b"MPF\0MM\0*" + SECRET,
        0xE0: b"JFXX\0\x10" + THUMBNAIL,
        0xE5: SECRET,
        0xEF: SECRET,
    }
    for code, body in segments.items():
        at = 2 + 2 + int.from_bytes(first[4:6], "big")  # behind the JFIF segment
        first = first[:at] + with_segment(b"\xff\xd8", code, body)[2:] + first[at:]
    return first + encode(picture(), "JPEG", comment=SECRET) + b"SEFT" + SECRET


def png_with_secrets(orientation: int = 1) -> bytes:
    content = encode(picture(), "PNG", exif=exif(orientation), icc_profile=PROFILE)
    chunks = (
        png_chunk(b"tEXt", b"Comment\0" + SECRET)
        + png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP)
        + png_chunk(b"tIME", bytes(7))
        + png_chunk(b"prVt", SECRET)
    )
    return content[:33] + chunks + content[33:] + SECRET


def webp_with_secrets(orientation: int = 1) -> bytes:
    return encode(picture(), "WEBP", lossless=True, exif=exif(orientation), xmp=XMP, icc_profile=PROFILE)


def gif_with_secrets() -> bytes:
    content = encode(picture(), "GIF", comment=SECRET, save_all=True, append_images=[picture().transpose(0)], loop=3)
    xmp = b"!\xff\x0bXMP DataXMP" + XMP + b"\1" + bytes(range(255, -1, -1)) + b"\0"
    return content[:-1] + xmp + content[-1:] + SECRET


def tiff_with_secrets() -> bytes:
    return encode(picture(), "TIFF", tiffinfo={270: SECRET.decode(), 700: XMP}, exif=exif())


WITH_SECRETS: dict[str, Callable[[], bytes]] = {
    "jpeg": jpeg_with_secrets,
    "progressive jpeg": lambda: jpeg_with_secrets(progressive=True),
    "png": png_with_secrets,
    "webp": webp_with_secrets,
    "gif": gif_with_secrets,
    "tiff": tiff_with_secrets,
    "heic": lambda: encode(picture(), "HEIF", exif=exif(), xmp=XMP),
    "avif": lambda: encode(picture(), "AVIF", exif=exif(), xmp=XMP),
}


def has_secrets(content: bytes) -> bool:
    return any(part in content for part in (SECRET, *COORDINATES, THUMBNAIL, THUMBNAIL[2:40], b"GPS", b"xmpmeta"))


@pytest.mark.parametrize("made", WITH_SECRETS.values(), ids=WITH_SECRETS)
def test_a_file_to_store_or_to_show_has_no_private_data(made: Callable[[], bytes]) -> None:
    assert has_secrets(made()), "nothing was planted"
    assert not has_secrets(clean_photo(made()))
    assert not has_secrets(shown_photo(made())[0])


@pytest.mark.parametrize("name", ["jpeg", "progressive jpeg", "png", "webp", "gif"])
def test_the_pixels_and_the_profile_of_a_cleaned_file_stay_as_they_are(name: str) -> None:
    content = WITH_SECRETS[name]()
    with Image.open(io.BytesIO(content)) as before, Image.open(io.BytesIO(clean_photo(content))) as after:
        assert after.tobytes() == before.tobytes()
        assert after.info.get("icc_profile") == before.info.get("icc_profile")
        assert not after.getexif()


@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.parametrize("made", [jpeg_with_secrets, png_with_secrets, webp_with_secrets])
def test_only_the_orientation_is_kept_in_a_stored_file(made: Callable[[int], bytes], orientation: int) -> None:
    stored = clean_photo(made(orientation))
    assert not has_secrets(stored)
    assert orientation_of(stored) == orientation
    assert decode(stored).tobytes() == decode(made(orientation)).tobytes()
    with Image.open(io.BytesIO(stored)) as image:
        image.load()
        assert dict(image.getexif()) == {0x0112: orientation}


@pytest.mark.parametrize("made", [jpeg_with_secrets, png_with_secrets, webp_with_secrets])
def test_a_shown_photo_is_upright(made: Callable[[int], bytes]) -> None:
    shown, photo_format = shown_photo(clean_photo(made(6)))
    with Image.open(io.BytesIO(shown)) as image:
        image.load()
        assert (image.size, image.format, dict(image.getexif())) == ((40, 48), photo_format, {})


def test_an_orientation_in_xmp_is_kept() -> None:
    xmp = b'http://ns.adobe.com/xap/1.0/\0<rdf tiff:Orientation="6"/>'
    content = with_segment(encode(picture(), "JPEG"), 0xE1, xmp)
    assert decode(clean_photo(content)).size == decode(content).size == (40, 48)


def test_a_photo_is_cleaned_only_once() -> None:
    for made in WITH_SECRETS.values():
        stored = clean_photo(made())
        assert clean_photo(stored) == stored


@pytest.mark.parametrize("image_format", ["HEIF", "AVIF", "TIFF"])
def test_a_photo_that_browsers_may_not_show_becomes_a_jpeg(image_format: str) -> None:
    stored = clean_photo(encode(picture(200, 150), image_format))
    assert (inspect(stored).format, inspect(stored).width, inspect(stored).height) == ("JPEG", 200, 150)


def test_a_converted_photo_stays_within_the_limit_of_bytes() -> None:
    content = encode(picture(300, 300), "HEIF", quality=30)
    full = clean_photo(content)
    limits = PhotoLimits(max_bytes=len(full) - 1)
    assert len(content) < len(clean_photo(content, limits)) < len(full)


def test_an_animation_stays_one() -> None:
    frames = [Image.new("RGB", (48, 40), colour) for colour in ("red", "green", "blue")]
    for image_format in ("GIF", "WEBP", "PNG"):
        content = encode(frames[0], image_format, save_all=True, append_images=frames[1:], loop=2, lossless=True)
        with Image.open(io.BytesIO(clean_photo(content))) as image:
            assert (image.n_frames, image.info["loop"]) == (3, 2)
            image.seek(2)
            assert image.convert("RGB").getpixel((20, 20)) == frames[2].getpixel((0, 0))


def test_a_cut_off_jpeg_stays_cut_off() -> None:
    content = jpeg_with_secrets()
    *_, end = jpeg.segments(content)
    cut = content[: end.start]
    assert is_incomplete(decode(clean_photo(cut)))
    assert decode(clean_photo(cut)).tobytes() == decode(cut).tobytes()


@pytest.mark.parametrize("photo", hostile_photos(), ids=lambda photo: photo.name)
def test_a_hostile_photo_decodes_alike_when_it_is_cleaned(photo: HostilePhoto) -> None:
    try:
        expected = decode(photo.content)
    except PhotoError:
        return
    if inspect(photo.content).format in ("HEIF", "AVIF", "TIFF"):
        assert decode(clean_photo(photo.content)).size == expected.size
    else:
        assert decode(clean_photo(photo.content)).tobytes() == expected.tobytes()


@settings(max_examples=300, deadline=None)
@given(
    name=st.sampled_from(("jpeg", "progressive jpeg", "png", "webp", "gif")),
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=6),
    cut=st.floats(0.2, 1),
)
def test_a_damaged_photo_can_be_cleaned_and_shown(name: str, changes: list[tuple[float, int]], cut: float) -> None:
    content = bytearray(WITH_SECRETS[name]())
    for place, value in changes:
        content[int(place * len(content))] = value
    damaged = bytes(content[: int(cut * len(content))])
    try:
        expected = decode(damaged)
    except PhotoError:
        if sniff(damaged):
            shown: PhotoFormat = shown_photo(damaged)[1]
            assert shown == sniff(damaged)
        return
    assert decode(clean_photo(damaged)).tobytes() == expected.tobytes()


def test_frames_within_frames_of_a_webp_are_cut_out() -> None:
    nested = b""
    for _ in range(2000):
        nested = b"ANMF" + struct.pack("<I", 16 + len(nested)) + bytes(16) + nested
    content = encode(picture(), "WEBP")
    content = content[:4] + struct.pack("<I", len(content) - 8 + len(nested)) + content[8:] + nested
    assert shown_photo(content)[1] == "WEBP"
    assert len(shown_photo(content)[0]) < len(nested)
