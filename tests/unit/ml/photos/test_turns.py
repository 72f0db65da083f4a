"""The bound on the memory of photos that are decoded at the same time."""

from __future__ import annotations

import io
import threading
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from ml.photos import turns
from ml.photos.clean import shown_photo
from ml.photos.decode import decode, decoded
from ml.photos.preprocess import Preprocessing
from ml.photos.turns import LARGE_BYTES, PATIENT, DecodingBusy, DecodingTurns, Patience
from tests.waiting import PATIENCE_S, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

AT_ONCE = Patience(wait_s=0)
MEGAPIXEL = 1_000_000
TURNED = b"Exif\0\0MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0"
"""EXIF data with the orientation 6."""


def photo(photo_format: str, megapixels: int, **options: object) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (2000, megapixels * MEGAPIXEL // 2000), (200, 30, 30)).save(stream, photo_format, **options)
    return stream.getvalue()


def test_photos_are_let_in_while_their_bytes_fit() -> None:
    line = DecodingTurns(100)
    with line.turn(60, PATIENT), line.turn(40, PATIENT), pytest.raises(DecodingBusy, match="too long"):
        line._enter(1, AT_ONCE)
    with line.turn(100, AT_ONCE):
        pass


def test_a_photo_beyond_the_budget_is_let_in_alone() -> None:
    line = DecodingTurns(100)
    with line.turn(1000, AT_ONCE), pytest.raises(DecodingBusy):
        line._enter(1, AT_ONCE)
    with line.turn(1, AT_ONCE), pytest.raises(DecodingBusy):
        line._enter(1000, AT_ONCE)


def test_an_error_in_the_block_ends_the_turn() -> None:
    line = DecodingTurns(100)
    with pytest.raises(KeyError), line.turn(100, AT_ONCE):
        raise KeyError
    with line.turn(100, AT_ONCE):
        pass


def test_each_photo_counts_as_the_least_that_the_line_allows() -> None:
    line = DecodingTurns(100, least=50)
    with line.turn(1, AT_ONCE), line.turn(1, AT_ONCE), pytest.raises(DecodingBusy):
        line._enter(1, AT_ONCE)


def test_photos_are_let_in_in_the_order_of_their_arrival() -> None:
    line, order = DecodingTurns(100), list[int]()

    def wait(number: int, size: int) -> None:
        with line.turn(size, PATIENT):
            order.append(number)

    with line.turn(50, PATIENT):
        threads = []
        for number, size in enumerate((100, 10, 100, 10)):  # the small ones fit, but do not overtake
            threads.append(threading.Thread(target=wait, args=(number, size)))
            threads[-1].start()
            wait_for(lambda: len(line._line) == len(threads))
        assert order == []
    for thread in threads:
        thread.join(PATIENCE_S)
    assert order[0] == 0
    assert sorted(order) == [0, 1, 2, 3]
    assert order.index(2) > order.index(1)


def test_a_photo_beyond_the_allowed_number_of_waiting_ones_is_refused_at_once() -> None:
    line = DecodingTurns(100)
    with line.turn(100, PATIENT):
        waiting = threading.Thread(target=line._enter, args=(100, PATIENT))
        waiting.start()
        wait_for(lambda: len(line._line) == 1)
        with pytest.raises(DecodingBusy, match="1 photos wait"):
            line._enter(100, Patience(wait_s=None, max_waiting=1))
    waiting.join(PATIENCE_S)


LARGE: dict[str, tuple[bytes, Callable[[bytes], object]]] = {
    "a thumbnail of a PNG": (photo("PNG", 12), lambda content: decode(content, at_least=256)),
    "a thumbnail of a progressive JPEG": (
        photo("JPEG", 12, progressive=True),
        lambda content: decode(content, at_least=256),
    ),
    "a JPEG at full size": (photo("JPEG", 12), decode),
    "the network's input from a PNG": (photo("PNG", 12), Preprocessing().load),
    "a turned photo that is shown": (
        photo("JPEG", 12, exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x01\1\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0"),
        shown_photo,
    ),
}
SMALL: dict[str, tuple[bytes, Callable[[bytes], object]]] = {
    "a thumbnail of a JPEG": (photo("JPEG", 12), lambda content: decode(content, at_least=256)),
    "a thumbnail of a small PNG": (photo("PNG", 2), lambda content: decode(content, at_least=256)),
    "the network's input from a JPEG": (photo("JPEG", 12), Preprocessing().load),
}


@pytest.fixture
def sizes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of the photos that were let in."""
    let_in: list[int] = []
    enter = DecodingTurns._enter

    def recorded(line: DecodingTurns, needed: int, patience: Patience) -> None:
        let_in.append(needed if line is turns._LARGE else -needed)
        enter(line, needed, patience)

    monkeypatch.setattr(DecodingTurns, "_enter", recorded)
    return let_in


@pytest.mark.parametrize(("content", "use"), LARGE.values(), ids=LARGE)
def test_large_photos_wait_in_a_line_of_their_own(
    sizes: list[int], content: bytes, use: Callable[[bytes], object]
) -> None:
    use(content)
    (size,) = sizes
    assert size >= LARGE_BYTES


@pytest.mark.parametrize(("content", "use"), SMALL.values(), ids=SMALL)
def test_small_photos_do_not_wait_for_large_ones(
    sizes: list[int], content: bytes, use: Callable[[bytes], object]
) -> None:
    use(content)
    (size,) = sizes
    assert size < 0


def test_the_turn_lasts_until_the_picture_is_no_longer_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "_LARGE", DecodingTurns(2 * LARGE_BYTES))
    content = photo("PNG", 4)
    with decoded(content) as first, pytest.raises(DecodingBusy), decoded(content, patience=AT_ONCE):
        pytest.fail("both photos are decoded at the same time")
    with decoded(content, patience=AT_ONCE) as second:
        assert first.size == second.size == (2000, 2000)
