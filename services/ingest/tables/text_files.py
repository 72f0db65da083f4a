"""Reads text files line by line, gzipped or not, in any encoding, with any line ends. Memory use stays constant."""

from __future__ import annotations

import codecs
import gzip
import io
import re
import zlib
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from services.errors import ListingsFileError
from services.ingest.cleaning.repairs import Repair
from services.ingest.cleaning.text import shorten
from services.ingest.tables.encodings import CUT_CHARACTER, StrayBytes
from services.reason_codes import ListingFlag

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

RECORD_LIMIT = 1 << 20
"""Characters in a record. It bounds the memory for finding the end of a record."""

_BLOCK = 1 << 16
_SAMPLE = 4096
_GZIP_MAGIC = b"\x1f\x8b"
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16, whose mark it begins with
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""Byte order marks. That of UTF-8 is a character which is removed when the text is read."""

_BYTE_ORDER_MARK = "\ufeff"
_NOT_TEXT = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_STRAY_BYTE = re.compile("[\udc80-\udcff]")
_WINDOWS_1252 = {0xDC00 + byte: bytes([byte]).decode("cp1252", "replace") for byte in range(0x80, 0x100)}


@dataclass(frozen=True, slots=True)
class _Encoding:
    """How bytes become text; `errors` is `surrogateescape` where stray bytes are mended."""

    name: str
    errors: str = "strict"


def read_lines(path: Path, encoding: str = "") -> Iterator[str]:
    r"""Yield the lines of a text file, gzipped or not, with their line ends (LF, CRLF, or CR where there is no LF).

    Without an encoding the file is UTF-8, or UTF-16 or UTF-32 with a byte order mark. Bytes that are not UTF-8 become
    surrogates, which `replace_stray_bytes` replaces. A line longer than `RECORD_LIMIT` is cut one character after it,
    so that callers still see that it is too long.

    Raises:
        ListingsFileError: the file cannot be opened, or is damaged, empty or not text; the encoding is unknown or not
            the file's, which may show only after the last line.
    """
    stray = StrayBytes()
    with _opened(path, encoding) as (file, newline):
        line = file.readline(RECORD_LIMIT + 1).lstrip(_BYTE_ORDER_MARK)
        while line:
            stray.add(line)
            yield line
            while len(line) > RECORD_LIMIT and not line.endswith(newline):
                line = file.readline(RECORD_LIMIT + 1)
            line = file.readline(RECORD_LIMIT + 1)
    if not encoding:
        stray.refuse_other_code_page(path)


def read_blocks(path: Path, encoding: str = "") -> Iterator[str]:
    """Yield the text of a file in blocks, as `read_lines` does in lines."""
    stray = StrayBytes()
    with _opened(path, encoding) as (file, _newline):
        block = file.read(_BLOCK).lstrip(_BYTE_ORDER_MARK)
        while block:
            stray.add(block)
            yield block
            block = file.read(_BLOCK)
    if not encoding:
        stray.refuse_other_code_page(path)


def read_beginning(path: Path) -> bytes:
    """Return the first bytes of a file, gzipped or not.

    Raises:
        ListingsFileError: the file cannot be opened, or is a damaged gzip file.
    """
    with _file_errors(path), ExitStack() as stack:
        return _decompressed(path, stack).peek(_SAMPLE)[:_SAMPLE]


def replace_stray_bytes(text: str) -> tuple[str, bool]:
    """Decode bytes that are not UTF-8 as Windows-1252, or U+FFFD if undefined there; say whether there were any.

    Spreadsheet programs save CSV as Windows-1252, so this reads their `£` and `é`. Valid UTF-8 is not changed, unless
    it is rarer in the text than other bytes: `É”` in Windows-1252 is a letter in UTF-8.
    """
    if text.isascii() or not _STRAY_BYTE.search(text):
        return text, False
    content = text.encode("utf-8", "surrogateescape")
    others = CUT_CHARACTER.sub(b"", content).decode("utf-8", "surrogateescape")
    stray = len(_STRAY_BYTE.findall(others))
    if stray >= sum(not character.isascii() for character in others) - stray > 0:
        return content.decode("cp1252", "replace"), True
    return text.translate(_WINDOWS_1252), True


def mend(text: str, column: str) -> tuple[str, tuple[Repair, ...]]:
    """Return a cell without stray bytes, and the repair if it had any."""
    mended, has_stray_bytes = replace_stray_bytes(text)
    if not has_stray_bytes:
        return text, ()
    before = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return mended, (Repair(ListingFlag.NOT_UTF8, column, shorten(before), shorten(mended)),)


def unite_not_utf8(repairs: Sequence[Repair]) -> tuple[Repair, ...]:
    """Return the repairs of a record with one for all its cells with stray bytes."""
    stray = [repair for repair in repairs if repair.flag == ListingFlag.NOT_UTF8]
    others = tuple(repair for repair in repairs if repair.flag != ListingFlag.NOT_UTF8)
    if not stray:
        return others
    fields, before, after = zip(*(repair[1:] for repair in stray), strict=True)
    united = Repair(ListingFlag.NOT_UTF8, ", ".join(filter(None, fields)), " | ".join(before), " | ".join(after))
    return (united._replace(before=shorten(united.before), after=shorten(united.after)), *others)


@contextmanager
def _opened(path: Path, encoding: str) -> Iterator[tuple[io.TextIOWrapper, str]]:
    """Open the text of a file; yield it and its line end."""
    with _file_errors(path), ExitStack() as stack:
        binary = _decompressed(path, stack)
        beginning = binary.peek(_BLOCK)
        chosen = _encoding(path, beginning, encoding)
        newline = _check_text(path, beginning, chosen)
        yield stack.enter_context(io.TextIOWrapper(binary, chosen.name, chosen.errors, newline=newline)), newline


def _decompressed(path: Path, stack: ExitStack) -> io.BufferedReader[Any]:
    file = stack.enter_context(io.BufferedReader(stack.enter_context(path.open("rb", buffering=0)), _BLOCK))
    if not file.peek(2).startswith(_GZIP_MAGIC):
        return file
    unzipped = stack.enter_context(gzip.GzipFile(fileobj=file))
    return stack.enter_context(io.BufferedReader(unzipped, _BLOCK))


def _encoding(path: Path, beginning: bytes, given: str) -> _Encoding:
    marked = next((name for mark, name in _MARKS.items() if beginning.startswith(mark)), "")
    if marked or not given:
        return _Encoding(marked) if marked else _Encoding("utf-8", "surrogateescape")
    try:
        codec = codecs.lookup(given)
        "".encode(given)  # raises for what is a codec, but no encoding of text
    except LookupError as error:
        remedy = "Use a name that Python knows, such as 'cp1252', 'cp1251', 'shift_jis' or 'utf-16'"
        raise ListingsFileError(path, f"cannot be read in the unknown encoding {given!r}", remedy) from error
    return _Encoding(codec.name, "surrogateescape" if codec.name in ("utf-8", "utf-8-sig") else "strict")


def _check_text(path: Path, beginning: bytes, encoding: _Encoding) -> str:
    """Return the line end of the file, or raise if its beginning is not text."""
    text = codecs.getincrementaldecoder(encoding.name)(encoding.errors).decode(beginning)
    if not text.strip(_BYTE_ORDER_MARK + "\r\n\t "):
        raise ListingsFileError(path, "is empty", "Export it again, with a header line or one JSON object per line")
    newline = "\n" if "\n" in text or "\r" not in text else "\r"
    first_line, sample = text.split(newline, 1)[0], text[:_SAMPLE]
    if "\0" in first_line and sample.count("\0") > len(sample) / 4:
        raise ListingsFileError(
            path,
            "is not a text file in UTF-8: it looks like UTF-16 without a byte order mark",
            "Save it as UTF-8, or set encoding = 'utf-16-le' in the mapping's [file] table",
        )
    if _NOT_TEXT.search(first_line) or len(_NOT_TEXT.findall(sample)) > len(sample) / 20:
        raise ListingsFileError(
            path, "is not a text file: it begins with control characters", "Use CSV, TSV or JSON Lines in UTF-8"
        )
    return newline


@contextmanager
def _file_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ListingsFileError(path, f"is a damaged gzip file ({error})", "Compress it or copy it again") from error
    except UnicodeDecodeError as error:
        problem = (
            f"is not {error.encoding} text: the bytes {error.object[error.start : error.end].hex(' ')} have no meaning"
        )
        raise ListingsFileError(path, problem, "Save it as UTF-8, or set its own encoding in the mapping") from error
    except OSError as error:
        raise ListingsFileError(path, f"cannot be read ({error.strerror or error})", "Check the path") from error
