"""Any bytes decode to an upright RGB picture or raise a PhotoError."""

from __future__ import annotations

import io
import threading
from typing import NoReturn, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ml.photos.decode import PhotoError, PhotoLimits, Reason, decode, inspect, original_size
from ml.photos.formats import PhotoFormat, name_unsupported, sniff
from tests.photos.files import encode, exif_orientation, picture, png, png_chunk, with_exif, with_tags
from tests.photos.hostile import PILLOW_MAY_WARN, HostilePhoto, hostile_photos

pytestmark = PILLOW_MAY_WARN

HOSTILE = hostile_photos()
FORMATS = get_args(PhotoFormat)


def difference(image: Image.Image, other: Image.Image) -> float:
    """Return the mean absolute difference of two pictures of equal size, in levels of 255."""
    return float(np.abs(np.asarray(image, dtype=int) - np.asarray(other, dtype=int)).mean())


def outcome_of(content: bytes) -> str:
    """Return the reject reason, or `accepted`; any other exception fails the test."""
    try:
        image = decode(content)
    except PhotoError as error:
        return error.reason
    return "accepted" if image.mode == "RGB" else image.mode


def fail_if_called(*_args: object, **_kwargs: object) -> NoReturn:
    pytest.fail("called unexpectedly")


@pytest.mark.parametrize("photo", HOSTILE, ids=lambda photo: photo.name)
def test_a_hostile_photo_decodes_or_raises_a_photo_error(photo: HostilePhoto) -> None:
    outcome = outcome_of(photo.content)
    assert photo.acceptable in (None, outcome == "accepted"), outcome
    assert outcome in {"accepted", *get_args(Reason)}


@pytest.mark.parametrize("photo", [photo for photo in HOSTILE if photo.acceptable is False], ids=lambda p: p.name)
def test_a_rejection_names_the_remedy(photo: HostilePhoto) -> None:
    with pytest.raises(PhotoError, match=r"\. (Upload|Save|Use) [^.]+\.$") as caught:
        decode(photo.content)
    assert "0x" not in str(caught.value), "the message contains an object's address"


def test_there_are_at_least_sixty_hostile_photos_with_distinct_names() -> None:
    assert len({photo.name for photo in HOSTILE}) == len(HOSTILE) >= 60


@pytest.mark.parametrize("photo", [photo for photo in HOSTILE if photo.acceptable], ids=lambda photo: photo.name)
def test_inspect_reads_the_format_and_size_of_an_acceptable_photo(photo: HostilePhoto) -> None:
    header = inspect(photo.content)
    assert header.format in FORMATS
    assert {header.width, header.height} == set(decode(photo.content).size)


@settings(max_examples=300, deadline=None)
@given(
    image_format=st.sampled_from(FORMATS),
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=8),
)
def test_a_photo_with_changed_bytes_decodes_or_raises_a_photo_error(
    image_format: str, changes: list[tuple[float, int]]
) -> None:
    content = bytearray(encode(picture(), image_format))
    for place, value in changes:
        content[int(place * len(content))] = value
    assert outcome_of(bytes(content)) in {"accepted", *get_args(Reason)}


@settings(max_examples=150, deadline=None)
@given(tiff=st.binary(max_size=200), endian=st.sampled_from((b"MM\0*\0\0\0\x08", b"II*\0\x08\0\0\0")))
def test_no_exif_data_can_make_a_photo_fail(tiff: bytes, endian: bytes) -> None:
    assert decode(with_exif(encode(picture(), "JPEG"), endian + tiff)).mode == "RGB"


@pytest.mark.parametrize("image_format", FORMATS)
def test_decodes_every_accepted_format(image_format: str) -> None:
    content = encode(picture(), image_format)
    assert sniff(content) == image_format
    assert difference(decode(content), picture()) < 16


@pytest.mark.parametrize(
    ("content", "limits", "reason"),
    [
        (b"", PhotoLimits(), "empty"),
        (b"<html></html>", PhotoLimits(), "not_an_image"),
        (encode(picture(), "ICO"), PhotoLimits(), "unsupported_format"),
        (encode(picture(), "PNG"), PhotoLimits(max_bytes=100), "too_many_bytes"),
        (encode(picture(), "PNG"), PhotoLimits(max_pixels=1919), "too_many_pixels"),
        (encode(picture(), "PNG"), PhotoLimits(max_side=47), "too_long_side"),
        (encode(picture(), "PNG"), PhotoLimits(min_side=41), "too_small"),
    ],
)
def test_inspect_rejects_by_the_header_alone(content: bytes, limits: PhotoLimits, reason: str) -> None:
    with pytest.raises(PhotoError) as caught:
        inspect(content, limits)
    assert caught.value.reason == reason


def test_accepts_a_photo_just_within_the_limits() -> None:
    content = encode(picture(), "PNG")
    exact = PhotoLimits(max_bytes=len(content), max_pixels=48 * 40, max_side=48, min_side=40)
    assert decode(content, exact).size == (48, 40)


def test_rejects_a_cut_off_photo_as_truncated() -> None:
    for image_format in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"):
        content = encode(picture(200, 200), image_format)
        with pytest.raises(PhotoError) as caught:
            decode(content[: len(content) // 2])
        assert caught.value.reason == "truncated"


def test_an_icon_named_jpg_never_reaches_pillow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("PIL.ImageFile.ImageFile.__init__", fail_if_called)
    assert name_unsupported(encode(picture(), "ICO")) == "an icon file"
    with pytest.raises(PhotoError, match="icon"):
        decode(encode(picture(), "ICO"))


def test_pillow_guesses_no_format(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "open", fail_if_called)
    for image_format in FORMATS:
        decode(encode(picture(), image_format))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_every_orientation_decodes_to_the_same_picture(orientation: int, image_format: str) -> None:
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # the inverse of the transposition for each orientation
    upright = picture(64, 48)
    stored = upright if orientation == 1 else upright.transpose(Image.Transpose(undo[orientation]))
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"JPEG": {"quality": 95, "subsampling": 0}, "WEBP": {"lossless": True}}.get(image_format, {})
    decoded = decode(encode(stored, image_format, exif=exif, **options))
    assert decoded.size == original_size(decoded) == (64, 48)
    assert difference(decoded, upright) < (3 if image_format == "JPEG" else 0.01)


def test_broken_exif_counts_as_upright() -> None:
    jpeg = encode(picture(), "JPEG")
    for tiff in (b"", b"\xff" * 50, exif_orientation(0), exif_orientation(77), exif_orientation(6, kind=99)):
        assert decode(with_exif(jpeg, tiff)).size == (48, 40)


def test_sixteen_bit_grey_keeps_its_shades() -> None:
    shades = np.linspace(0, 65_535, 32 * 32).reshape(32, 32).astype(np.uint16)
    decoded = np.asarray(decode(encode(Image.fromarray(shades), "PNG")))
    assert np.array_equal(decoded[..., 0], shades >> 8)


def test_grey_of_a_tiff_in_which_zero_is_white_is_turned_round() -> None:
    for stored in (Image.new("L", (16, 16), 50), Image.fromarray(np.full((16, 16), 50 * 257, np.uint16))):
        content = with_tags(encode(stored, "TIFF"), {262: (262, 0)})
        assert decode(content).getpixel((8, 8)) == (205, 205, 205)


def test_transparency_becomes_white() -> None:
    clear = Image.new("RGBA", (16, 16), (255, 0, 0, 0))
    clear.paste((0, 128, 0, 255), (0, 0, 8, 16))
    decoded = decode(encode(clear, "PNG"))
    assert decoded.getpixel((12, 8)) == (255, 255, 255)
    assert decoded.getpixel((3, 8)) == (0, 128, 0)


def test_a_transparent_palette_colour_becomes_white() -> None:
    image = Image.new("P", (16, 16), 1)
    image.putpalette([0, 0, 0, 200, 0, 0])
    for image_format in ("PNG", "GIF"):
        assert decode(encode(image, image_format, transparency=1)).getpixel((8, 8)) == (255, 255, 255)


def test_grey_with_alpha_is_blended_with_white() -> None:
    assert decode(encode(Image.new("LA", (16, 16), (0, 128)), "PNG")).getpixel((8, 8)) == (127, 127, 127)


def test_a_one_bit_image_becomes_black_and_white() -> None:
    image = Image.new("1", (16, 16))
    image.paste(1, (0, 0, 8, 16))
    decoded = decode(encode(image, "PNG"))
    assert (decoded.getpixel((0, 0)), decoded.getpixel((12, 0))) == ((255, 255, 255), (0, 0, 0))


def test_cmyk_keeps_its_colour() -> None:
    red = Image.new("RGB", (16, 16), (200, 20, 30)).convert("CMYK")
    assert difference(decode(encode(red, "JPEG", quality=95)), Image.new("RGB", (16, 16), (200, 20, 30))) < 6


@pytest.mark.parametrize("image_format", ["GIF", "WEBP", "PNG"])
def test_decodes_the_first_frame_of_an_animation(image_format: str) -> None:
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue")]
    options = {"lossless": True} if image_format == "WEBP" else {}
    content = encode(frames[0], image_format, save_all=True, append_images=frames[1:], **options)
    assert decode(content).getpixel((8, 8)) == (255, 0, 0)


def test_a_photo_shrunk_while_decoding_keeps_its_proportions_and_content() -> None:
    content = encode(picture(1600, 1200), "JPEG", quality=92)
    whole, shrunk = decode(content), decode(content, at_least=300)
    assert shrunk.size == (400, 300)
    assert original_size(shrunk) == original_size(whole) == (1600, 1200)
    assert difference(whole.resize((400, 300), Image.Resampling.BOX), shrunk) < 2


def test_a_turned_photo_shrunk_while_decoding_knows_its_upright_size() -> None:
    content = with_exif(encode(picture(1600, 1200), "JPEG"), exif_orientation(6))
    shrunk = decode(content, at_least=300)
    assert (shrunk.size, original_size(shrunk)) == ((300, 400), (1200, 1600))


LARGE = PhotoLimits(max_pixels=1600 * 1200, max_decoded_pixels=600 * 500)


@pytest.mark.parametrize("at_least", [None, 100, 1200])
def test_a_jpeg_larger_than_may_be_decoded_is_shrunk(at_least: int | None) -> None:
    decoded = decode(encode(picture(1600, 1200), "JPEG"), LARGE, at_least=at_least)
    assert decoded.size == ((200, 150) if at_least == 100 else (400, 300))
    assert original_size(decoded) == (1600, 1200)


@pytest.mark.parametrize(
    ("image_format", "options"), [("PNG", {}), ("TIFF", {}), ("JPEG", {"progressive": True})], ids=str
)
def test_a_photo_that_cannot_be_shrunk_while_it_is_decoded_must_be_smaller(
    image_format: str, options: dict[str, bool]
) -> None:
    with pytest.raises(PhotoError, match="300,000 pixels") as caught:
        inspect(encode(picture(1600, 1200), image_format, **options), LARGE)
    assert caught.value.reason == "too_many_pixels"
    inspect(encode(picture(600, 500), image_format, **options), LARGE)


@pytest.mark.slow
def test_a_photo_of_a_phone_with_200_megapixels_is_decoded() -> None:
    content = encode(Image.new("L", (16_320, 12_240), 90), "JPEG")
    decoded = decode(content, at_least=256)
    assert (decoded.size, original_size(decoded)) == ((2040, 1530), (16_320, 12_240))


def test_decoding_never_enlarges_a_photo_or_shrinks_it_below_at_least() -> None:
    assert decode(encode(picture(120, 90), "JPEG"), at_least=300).size == (120, 90)
    assert min(decode(encode(picture(1600, 700), "JPEG"), at_least=300).size) >= 300


def test_a_decoded_picture_has_no_metadata() -> None:
    content = with_exif(encode(picture(), "JPEG", comment="where I live"), exif_orientation(1))
    assert set(decode(content).info) == {"original_size"}


def test_rejects_a_decompression_bomb_before_allocating_its_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = png(9000, 9000, png_chunk(b"IDAT", bytes(100)))
    monkeypatch.setattr("PIL.Image.core.new", fail_if_called)
    with pytest.raises(PhotoError, match="9,000 x 9,000"):
        decode(bomb)


def test_rejects_a_photo_that_exhausts_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(*args: object) -> None:
        raise MemoryError

    monkeypatch.setattr("PIL.Image.core.new", exhausted)
    with pytest.raises(PhotoError) as caught:
        decode(encode(picture(), "PNG"))
    assert caught.value.reason == "too_many_pixels"


def test_decoding_in_many_threads_gives_the_same_pictures() -> None:
    contents = [encode(picture(200 + step, 150), kind) for step, kind in enumerate(FORMATS)]
    expected = [decode(content).tobytes() for content in contents]
    wrong: list[int] = []

    def work() -> None:
        for _ in range(5):
            for number, content in enumerate(contents):
                if decode(content).tobytes() != expected[number]:
                    wrong.append(number)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_pillow_keeps_its_default_settings() -> None:
    from PIL import ImageFile

    assert ImageFile.LOAD_TRUNCATED_IMAGES is False
    assert Image.MAX_IMAGE_PIXELS == 1024 * 1024 * 1024 // 4 // 3
    assert Image.open(io.BytesIO(encode(picture(), "TIFF"))).format == "TIFF"


def test_accepts_a_jpeg_with_any_number_of_restart_markers() -> None:
    content = io.BytesIO()
    picture(320, 240).save(content, "JPEG", restart_marker_blocks=1)
    assert content.getvalue().count(b"\xff") - content.getvalue().count(b"\xff\0") > 100
    assert decode(content.getvalue()).size == (320, 240)
