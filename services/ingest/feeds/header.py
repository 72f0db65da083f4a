"""Finds the columns of a table that a mapping names, whatever their case, blanks, `_` and `-`. Pure."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from services.errors import ListingsFileError
from services.ingest.feeds.columns import COLUMN_FIELDS, REQUIRED
from services.ingest.feeds.header_keys import header_key, pattern_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from services.ingest.feeds.columns import Columns, PhotoColumns


@dataclass(frozen=True, slots=True)
class FoundColumns:
    """The columns of one table that a mapping names.

    Attributes:
        fields: columns, or paths into columns of objects, by field of `COLUMN_FIELDS`.
        attributes: the same by name of the attribute.
        paths: the keys that lead to the columns that are paths.
        missing: names that the table lacks and may not lack, with the field that needs each.
        absent: names that the table may lack, and that the objects of a JSON file may have later.
    """

    fields: Mapping[str, tuple[str, ...]]
    attributes: Mapping[str, str]
    paths: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    missing: tuple[tuple[str, str], ...] = ()
    absent: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column found, each once."""
        return tuple(
            dict.fromkeys([*(one for found in self.fields.values() for one in found), *self.attributes.values()])
        )


def find_columns(path: Path, columns: Columns, present: Iterable[str]) -> FoundColumns:
    """Find the columns of a mapping among those of a table.

    Raises:
        ListingsFileError: two columns of the table match a name equally well.
    """
    header = _Header(path, tuple(present))
    fields, missing, absent = dict[str, tuple[str, ...]](), list[tuple[str, str]](), list[str]()
    for name in COLUMN_FIELDS:
        written = columns.names_of(name)
        by_name = {one: tuple(header.find(one, as_pattern=name == "photos")) for one in written}
        fields[name] = tuple(dict.fromkeys(one for found in by_name.values() for one in found))
        if not columns.may_lack(name):
            missing += [(name, one) for one, found in by_name.items() if not found]
        elif name in REQUIRED and written and not fields[name]:
            missing.append((name, " or ".join(written)))
        elif len(written) == 1 and not fields[name] and not columns.preset:
            fields[name] = written
            absent += written
    attributes = {}
    for name, written_name in columns.attributes.items():
        if found_columns := tuple(header.find(written_name)):
            attributes[name] = found_columns[0]
        elif not columns.may_lack(f"attributes.{name}"):
            missing.append((f"attributes.{name}", written_name))
    missing += [(name, f"a column for {name}") for name in REQUIRED if not columns.names_of(name)]
    return FoundColumns(fields, attributes, header.paths, tuple(missing), tuple(absent))


def find_photo_columns(path: Path, columns: PhotoColumns, present: Iterable[str]) -> PhotoColumns:
    """Return the mapping of a photo table with the names as they stand in the table; absent ones stay as they are.

    Raises:
        ListingsFileError: two columns of the table match a name equally well.
    """
    header = _Header(path, tuple(present))
    found = {name: next(header.find(written), written) for name, written in asdict(columns).items() if written}
    return replace(columns, **found)


class _Header:
    """The columns of a table, by name and by key."""

    def __init__(self, path: Path, present: tuple[str, ...]) -> None:
        self._path, self._present = path, present
        self._by_key = dict[str, list[str]]()
        for name in present:
            self._by_key.setdefault(header_key(name), []).append(name)
        self.paths = dict[str, tuple[str, ...]]()

    def find(self, name: str, *, as_pattern: bool = False) -> Iterator[str]:
        """Yield the column of a name; the columns of a pattern, in the order of the file."""
        if name in self._present:
            yield name
        elif as_pattern and set(name) & {"*", "?"}:
            pattern = pattern_key(name)
            yield from (one for one in self._present if fnmatchcase(header_key(one), pattern))
        elif (column := self._match(name)) is not None:
            yield column
        elif "." in name and (column := self._match(name.partition(".")[0])) is not None:
            self.paths[name] = (column, *name.split(".")[1:])
            yield name

    def _match(self, name: str) -> str | None:
        if name in self._present:
            return name
        matching = self._by_key.get(header_key(name), [])
        if len(set(matching)) > 1:
            names = " and ".join(map(repr, matching))
            raise ListingsFileError(
                self._path, f"has the columns {names}, which both match {name!r}", "Name one of them exactly"
            )
        return matching[0] if matching else None
