"""Which columns of a team's files hold what: the published data set's names unless a TOML file says otherwise.

Such a file names only what differs:

    [listings]
    id = "sku"
    title = "name"
    price = ""                    # this export has no prices
    photos = "image_urls"         # file names or URLs, as a JSON array or separated:
    photos_separator = ","
    seller = "shop_id"
    listed_at = ""                # the column of this name is something else here

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

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class ListingColumns:
    """Column names of a listings table.

    `description`, `price`, `location`, `photos`, `seller` and `listed_at` may be empty: the table has no such column.
    For `seller` and `listed_at` it need not have one under the default name either: the published data set has neither.

    Attributes:
        photos: a cell holds the names or URLs of the listing's photos.
        photos_separator: stands between them, unless the cell is a JSON array.
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
    def unless_absent(self) -> tuple[str, ...]:
        """Columns that are read where the table has them, and not missed where it does not: nobody named them."""
        named = {self.id, self.title, self.category, self.description, self.price, self.location, self.photos}
        usual = ListingColumns()
        pairs = ((self.seller, usual.seller), (self.listed_at, usual.listed_at))
        return tuple(name for name, default in pairs if name == default and name not in named)


@dataclass(frozen=True, slots=True)
class PhotoColumns:
    """Column names of a photo table; `file` may be empty, then the photo's id names its file."""

    id: str = "id"
    listing_id: str = "product_id"
    file: str = ""


@dataclass(frozen=True, slots=True)
class Columns:
    """The column mapping of a listings table and its photo table."""

    listings: ListingColumns = field(default_factory=ListingColumns)
    photos: PhotoColumns = field(default_factory=PhotoColumns)

    @classmethod
    def from_toml(cls, path: Path) -> Columns:
        """Read a mapping; what the file does not mention keeps its published name.

        Raises:
            ListingsFileError: the file is unreadable or not TOML, names a table or field that does not exist,
                or leaves out the name of a column that is needed.
        """
        try:
            tables = tomllib.loads(path.read_text(encoding="utf-8-sig"))
        except OSError as error:
            raise ListingsFileError(path, f"cannot be read ({error.strerror})", "Check the path") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ListingsFileError(path, f"is not TOML ({error})", 'Write lines such as title = "name"') from error
        _refuse_unknown(path, tables, known=("listings", "photos"), kind="table")
        return cls(
            _mapped(path, "listings", tables.get("listings", {}), ListingColumns()),
            _mapped(path, "photos", tables.get("photos", {}), PhotoColumns()),
        )


_OPTIONAL = frozenset({"description", "price", "location", "photos", "seller", "listed_at", "file"})

_Names = TypeVar("_Names", ListingColumns, PhotoColumns)


def _mapped(path: Path, table: str, given: object, default: _Names) -> _Names:
    if not isinstance(given, dict):
        raise ListingsFileError(path, f"{table!r} is not a table", f"Start it with a line that says [{table}]")
    _refuse_unknown(path, given, known=[entry.name for entry in fields(default)], kind=f"field of [{table}]")
    for name, column in given.items():
        if not isinstance(column, str):
            raise ListingsFileError(path, f"{table}.{name} is not text", "Put the column's name in quotes")
        if not column and name not in _OPTIONAL:
            raise ListingsFileError(path, f"{table}.{name} is empty", "Name the column that holds it")
    return replace(default, **given)


def _refuse_unknown(path: Path, given: Iterable[str], *, known: Iterable[str], kind: str) -> None:
    unknown = [name for name in given if name not in known]
    if unknown:
        raise ListingsFileError(
            path, f"there is no {kind} {', '.join(map(repr, unknown))}", f"Those that exist are {', '.join(known)}"
        )
