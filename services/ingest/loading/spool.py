"""A temporary file of cleaned listings, between reading and writing to the database."""

from __future__ import annotations

import tempfile
from typing import IO, TYPE_CHECKING

import msgspec

from db.rows.records import ListingRecord, PhotoRecord  # noqa: TC001 - msgspec reads the annotations

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator


class Spooled(msgspec.Struct, array_like=True):
    """A cleaned listing, the photos that its row names, and the line where the row starts."""

    record: ListingRecord
    photos: tuple[PhotoRecord, ...]
    line: int


class Spool:
    """Cleaned listings in a temporary file, so that memory stays flat. Use it as a context manager.

    The last listing with an id supersedes the earlier ones.
    """

    def __init__(self) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  (closed by __exit__)
        self._last: dict[str, int] = {}
        self._length = 0

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._file.close()

    def __len__(self) -> int:
        """Return the number of distinct listings."""
        return len(self._last)

    @property
    def listing_ids(self) -> Collection[str]:
        """The ids of the listings."""
        return self._last.keys()

    def add(self, record: ListingRecord, photos: tuple[PhotoRecord, ...], *, line: int) -> None:
        """Append a listing with the photos that its row names."""
        self._file.write(msgspec.json.encode(Spooled(record, photos, line)) + b"\n")
        self._last[record.listing_id] = self._length
        self._length += 1

    def current(self) -> Iterator[Spooled]:
        """Yield the last listing of each id, in file order."""
        for ordinal, entry in self._entries():
            if self._last[entry.record.listing_id] == ordinal:
                yield entry

    def superseded(self) -> Iterator[Spooled]:
        """Yield the listings that a later one with the same id supersedes."""
        for ordinal, entry in self._entries():
            if self._last[entry.record.listing_id] != ordinal:
                yield entry

    def _entries(self) -> Iterator[tuple[int, Spooled]]:
        self._file.seek(0)
        decoder = msgspec.json.Decoder(Spooled)
        for ordinal, encoded in enumerate(self._file):
            yield ordinal, decoder.decode(encoded)
