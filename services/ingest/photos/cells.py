"""Splits a table's cell into the photo names and URLs that it holds. Pure.

The mapping names the separator. Exports also write JSON arrays, Python lists, arrays of PostgreSQL and HTML, and URLs
may contain the separator; a cell that was read in another form than the mapping names is marked as a guess.
"""

from __future__ import annotations

import ast
import csv
import json
import re
import warnings
from dataclasses import dataclass
from html.parser import HTMLParser

from services.ingest.cleaning.text import clean_line
from services.ingest.photos.names import EXTENSIONS
from services.ingest.photos.urls import normal_url

_NO_PHOTO = frozenset({"n/a", "#n/a", "na", "nan", "none", "null", "nil", "-", "--", "\\n", "[]", "{}", "no image"})
"""Cells, in lower case, that programs write when there is no photo."""

_URL_KEYS = ("url", "src", "href", "link", "original", "large", "full", "image", "image_url", "photo", "file", "name")
"""Keys of the address in an object that describes a photo, the best first."""

_BEFORE_URL = re.compile(r"(?i)[\s,;|]+(?=[\"']?(?:https?:(?:\\?/){2}|//[\w-]+\.))")
_IN_URLS = re.compile(r"[\w.~:/?#@!$&'()*+,;=% -]+", re.ASCII)
"""A separator that may also occur within a URL."""

_ADJACENT = re.compile(r"""(['"])\s+(?=\1|['"])""")
_DATA_OR_NAME = {
    mark: re.compile(rf"\s*(?:(data:[^,]{{0,200}},[\w+/=%.\s-]*)|([^{mark}]+))(?:{mark}|$)") for mark in ",;"
}
"""A `data:` URL, which contains both separators, or another name."""

_FILE = rf"[^,;\n]*\S(?:{'|'.join(map(re.escape, EXTENSIONS))})"
_FILES = re.compile(rf"(?i)\s*{_FILE}\s*(?:[,;\n]\s*{_FILE}\s*)+[,;\n]?\s*")
_ENDS_IN_FILE = re.compile(rf"(?i)(?:{'|'.join(map(re.escape, EXTENSIONS))})\s*$")


@dataclass(frozen=True, slots=True)
class PhotoCell:
    """The photo names and URLs of a cell, in order and without duplicates.

    Attributes:
        is_guess: the cell was not in the form that the mapping names.
    """

    names: tuple[str, ...]
    is_guess: bool = False


def split_photos(cell: str, separator: str) -> PhotoCell:
    """Return the photo names in a cell: a JSON array, or names between separators; other usual forms as a guess.

    URLs are returned in the form of `normal_url`. A separator splits a URL only if another name follows.
    """
    text = cell.strip()
    if text.casefold() in _NO_PHOTO:
        return PhotoCell((), is_guess=text not in ("[]", "{}"))
    names = _json_names(text)
    is_guess = False
    if names is None:
        names, is_guess = _other_forms(text), True
    if names is None:
        names, is_guess = _separated(text, separator), False
    split = [part for name in names for part in _split_unseparated(name)]
    is_guess |= len(split) > len(names)
    named = dict.fromkeys(filter(None, (normal_url(_unquoted(name)) or clean_line(name) for name in split)))
    return PhotoCell(tuple(named), is_guess)


def _json_names(text: str) -> list[str] | None:
    """Return the texts of a JSON array or object, and the addresses of the objects in it; None for other text."""
    if not text.startswith(("[", "{")):
        return None
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if isinstance(parsed, dict) and not any(key in parsed for key in _URL_KEYS):
        texts = [value for value in parsed.values() if isinstance(value, str) and normal_url(value)]
        parsed = texts or list(parsed.values())
    return _addresses(parsed if isinstance(parsed, list) else [parsed])


def _addresses(values: list[object]) -> list[str]:
    found = list[str]()
    for value in values:
        if isinstance(value, list):
            found += _addresses(value)
        elif isinstance(value, dict):
            by_key = {str(key).casefold(): one for key, one in value.items()}
            address = next((one for key in _URL_KEYS if isinstance(one := by_key.get(key), str) and one), None)
            found.append(address or json.dumps(value, ensure_ascii=False))
        elif value is not None and value == value:  # NaN differs from itself
            found.append(value if isinstance(value, str) else json.dumps(value))
    return found


def _other_forms(text: str) -> list[str] | None:
    """Return the names in a Python list, an array of PostgreSQL, or HTML; None for other text."""
    if text.startswith(("[", "(")) and text.endswith(("]", ")")):
        return _python_names(text) or ([text[1:-1]] if normal_url(text[1:-1]) else None)
    if text.startswith("{") and text.endswith("}"):
        cells = next(csv.reader([text[1:-1]], escapechar="\\"), [])
        return [cell for cell in cells if cell.casefold() != "null"]
    if "<" in text and "src" in text.casefold():
        page = _Pictures()
        page.feed(text)
        return page.addresses or None
    return None


def _python_names(text: str) -> list[str] | None:
    """Return the texts of a Python list, or of a numpy array, which has no commas; None for other text."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # backslashes that Python would not write
            parsed = ast.parse(_ADJACENT.sub(r"\1, ", text), mode="eval").body
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return None
    if not isinstance(parsed, ast.List | ast.Tuple | ast.Set):
        return None
    constants = [element.value for element in parsed.elts if isinstance(element, ast.Constant)]  # nan is a name
    return _addresses([value for value in constants if isinstance(value, str | int | float)])


class _Pictures(HTMLParser):
    """Collects the addresses of the `img` elements of an HTML text."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag == "img" and (address := dict(attributes).get("src")):
            self.addresses.append(address)


def _separated(text: str, separator: str) -> list[str]:
    r"""Split at the separator, except inside URLs; `\,` is a comma of a name, as WooCommerce writes it."""
    if not separator or separator not in text:
        return [text]
    if "data:" in text and separator in ",;":
        return [data_url or name for data_url, name in _DATA_OR_NAME[separator].findall(text)]
    escaped = f"\\{separator}"
    pieces = re.split(rf"(?<!\\){re.escape(separator)}", text) if escaped in text else text.split(separator)
    pieces = [piece.replace(escaped, separator) for piece in pieces]
    names = pieces[:1]
    for piece in pieces[1:]:
        if _IN_URLS.fullmatch(separator) and _continues_url(names[-1], piece):
            names[-1] += separator + piece
        else:
            names.append(piece)
    return [stripped for name in names if (stripped := name.rstrip(f"{separator} \t\r\n"))]


def _continues_url(name: str, piece: str) -> bool:
    """Say whether a piece after a separator belongs to the URL before it."""
    url = normal_url(name)
    if url is None or piece[:1].isspace() or normal_url(_unquoted(piece)) is not None:
        return False
    return not _ENDS_IN_FILE.search(url)


def _split_unseparated(name: str) -> list[str]:
    """Split a name that holds several, separated otherwise than the mapping says."""
    if "//" in name or "\\/" in name:
        return [part for part in _BEFORE_URL.split(name) if part.strip(" \t\r\n,;|")]
    return re.split(r"[,;\n]", name) if _FILES.fullmatch(name) else name.split("\n")


def _unquoted(name: str) -> str:
    name = name.strip(" \t\r\n,;|")
    return name[1:-1] if len(name) > 1 and name[0] == name[-1] and name[0] in "\"'" else name
