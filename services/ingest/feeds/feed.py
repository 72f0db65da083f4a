"""Opens a listings file: finds its columns, and reads its records."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from services.errors import MissingColumns
from services.ingest.cleaning.repairs import Repair
from services.ingest.feeds.detection import (
    choose_columns,
    likely_names,
    refuse_opposite_columns,
    refuse_other_export,
    with_usual_notations,
)
from services.ingest.feeds.header import find_columns
from services.ingest.feeds.read_ahead import read_ahead
from services.ingest.feeds.records import raw_listing, rejected_row, selection_of
from services.ingest.feeds.samples import fits, sample_values
from services.ingest.feeds.suggestions import advice, overlap, suggest_change, suggest_toml, unused_photos
from services.ingest.tables.formats import open_table
from services.ingest.tables.rows import BrokenRow
from services.reason_codes import ListingFlag

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from db.rows.records import RejectedRecord
    from services.ingest.cleaning.raw_listing import RawListing
    from services.ingest.feeds.columns import Columns
    from services.ingest.feeds.header import FoundColumns
    from services.ingest.feeds.records import ReadingContext
    from services.ingest.tables.rows import ColumnSelection, Table


@dataclass(frozen=True, slots=True)
class ListingsFeed:
    """A listings file whose columns have been found.

    Attributes:
        path: the file.
        columns: the mapping that is used: as it was given, or the preset that was recognised.
        found: the columns of the file that the mapping names.
        table: the open table.
        selection: what is read from it.
        context: what the records need to know of the file.
        notices: what was decided for the whole file.
    """

    path: Path
    columns: Columns
    found: FoundColumns
    table: Table
    selection: ColumnSelection
    context: ReadingContext
    notices: tuple[Repair, ...]

    def records(self) -> Iterator[RawListing | RejectedRecord]:
        """Yield every record in order, as a listing or as a reject with its reason.

        Raises:
            ListingsFileError: the file cannot be read on.
        """
        name = self.path.name
        for row in self.table.rows(self.selection):
            if isinstance(row, BrokenRow):
                yield rejected_row(name, row)
            else:
                yield raw_listing(name, row, self.columns, found=self.found, context=self.context)


def open_listings(path: Path, columns: Columns, *, has_photo_table: bool = False) -> ListingsFeed:
    """Find the columns of a listings file; without a mapping, a well-known export is recognised by its header.

    A `photos` column that nobody named is read if there is no photo table and its values look like photos.

    Raises:
        ListingsFileError: the file cannot be read, is a program's export of orders or the like, or its header leaves
            open which column or preset is meant.
        MissingColumns: a column of the mapping is missing.
    """
    table = open_table(path, columns.file, names=likely_names(columns))
    present = table.paths or table.columns
    chosen = choose_columns(path, columns, table.columns)
    found = find_columns(path, chosen, table.columns)
    if chosen.guesses_photos and (has_photo_table or not _look_like_photos(table, found)):
        absent = tuple(name for name in found.absent if name not in found.fields["photos"])
        found = replace(found, fields={**found.fields, "photos": ()}, absent=absent, repeats={})
    if found.missing:
        if columns.is_default or columns.preset:
            refuse_other_export(path, table.columns)
        suggested = (
            suggest_change(chosen.preset, found)
            if chosen.preset
            else suggest_toml(present, sample_values(table, present))
        )
        names, hint = [name for _field, name in found.missing], advice(columns, found, table.columns)
        raise MissingColumns(path, names, table.columns, advice=hint, suggestion=suggested)
    refuse_opposite_columns(path, found)
    selection = selection_of(found)
    chosen, notations = with_usual_notations(path, chosen, table)
    context, notices = read_ahead(table, selection, chosen, found=found)
    notices = (
        *notations,
        *notices,
        *unused_photos(found, present, sample_values(table, unused_columns(found, present))),
    )
    if chosen.preset != columns.preset:
        notices = (Repair(ListingFlag.PRESET_CHOSEN, after=chosen.preset), *notices)
    return ListingsFeed(path, chosen, found, table, selection, context, notices)


def _look_like_photos(table: Table, found: FoundColumns) -> bool:
    """Say whether the columns found for the photos have names of photos, not counts or the like."""
    samples = sample_values(table, (name for name in found.fields["photos"] if name not in found.absent))
    return all(fits("photos", values) for values in samples.values())


def unused_columns(found: FoundColumns, present: Iterable[str]) -> tuple[str, ...]:
    """Return the columns and paths that no field uses."""
    used = found.columns
    return tuple(name for name in present if not any(overlap(name, one) for one in used))
