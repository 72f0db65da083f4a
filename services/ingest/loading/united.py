"""Makes one listing of the rows that a file has for it: repeated rows, rows with a further photo, variants. Pure."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from more_itertools import unique_everseen

from db.rows.records import PhotoRecord, RejectedRecord, WarningRecord
from services.ingest.cleaning.repairs import Repair
from services.ingest.cleaning.text import counted, shorten
from services.reason_codes import ListingFlag, RejectReason

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from db.rows.records import ListingRecord
    from services.ingest.loading.spool import SpooledGroup, SpooledRow

_DERIVED = frozenset({"category", "region", "flags"})
"""Fields of a record that follow from others, or say how it was read."""


@dataclass(frozen=True, slots=True)
class UnitedListing:
    """A listing, made of all its rows.

    Attributes:
        record: of the last row that can stand for itself.
        line: of that row.
        photos: of all rows, each once.
        repeated_photos: number of times that a row names a photo again.
        superseded: the values of earlier rows that differ from the record's.
        merged: number of other rows that `superseded` does not report, without rejected ones.
        warnings: what was repaired in the record, and what was left out of the other rows.
    """

    record: ListingRecord
    line: int
    photos: tuple[PhotoRecord, ...]
    repeated_photos: int
    superseded: tuple[RejectedRecord, ...]
    merged: int
    warnings: tuple[WarningRecord, ...]


def unite(group: SpooledGroup, file: str) -> UnitedListing | list[RejectedRecord]:
    """Return the listing, or the rejects of its joined rows if none can stand for itself.

    Of several rows that can stand for themselves, the last is the listing; the others add their photos. Rows that are
    rejected, whatever else the file has, add their photos only.
    """
    own = [row for row in group.rows if row.listing_id == group.listing_id]
    complete = [(row, row.record) for row in own if row.record is not None]
    if not complete:
        return [row.reject for row in group.rows if row.reject is not None and row.is_joined]
    last, record = complete[-1]
    others = [row for row in group.rows if row is not last]
    superseded = [
        _superseded(file, row, earlier, by=last) for row, earlier in complete[:-1] if _differ(earlier, record)
    ]
    rejected = [row for row in others if row.reject is not None and not row.is_joined]
    named = [replace(photo, listing_id=group.listing_id) for row in group.rows for photo in row.photos]
    photos = tuple(unique_everseen(named, key=lambda photo: photo.external_id))
    warnings = [_warning(file, last, repair) for repair in last.repairs]
    if record.price is None and (priced := _cheapest(others)) is not None:
        flags = tuple(dict.fromkeys((*record.flags, ListingFlag.PRICE_OF_VARIANT.value)))
        record = replace(record, price=priced.price, currency=priced.currency, flags=flags)
        repair = Repair(ListingFlag.PRICE_OF_VARIANT, "price", "", f"{priced.price} {priced.currency or ''}".strip())
        warnings.append(_warning(file, last, repair))
    if len(own) - 1 > len(superseded) + len(rejected) or _adds_photos(own, last):
        repair = Repair(ListingFlag.UNITED_ROWS, "", counted(len(own), "row"), counted(len(photos), "photo"))
        warnings.append(_warning(file, last, repair))
    warnings += [_warning(file, row, one) for row in others for one in _repairs_of(row, last, record)]
    return UnitedListing(
        record=with_stock(record, [row for row in group.rows if row is last or row.is_joined or row.parent]),
        line=last.line,
        photos=photos,
        repeated_photos=len(named) - len(photos),
        superseded=tuple(superseded),
        merged=len(others) - len(superseded) - len(rejected),
        warnings=tuple(warnings),
    )


def with_stock(record: ListingRecord, rows: Sequence[SpooledRow]) -> ListingRecord:
    """Return the listing as sold if all of its rows that have a stock are out of stock."""
    known = [row.is_out_of_stock for row in rows if row.is_out_of_stock is not None]
    return replace(record, sold=True) if known and all(known) else record


def _differ(one: ListingRecord, other: ListingRecord) -> bool:
    """Say whether any value differs; flags say how a record was read."""
    return replace(one, flags=()) != replace(other, flags=())


def _superseded(file: str, row: SpooledRow, record: ListingRecord, *, by: SpooledRow) -> RejectedRecord:
    other = asdict(by.record) if by.record is not None else {}
    fields = sorted(asdict(record).items(), key=lambda one: one[0] == "description")  # the longest comes last
    values = [f"{name} {value!s}" for name, value in fields if name not in _DERIVED and value != other.get(name)]
    text = f"line {by.line}, a later record of the same id, supersedes this one: {'; '.join(values)}"
    return RejectedRecord(file, row.line, shorten(row.listing_id), "id", RejectReason.DUPLICATE_ID, shorten(text))


def _adds_photos(own: Sequence[SpooledRow], last: SpooledRow) -> bool:
    known = {photo.external_id for photo in last.photos}
    return any(photo.external_id not in known for row in own for photo in row.photos)


def _cheapest(rows: Sequence[SpooledRow]) -> SpooledRow | None:
    """Return the row with the lowest price in the currency of the first price."""
    priced = [row for row in rows if row.price is not None and (row.record is None or row.parent)]
    comparable = [row for row in priced if row.currency == priced[0].currency]
    return min(comparable, key=lambda row: row.price or 0, default=None)


def _repairs_of(row: SpooledRow, last: SpooledRow, record: ListingRecord) -> Iterator[Repair]:
    """Yield the repairs of the photos that a row adds to the listing, and the values of the row that are left out."""
    yield from (one for one in row.repairs if (row.is_joined or one.field == "photos") and one not in last.repairs)
    if not row.is_joined and (row.record is None or not row.parent):
        return  # reported as rejected or superseded, or equal
    values = [row.title] if row.title and row.title != record.title else []
    if row.price is not None and (row.price, row.currency) != (record.price, record.currency):
        values.append(f"{row.price} {row.currency or ''}".strip())
    own = {
        name: value for name, value in row.attributes.items() if value != "" and record.attributes.get(name) != value
    }
    values += [f"{name} {value}" for name, value in own.items()]
    if values or row.parent:
        yield Repair(ListingFlag.VARIANT_LEFT_OUT, "", "; ".join(values), record.listing_id)


def _warning(file: str, row: SpooledRow, repair: Repair) -> WarningRecord:
    return warning_of(file, row.line, row.listing_id, repair)


def warning_of(file: str, line: int, listing_id: str, repair: Repair) -> WarningRecord:
    """Return the warning that tells of a repair in a listing."""
    before, after = shorten(repair.before), shorten(repair.after)
    return WarningRecord(file, line, shorten(listing_id), repair.field, repair.flag, before, after)
