"""The column mapping of listings and photo tables: the published data set's names, a preset's, or your own."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, TypeAlias

from services.ingest.tables.rows import FileFormat

Names: TypeAlias = str | tuple[str, ...]
"""A column, or several: of `photos` all are read, of other fields the first that has a value. Empty: no column.

In JSON and Parquet a name may be a path into objects, `price.amount`; in `photos` it may be a pattern, `IMAGE*`.
"""


@dataclass(frozen=True, slots=True)
class ListingColumns:
    """Columns of a listings table, and how to read them. Names that differ in case, blanks, `_` and `-` are found too.

    Attributes:
        default_currency: the currency of prices that name none and have no value in `currency`.
        sale_period: when the first column of `price` applies, if there are several: one column with a start and an
            end separated by `/`, or two columns.
        photos: columns with the names or URLs of the listing's photos. `photos` is read if nobody names another column,
            there is no photo table, and its values look like photos.
        photos_separator: separator between them, unless the cell is a JSON array.
        day_first: whether 01/02/2024 is the first of February; None finds out from the file.
        availability: columns that say whether the listing is for sale; one that denies it is enough.
        sold: columns that say whether the listing is sold: yes, or the date of the sale; one that affirms it is enough.
        stock: number of pieces; a listing all of whose variants have none counts as sold.
        stock_policy: `deny` if the stock limits the sales, `continue` if not; without the column it does.
        stock_tracker: who counts the stock; if the column has no value, nobody does, and the stock means nothing.
        escaped_line_breaks: whether descriptions have the two characters `\\n` for a line break, as WooCommerce writes.
        parent: the id of the listing of which the row is a variant.
        category_separator: text between the levels of a category path; empty for the usual ones.
        categories_separator: text between several category paths in a cell; empty if there is one.
    """

    id: Names = "id"
    title: Names = "product_name"
    category: Names = "category"
    category_separator: str = ""
    categories_separator: str = ""
    description: Names = "product_description"
    price: Names = "price"
    sale_period: Names = ""
    currency: Names = ""
    default_currency: str = ""
    location: Names = "location"
    photos: Names = "photos"
    photos_separator: str = "|"
    seller: Names = "seller"
    listed_at: Names = "listed_at"
    day_first: bool | None = None
    url: Names = ""
    availability: Names = ""
    sold: Names = ""
    stock: Names = ""
    stock_policy: Names = ""
    stock_tracker: Names = ""
    escaped_line_breaks: bool = False
    parent: Names = ""


REQUIRED = ("id", "title", "category")
"""Fields of a listing that need a column."""

BOOLEANS = frozenset({"day_first", "escaped_line_breaks"})
"""Attributes of `ListingColumns` that are true or false."""

NOT_COLUMNS = BOOLEANS | {"category_separator", "categories_separator", "default_currency", "photos_separator"}
"""Attributes of `ListingColumns` that name no column."""

NOTATIONS = {
    "category_separator": "category",
    "categories_separator": "category",
    "photos_separator": "photos",
    "escaped_line_breaks": "description",
}
"""Attributes of `ListingColumns` that say how a cell is written, and the field of each."""

COLUMN_FIELDS = tuple(each.name for each in fields(ListingColumns) if each.name not in NOT_COLUMNS)
"""Fields of a listing that a mapping gives columns."""


@dataclass(frozen=True, slots=True)
class PhotoColumns:
    """Column names of a photo table; with an empty `file`, the photo's id names its file."""

    id: str = "id"
    listing_id: str = "product_id"
    file: str = ""


@dataclass(frozen=True, slots=True)
class Columns:
    """The column mapping of a listings table and its photo table.

    Attributes:
        attributes: columns of the listing's free attributes, by the names that they get.
        attribute_pairs: patterns of two columns, with the name of an attribute and with its value; `*` stands for the
            same text in both: `Option* Name`, `Option* Value`.
        attribute_prefixes: beginnings of column names that the name of an attribute follows: `C:`.
        blank_values: texts that mean that there is no value of an attribute.
        file: how the listings file and the photo table are written.
        preset: the preset that the mapping is based on; empty if there is none.
        from_preset: fields, and `attributes.NAME`, that have their columns from the preset.
        notations: the attributes of `NOTATIONS` that the preset or the mapping gives a value.
        named: attributes of `ListingColumns` that the mapping gives a value, even if it is the published one.
    """

    listings: ListingColumns = field(default_factory=ListingColumns)
    photos: PhotoColumns = field(default_factory=PhotoColumns)
    attributes: dict[str, str] = field(default_factory=dict)
    attribute_pairs: tuple[tuple[str, str], ...] = ()
    attribute_prefixes: tuple[str, ...] = ()
    blank_values: tuple[str, ...] = ()
    file: FileFormat = field(default_factory=FileFormat)
    preset: str = ""
    from_preset: tuple[str, ...] = ()
    notations: tuple[str, ...] = ()
    named: tuple[str, ...] = ()

    @property
    def is_default(self) -> bool:
        """Whether nobody chose the columns of the listings."""
        return not self.preset and not self.named and self.listings == ListingColumns()

    @classmethod
    def without_columns(cls, preset: str) -> Columns:
        """Return the mapping that a preset begins with."""
        nothing: dict[str, Any] = dict.fromkeys(COLUMN_FIELDS, "")
        return cls(ListingColumns(**nothing), preset=preset)

    @property
    def guesses_photos(self) -> bool:
        """Whether `photos` is read only because nobody named the columns of the photos."""
        return not self.preset and "photos" not in self.named and self.listings.photos == ListingColumns().photos

    def may_lack(self, name: str) -> bool:
        """Say whether the table may lack the columns of a field, or of `attributes.NAME`: nobody named them.

        A preset has the names of several versions of an export. The published data set has no `seller` and `listed_at`,
        and its listings have no `photos`.
        """
        if name == "photos":
            return name in self.from_preset or self.guesses_photos
        published = ListingColumns()
        is_published = name in ("seller", "listed_at") and getattr(self.listings, name) == getattr(published, name)
        return name in self.from_preset or (is_published and not self.preset)

    def names_of(self, listing_field: str) -> tuple[str, ...]:
        """Return the columns of a field of `COLUMN_FIELDS`, as the mapping writes them."""
        names: Names = getattr(self.listings, listing_field)
        return tuple(filter(None, (names,) if isinstance(names, str) else names))
