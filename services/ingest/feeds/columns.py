"""The column mapping of listings and photo tables: the published data set's names, or your own from a TOML file.

The TOML file names only the columns that differ:

    [listings]
    id = "sku"
    title = "name"
    price = ""                    # this export has no prices
    photos = "image_urls"         # file names or URLs, as a JSON array or with a separator:
    photos_separator = ","
    seller = "shop_id"
    listed_at = ""                # this export uses the name listed_at for something else

    [photos]
    id = "picture"
    listing_id = "sku"
    file = "file_name"
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, TypeVar

from services.errors import ListingsFileError
from services.ingest.feeds.presets import preset_tables

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class ListingColumns:
    """Column names of a listings table.

    `description`, `price`, `location`, `photos`, `seller` and `listed_at` may be empty if the table has no such column.
    `seller` and `listed_at` may also be absent under their default names: the published data set has neither.

    Attributes:
        photos: column with the names or URLs of the listing's photos.
        photos_separator: separator between them, unless the cell is a JSON array.
    """

    id: str = "id"
    title: str = "product_name"
    category: str = "category"
    description: str = "product_description"
    price: str = "price"
    location: str = "location"
    photos: str = ""
    photos_separator: str = "|"
    seller: str = "seller"
    listed_at: str = "listed_at"

    @property
    def optional_columns(self) -> tuple[str, ...]:
        """Columns that the table may lack: `seller` and `listed_at` under their default names, which nobody chose."""
        mapped = {self.id, self.title, self.category, self.description, self.price, self.location, self.photos}
        defaults = ListingColumns()
        pairs = ((self.seller, defaults.seller), (self.listed_at, defaults.listed_at))
        return tuple(name for name, default in pairs if name == default and name not in mapped)


@dataclass(frozen=True, slots=True)
class PhotoColumns:
    """Column names of a photo table; with an empty `file`, the photo's id names its file."""

    id: str = "id"
    listing_id: str = "product_id"
    file: str = ""


@dataclass(frozen=True, slots=True)
class Columns:
    """The column mapping of a listings table and its photo table."""

    listings: ListingColumns = field(default_factory=ListingColumns)
    photos: PhotoColumns = field(default_factory=PhotoColumns)

    @classmethod
    def of_preset(cls, preset: str) -> Columns:
        """Return the mapping of a preset; the published names without one.

        Raises:
            BadInput: there is no such preset.
        """
        return cls.from_text(b"", source="", preset=preset)

    @classmethod
    def from_toml(cls, path: Path, *, preset: str = "") -> Columns:
        """Read a mapping from a file; see `from_text`."""
        try:
            content = path.read_bytes()
        except OSError as error:
            raise ListingsFileError(path, f"cannot be read ({error.strerror})", "Check the path") from error
        return cls.from_text(content, source=path, preset=preset)

    @classmethod
    def from_text(cls, content: bytes, *, source: Path | str, preset: str = "") -> Columns:
        """Read a mapping; columns that it does not mention keep those of the preset, or the published names.

        Args:
            content: UTF-8.
            source: where it comes from, for messages.
            preset: name of the preset that it changes.

        Raises:
            BadInput: there is no such preset.
            ListingsFileError: the text is not TOML, has an unknown table or field, or gives a required column an empty
                name.
        """
        try:
            tables = tomllib.loads(content.decode("utf-8-sig"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ListingsFileError(source, f"is not TOML ({error})", 'Write lines such as title = "name"') from error
        _refuse_unknown(source, tables, known=("listings", "photos"), kind="table")
        base = preset_tables(preset) if preset else {}
        defaults = cls(
            _mapped(preset, "listings", base.get("listings", {}), default=ListingColumns()),
            _mapped(preset, "photos", base.get("photos", {}), default=PhotoColumns()),
        )
        return cls(
            _mapped(source, "listings", tables.get("listings", {}), default=defaults.listings),
            _mapped(source, "photos", tables.get("photos", {}), default=defaults.photos),
        )


_OPTIONAL = frozenset({"description", "price", "location", "photos", "seller", "listed_at", "file"})

_Names = TypeVar("_Names", ListingColumns, PhotoColumns)


def _mapped(path: Path | str, table: str, names: object, *, default: _Names) -> _Names:
    if not isinstance(names, dict):
        raise ListingsFileError(path, f"{table!r} is not a table", f"Begin it with the line [{table}]")
    _refuse_unknown(path, names, known=[entry.name for entry in fields(default)], kind=f"field of [{table}]")
    for name, column in names.items():
        if not isinstance(column, str):
            raise ListingsFileError(path, f"{table}.{name} is not text", "Put the column name in quotes")
        if not column and name not in _OPTIONAL:
            raise ListingsFileError(path, f"{table}.{name} is empty", "Give the name of its column")
    return replace(default, **names)


def _refuse_unknown(path: Path | str, names: Iterable[str], *, known: Iterable[str], kind: str) -> None:
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ListingsFileError(
            path, f"has an unknown {kind} {', '.join(map(repr, unknown))}", f"Use {', '.join(known)}"
        )
