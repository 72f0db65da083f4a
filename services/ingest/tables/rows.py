"""Rows of a table, whatever its file format, and the columns to read."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias

from services.errors import ListingsFileError, MissingColumns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from services.ingest.cleaning.repairs import Repair
    from services.reason_codes import RejectReason

Typed: TypeAlias = "str | float | bool | tuple[str, ...]"
"""A value that is more than text: a number, a boolean, a list of texts."""


@dataclass(frozen=True, slots=True)
class ColumnSelection:
    """The columns to read from a table. The columns named apart are empty when the table has none of that kind.

    Attributes:
        columns: every column to read. In objects, a column may be a path, `price.amount`.
        paths: the keys of the columns that are paths, from the outside inwards.
        repeats: for each further column with a name that the header has already: the name, and its number, from 1.
        id, free_text, price: columns that repairing a broken CSV record relies on.
        as_json: columns whose objects and lists become JSON text.
        lists: columns whose lists of texts are also kept as such.
        typed: columns whose numbers and booleans are, too.
        optional: columns that the table may lack or use for something else; their cells are empty then.
        fillable: columns that a listing can do without: a record of a delimited file may lack them at its end, and an
            object or a list in them is left out. Their cells are empty then.
        prices: columns whose numbers are amounts, so that their dot begins the decimals.
        booleans: columns whose booleans become the words `true` and `false`.
        ids: columns of ids, whose numbers a program may have written as `101.0`.
    """

    columns: tuple[str, ...]
    paths: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    repeats: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    id: str = ""
    free_text: str = ""
    price: str = ""
    as_json: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()
    typed: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    fillable: tuple[str, ...] = ()
    prices: tuple[str, ...] = ()
    booleans: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()

    def path_of(self, column: str) -> tuple[str, ...]:
        """Return the keys that lead to a column."""
        return self.paths.get(column, (column,))

    def position(self, column: str, names: Sequence[str]) -> int:
        """Return where a column stands among the names of a header."""
        name, repeat = self.repeats.get(column, (column, 0))
        return [at for at, one in enumerate(names) if one == name][repeat]

    @property
    def sources(self) -> tuple[str, ...]:
        """The columns of the table that are read, each once."""
        names = (self.repeats[column][0] if column in self.repeats else column for column in self.columns)
        return tuple(dict.fromkeys(self.path_of(name)[0] for name in names))

    def without_absent(self, present: Iterable[str]) -> ColumnSelection:
        """Return the selection without the optional columns that the table does not have."""
        absent = set(self.optional).difference(present)
        return replace(self, columns=tuple(column for column in self.columns if column not in absent))


@dataclass(frozen=True, slots=True)
class Row:
    """One row.

    Attributes:
        line: 1-based line on which the row starts; the row number in Parquet.
        cells: text of the selected columns. Missing values are empty; a list of texts is a JSON array.
        repairs: what reading the row took, with flags such as `ListingFlag.REPAIRED_RECORD`; their fields are columns.
        typed: the values of the columns `lists` and `typed` that are more than text; empty for delimited files.
    """

    line: int
    cells: Mapping[str, str]
    repairs: tuple[Repair, ...] = ()
    typed: Mapping[str, Typed] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BrokenRow:
    """A part of the file that is not a row.

    Attributes:
        column: the column at fault, if it is a single one.
        id: the record's id, if it can be recognised.
    """

    line: int
    reason: RejectReason
    text: str
    column: str = ""
    id: str = ""


Rows: TypeAlias = "Iterator[Row | BrokenRow]"


@dataclass(frozen=True, slots=True)
class FileFormat:
    """How a table is written, where its file does not say so itself. Empty values are found out from the file.

    Attributes:
        encoding: of a text file, by Python's name: `cp1251`.
        delimiter: between the columns of a delimited file.
        sheet: the name of the sheet of a workbook.
    """

    encoding: str = ""
    delimiter: str = ""
    sheet: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table whose column names have been read.

    Attributes:
        columns: the names as they stand in the file, in order. In JSON: the keys of the first objects.
        rows: reads the selected columns of every row from the beginning.
        paths: the columns again, and the paths inside those that hold objects, such as `price.amount`.
        told: what was found out about the whole file, by flag and column; complete when all rows have been read.
    """

    columns: tuple[str, ...]
    rows: Callable[[ColumnSelection], Rows]
    paths: tuple[str, ...] = ()
    told: dict[tuple[str, str], Repair] = field(default_factory=dict)

    @property
    def notices(self) -> tuple[Repair, ...]:
        """What was found out about the whole file."""
        return tuple(self.told.values())

    def tell(self, notice: Repair) -> None:
        """Keep what was found out; reading the table again finds it again."""
        self.told[notice.flag, notice.field] = notice


def require_columns(path: Path, selection: ColumnSelection, present: Iterable[str]) -> None:
    """Raise MissingColumns if the table lacks a selected column."""
    names = list(dict.fromkeys(present))
    missing = [column for column in selection.sources if column not in names]
    if missing:
        raise MissingColumns(path, missing, names)


def refuse_duplicate_columns(path: Path, selection: ColumnSelection, names: Sequence[str]) -> None:
    """Raise ListingsFileError if the table has more columns with the name of a selected one than it reads."""
    read = Counter(name for name, _repeat in selection.repeats.values())
    duplicates = [column for column in selection.sources if names.count(column) > 1 + read[column]]
    if duplicates:
        raise ListingsFileError(path, f"has more than one column {duplicates[0]!r}", "Rename all but one")
