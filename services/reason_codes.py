"""The codes that say why a record was rejected, and the flags of a listing that was accepted with a doubt.

This is the only list of them. Documentation tables are generated from it:

    for reason in RejectReason:
        print(reason.value, reason.explanation)

Codes are part of the API and of rejects.csv, so they never change.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Self


class _ExplainedCode(StrEnum):
    """A code and its explanation in one sentence."""

    explanation: str

    def __new__(cls, code: str, explanation: str = "") -> Self:
        member = str.__new__(cls, code)
        member._value_, member.explanation = code, explanation
        return member


class RejectReason(_ExplainedCode):
    """Why a record, a listing or a photo was rejected."""

    # A record that cannot be read from its file
    BROKEN_RECORD = "broken_record", "The CSV record cannot be split into the columns of the header."
    RECORD_TOO_LONG = "record_too_long", "The record is longer than 1,048,576 characters or 2,000 lines."
    BROKEN_JSON = "broken_json", "The line is not valid JSON."
    NOT_AN_OBJECT = "not_an_object", "The line is valid JSON, but not a JSON object."
    WRONG_TYPE = "wrong_type", "The value is neither text nor a number."

    # A listing
    MISSING_ID = "missing_id", "The listing or photo has no id."
    ID_TOO_LONG = "id_too_long", "The id is too long: 200 characters for a listing, 500 for a photo, 2,048 for its URL."
    BAD_ID = "bad_id", "The id or photo name cannot be used: it must be one line of plain text and not a reserved path."
    ROUNDED_ID = "rounded_id", "A spreadsheet rounded the id, as in 1.23457E+12, so it may be that of several listings."
    DUPLICATE_ID = "duplicate_id", "The id occurs more than once; the last listing or the first photo was used."
    MISSING_TITLE = "missing_title", "The listing has no title."
    MISSING_CATEGORY = "missing_category", "The listing has no category."
    CATEGORY_TOO_LONG = "category_too_long", "A level of the category is longer than 200 characters."
    CATEGORY_TOO_DEEP = "category_too_deep", "The category has more than 20 levels, or the listing more than 100 paths."
    SELLER_TOO_LONG = "seller_too_long", "The seller id is longer than 200 characters."
    OTHER_SELLER = "other_seller", "The file is the feed of one seller, and the listing names another seller."
    UNREADABLE_PRICE = "unreadable_price", "The price is not an amount, optionally with a currency."
    NEGATIVE_PRICE = "negative_price", "The price is below zero."
    PRICE_TOO_LARGE = "price_too_large", "The price is 10,000,000,000,000 or more."
    TOO_MANY_PHOTOS = "too_many_photos", "The listing has more photos than the server accepts."

    # A listing that cleaning should have put right: the last check before the database
    NOT_NULLABLE = "not_nullable", "A required field has no value after cleaning."
    NOT_TEXT = "not_text", "The field is not text, or has control characters, after cleaning."
    NOT_ONE_LINE = "not_one_line", "The field still has line breaks or extra spaces after cleaning."
    BAD_CATEGORY_PATH = "bad_category_path", "The category path has an empty or unreadable level after cleaning."
    CATEGORY_NOT_FIRST_LEVEL = "category_not_first_level", "The category is not the first level of the category path."
    BAD_PRICE = "bad_price", "The price is out of range or has more than two decimals after cleaning."
    BAD_CURRENCY = "bad_currency", "The currency is not a code of three capital letters."
    CURRENCY_WITHOUT_PRICE = "currency_without_price", "The listing has a currency but no price."
    BAD_TIME = "bad_time", "The listing date is not a time in UTC after cleaning."
    BAD_FLAGS = "bad_flags", "The flags are not a list of codes."
    BAD_LINK = "bad_link", "The listing's address is not a usable HTTP or HTTPS URL after cleaning."
    BAD_ATTRIBUTES = "bad_attributes", "The attributes have an unclean name or value after cleaning."
    BAD_SOLD = "bad_sold", "The sold mark is neither true nor false after cleaning."

    # A photo that cannot be found or read
    MISSING_LISTING_ID = "missing_listing_id", "The row of the photo table names no listing."
    UNKNOWN_LISTING = "unknown_listing", "The photo belongs to a listing that does not exist."
    DUPLICATE_PHOTO = "duplicate_photo", "The listing names another photo with the same bytes; the first was used."
    MISSING_FILE = (
        "missing_file",
        "The photo folder or archive has no such file. A photo that is stored under that name stays.",
    )
    AMBIGUOUS_NAME = (
        "ambiguous_name",
        "Several photo files match this name; write the name of one, with its folder.",
    )
    UNSAFE_PATH = "unsafe_path", "The photo name points outside the photo folder or archive."
    NOT_A_FILE = "not_a_file", "The photo name leads to a folder, a link or a device, not to a plain file."
    ENCRYPTED = "encrypted", "The photo is encrypted inside the zip."
    DAMAGED_MEMBER = "damaged_member", "The photo cannot be unpacked: the archive is damaged."
    UNSUPPORTED_COMPRESSION = (
        "unsupported_compression",
        "The photo is packed in the zip with a method that cannot be read; Deflate can.",
    )
    UNREADABLE = "unreadable", "The operating system cannot read the photo file."
    TOO_LARGE = "too_large", "The photo file has more bytes than the server accepts."

    # A photo that is fetched from a URL
    NOT_FETCHED = (
        "not_fetched",
        "The photo is a URL and fetching is off. Turn it on: `--fetch-photos`, or `fetch_photos=true` by REST.",
    )
    BAD_URL = "bad_url", "The photo URL, or the target of its redirect, is not a usable HTTP or HTTPS URL."
    UNSUPPORTED_URL = "unsupported_url", "The photo URL is neither HTTP nor HTTPS, for example `ftp://` or `s3://`."
    FORBIDDEN_ADDRESS = "forbidden_address", "The photo URL leads to a network address that is not public."
    EXPIRED_URL = "expired_url", "The signature of the photo URL has expired. Export the feed again."
    NOT_FOUND = "not_found", "The server of the photo URL has no such photo (404 or 410)."
    UNREACHABLE = (
        "unreachable",
        "The photo URL did not answer in full, answered with another error, or redirected too often.",
    )

    # A photo that cannot be decoded (`ml.photos.decode`) or embedded
    EMPTY = "empty", "The photo file has no bytes, or is missing from the photo store."
    NOT_AN_IMAGE = "not_an_image", "The file is not an image in a known format, whatever its name says."
    UNSUPPORTED_FORMAT = "unsupported_format", "The image is not JPEG, PNG, WebP, GIF, BMP, HEIC, AVIF or TIFF."
    TOO_MANY_BYTES = "too_many_bytes", "The photo file has more bytes than the decoder accepts."
    TOO_MANY_PIXELS = "too_many_pixels", "The photo has more pixels than the decoder accepts."
    TOO_LONG_SIDE = "too_long_side", "One side of the photo has more pixels than the decoder accepts."
    TOO_SMALL = "too_small", "The photo, or the selected part of it, has too few pixels."
    TRUNCATED = "truncated", "The photo file is cut off."
    DAMAGED = "damaged", "The photo file is damaged."
    ABANDONED = "abandoned", "Several workers stopped while they embedded this photo, so it is not tried again."


class ListingFlag(_ExplainedCode):
    """What looks wrong in a listing that was accepted nevertheless."""

    REPAIRED_RECORD = (
        "repaired_record",
        "The CSV record is not a row of the header's columns, and was read in the only way that fits them.",
    )
    DECIMAL_ID = "decimal_id", "The ids of the file are decimal numbers such as 101.0, and were read as whole numbers."
    NOT_UTF8 = "not_utf8", "Bytes that are not UTF-8 were read as Windows-1252."
    ABSURD_PRICE = (
        "absurd_price",
        "The price looks like a placeholder: a million or more, a billion in yen and the like, or digits like 11111.",
    )
    VALUE_LEFT_OUT = (
        "value_left_out",
        "The value is an object, a list, a boolean, an error or a formula without a value, and was left out.",
    )
    PRESET_CHOSEN = "preset_chosen", "The columns were recognised as those of a well-known export."
    PRESET_SEPARATOR = (
        "preset_separator",
        "The mapping does not say how the cells are written, so they were read as this export writes them.",
    )
    UNUSED_PHOTO_COLUMN = (
        "unused_photo_column",
        "The column looks like photos and is not read, because the mapping does not name it.",
    )
    NO_PHOTO_USED = "no_photo_used", "Photos were given, and no listing uses one of them."
    NO_PHOTOS_NAMED = (
        "no_photos_named",
        "The listings name no photos, so without a photo table they get none.",
    )
    ZERO_SALE_PRICE = "zero_sale_price", "The sale price is zero, so the regular price was taken."
    GUESSED_PHOTOS = (
        "guessed_photos",
        "The photo column was in another form than the mapping names, and was read.",
    )
    GUESSED_PHOTO_NAME = (
        "guessed_photo_name",
        "The photo was found under a name in other letter case, escapes, code page or folders than the table's.",
    )
    PRICE_RANGE = "price_range", "The price is a range or begins with `from`; its lower bound was taken."
    PRICE_PER_UNIT = "price_per_unit", "The price is for a month, a kilogram or the like; its amount was taken."
    AMBIGUOUS_PRICE = (
        "ambiguous_price",
        "The price has one comma or point before three digits, which may group thousands or begin decimals.",
    )
    PRICE_NOTATION = (
        "price_notation",
        "Prices such as 1.299 were read with the decimal comma or point that other prices of the file show.",
    )
    APPROXIMATE_PRICE = "approximate_price", "The price is an approximate one (`ca. 50`); its amount was taken."
    ROUNDED_PRICE = "rounded_price", "The price has more than two decimals and was rounded."
    CURRENCY_CONFLICT = "currency_conflict", "The price names another currency than the feed does; its own was taken."
    UNKNOWN_CURRENCY = (
        "unknown_currency",
        "The currency is unknown, or its sign is shared by several countries; it was left out.",
    )
    PRICE_LEFT_OUT = "price_left_out", "The price cannot be read, and was left out."
    INCOMPLETE_PHOTO = (
        "incomplete_photo",
        "The JPEG file is cut off: its end marker, up to a quarter of its rows or some precision is missing.",
    )
    DAMAGED_PHOTO = (
        "damaged_photo",
        "The JPEG file is damaged before its end: a part of the picture may be wrong or missing.",
    )
    PLACEHOLDER_PHOTO = (
        "placeholder_photo",
        'Many unrelated listings share this photo, as they do a "no image" picture; it is not searched.',
    )
    CATEGORY_SPELLING = (
        "category_spelling",
        "The category differs from an earlier one in case or blanks only, and got the earlier spelling.",
    )
    GUESSED_CATEGORIES = (
        "guessed_categories",
        "The category may be one path or several. The mapping decides it with `categories_separator`.",
    )
    SHORTENED_TEXT = (
        "shortened_text",
        "The text was too long and lost its end: 500 characters of a title or place, 50,000 of a description are kept.",
    )
    NUMERIC_CATEGORY = "numeric_category", "The category is only a number, such as an id of Google's taxonomy."
    UNKNOWN_AVAILABILITY = (
        "unknown_availability",
        "The availability is not understood; the listing counts as for sale.",
    )
    BAD_LISTING_URL = (
        "bad_listing_url",
        "The listing's address is not a usable HTTP or HTTPS URL of at most 2,048 characters, and was left out.",
    )
    ATTRIBUTE_LEFT_OUT = (
        "attribute_left_out",
        "The attribute was left out: 50 names of 40 Latin letters and digits, and texts of 200 characters are kept.",
    )
    SEVERAL_VALUES = "several_values", "The attribute has several values, which were kept as one text."
    SHEET_CHOSEN = "sheet_chosen", "The workbook has other sheets, and this one looks most like the table."
    ROWS_ABOVE_HEADER = "rows_above_header", "Rows above the header of the sheet were left out."
    DECORATION = "decoration", "A line of dashes under the header, or a count of rows at the end, was left out."
    ROUNDED_IDS = (
        "rounded_ids",
        "The ids end in zeros after 15 digits: a spreadsheet rounded them. Export them as text.",
    )
    ENCODED_TWICE = (
        "encoded_twice",
        "Text of the file looks as if it was encoded as UTF-8 twice (`Ã©` for `é`). It was kept as it stands.",
    )
    NO_LINE_END = (
        "no_line_end",
        "The file has no line end after its last record. If your program writes one, the file is cut off.",
    )
    CUT_OFF = "cut_off", "The file looks cut off inside its last record, so nothing that it lacks was removed."
    NO_CURRENCY = "no_currency", "No price of the file has a currency. Set `default_currency` in the mapping."
    UNREADABLE_DATE = "unreadable_date", "The listing date cannot be read or is implausible, and was left out."
    UNITED_ROWS = "united_rows", "Several rows have this id; the listing has the photos of all of them."
    VARIANT_LEFT_OUT = (
        "variant_left_out",
        "The row is a variant of another: its photos were added there, and its own values were left out.",
    )
    PRICE_OF_VARIANT = "price_of_variant", "The listing has no price of its own; it is the lowest of its variants."
    PHOTOS_KEPT = (
        "photos_kept",
        "Stored photos that are no longer named were kept: others could not be obtained, or records not be read.",
    )
    NO_PHOTO_ID = (
        "no_photo_id",
        "The photo table has the listing without a photo id, so its stored photos were removed.",
    )
    REPEATED_PHOTO = "repeated_photo", "Another photo of the listing has the same bytes; the first was used."
    AMBIGUOUS_DATE = (
        "ambiguous_date",
        "Day and month of the listing date can be exchanged and nothing in the file decides it, so it was left out.",
    )
    DATE_ORDER = "date_order", "Dates such as 03/04/2024 were read in the order that other dates of the file prove."
    GUESSED_DATE = (
        "guessed_date",
        "The listing date is a spreadsheet's day number, has a year of two digits, or is a Unix time of few digits.",
    )

    # A sync: what became of the listings that the feed no longer has
    REMOVED = "removed", "The feed no longer has the listing, so a sync removed it; a dry run would."
    MARKED_SOLD = "marked_sold", "The feed no longer has the listing, so a sync marked it sold; a dry run would."
    NOTHING_REMOVED = (
        "nothing_removed",
        "A sync kept every listing, because records of the feed have no readable id, or its file may be cut off.",
    )
