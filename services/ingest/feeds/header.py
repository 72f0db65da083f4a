"""Finds the columns of a table that a mapping names, whatever their case, blanks, `_` and `-`. Pure."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field, replace
from fnmatch import fnmatchcase
from itertools import chain
from typing import TYPE_CHECKING

from services.errors import ListingsFileError
from services.ingest.cleaning.attributes import well_known_name
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
        pairs: pairs of columns with the name of an attribute and with its value.
        paths: the keys that lead to the columns that are paths.
        repeats: for each further column with a name that the header has already: the name, and its number, from 1.
        missing: names that the table lacks and may not lack, with the field that needs each.
        absent: names that the table may lack, and that the objects of a JSON file may have later.
    """

    fields: Mapping[str, tuple[str, ...]]
    attributes: Mapping[str, str]
    pairs: tuple[tuple[str, str], ...] = ()
    paths: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    repeats: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    missing: tuple[tuple[str, str], ...] = ()
    absent: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column found, each once."""
        return tuple(dict.fromkeys(chain(*self.fields.values(), self.attribute_columns)))

    @property
    def attribute_columns(self) -> tuple[str, ...]:
        """The columns of attributes."""
        return (*self.attributes.values(), *chain(*self.pairs))

    def field_of(self, column: str) -> str:
        """Return the field that a column is read for, `attributes` for those; empty if it is not read."""
        fields = {one: name for name, columns in self.fields.items() for one in columns}
        return fields.get(column, "attributes" if column in self.attribute_columns else "")


def find_columns(path: Path, columns: Columns, present: Iterable[str]) -> FoundColumns:
    """Find the columns of a mapping among those of a table.

    Raises:
        ListingsFileError: two columns of the table match a name equally well.
    """
    header = _Header(path, tuple(present))
    fields, missing, absent = dict[str, tuple[str, ...]](), list[tuple[str, str]](), list[str]()
    for name in COLUMN_FIELDS:
        written = columns.names_of(name)
        find = header.find_photos if name == "photos" else header.find
        by_name = {one: tuple(find(one)) for one in written}
        fields[name] = tuple(dict.fromkeys(one for found in by_name.values() for one in found))
        if not columns.may_lack(name):
            missing += [(name, one) for one, found in by_name.items() if not found]
        elif name in REQUIRED and written and not fields[name]:
            missing.append((name, " or ".join(written)))
        elif len(written) == 1 and not fields[name] and not columns.preset:
            fields[name] = written
            absent += written
    missing += [(name, f"a column for {name}") for name in REQUIRED if not columns.names_of(name)]
    found = FoundColumns(fields, *_attributes(header, columns, missing), header.paths, missing=tuple(missing))
    return replace(found, repeats=header.repeats_beside(found), absent=tuple(absent))


def _attributes(
    header: _Header, columns: Columns, missing: list[tuple[str, str]]
) -> tuple[dict[str, str], tuple[tuple[str, str], ...]]:
    """Return the columns of attributes by name, and the pairs; add to `missing`."""
    attributes = dict[str, str]()
    for name, written in columns.attributes.items():
        if found := next(header.find(written), ""):
            attributes[name] = found
        elif not columns.may_lack(f"attributes.{name}"):
            missing.append((f"attributes.{name}", written))
    pairs, named = list[tuple[str, str]](), set(attributes.values())
    for written_pair in columns.attribute_pairs:
        found_pairs = header.find_pairs(*written_pair)
        pairs += [pair for pair in found_pairs if named.isdisjoint(pair)]
        if not found_pairs and not columns.may_lack("attributes.pairs"):
            missing.append(("attributes.pairs", " and ".join(written_pair)))
    for prefix in columns.attribute_prefixes:
        found_names = header.find_prefixed(prefix)
        for name, column in found_names.items():
            if column not in named:
                known = well_known_name(name)
                attributes[name if known in attributes else known] = column
        if not found_names and not columns.may_lack("attributes.prefixes"):
            missing.append(("attributes.prefixes", f"{prefix}..."))
    return attributes, tuple(dict.fromkeys(pairs))


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
        self._repeats = dict[str, tuple[str, int]]()

    def find_photos(self, name: str) -> Iterator[str]:
        """Yield the columns of a name or a pattern, in the order of the file, and those that repeat a column's name."""
        if name not in self._present and set(name) & {"*", "?"}:
            pattern = pattern_key(name)
            found = list(dict.fromkeys(one for one in self._present if fnmatchcase(header_key(one), pattern)))
        else:
            found = list(self.find(name))
        for column in found:
            yield column
            for repeat in range(1, self._present.count(column)):
                label = f"{column} ({repeat + 1})"
                while label in self._present:
                    label += "*"
                self._repeats[label] = (column, repeat)
                yield label

    def repeats_beside(self, found: FoundColumns) -> dict[str, tuple[str, int]]:
        """Return the columns that repeat a photo column's name.

        Raises:
            ListingsFileError: other fields have this column too.
        """
        others = {one for name, columns in found.fields.items() if name != "photos" for one in columns}
        for column, _repeat in self._repeats.values():
            if column in {*others, *found.attribute_columns}:
                raise ListingsFileError(self._path, f"has more than one column {column!r}", "Rename all but one")
        return self._repeats

    def find_pairs(self, names: str, values: str) -> list[tuple[str, str]]:
        """Return the columns of names and of values that match two patterns with the same text for their `*`."""
        before, _, after = map(re.escape, pattern_key(names).partition("*"))
        matches = ((name, re.fullmatch(f"{before}(.+){after}", header_key(name))) for name in self._present)
        pairs = [
            (name, next(iter(self._by_key.get(pattern_key(values).replace("*", match[1]), [])), ""))
            for name, match in matches
            if match
        ]
        return [pair for pair in pairs if all(pair)]

    def find_prefixed(self, prefix: str) -> dict[str, str]:
        """Return the columns whose names begin with a text such as `C:`, by what follows it."""
        matches = ((name, name.lstrip("\ufeff* ")) for name in self._present)
        named = {
            bare[len(prefix) :].strip(): name for name, bare in matches if bare.casefold().startswith(prefix.casefold())
        }
        return {name: column for name, column in named.items() if name}

    def find(self, name: str) -> Iterator[str]:
        """Yield the column of a name, if there is one."""
        if name in self._present:
            yield name
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
