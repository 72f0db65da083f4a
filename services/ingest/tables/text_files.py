"""Reads text files line by line, gzipped or not, with any line ends and stray bytes. Memory use stays constant."""

from __future__ import annotations

import gzip
import io
import re
import zlib
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from services.errors import ListingsFileError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RECORD_LIMIT = 1 << 20
"""Characters in a record. It bounds the memory for finding the end of a record."""

_BLOCK = 1 << 16
_SAMPLE = 4096
_GZIP_MAGIC = b"\x1f\x8b"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_NOT_TEXT = re.compile(b"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_STRAY_BYTE = re.compile("[\udc80-\udcff]")
_WINDOWS_1252 = {0xDC00 + byte: bytes([byte]).decode("cp1252", "replace") for byte in range(0x80, 0x100)}


def read_lines(path: Path) -> Iterator[str]:
    r"""Yield the lines of a UTF-8 file, gzipped or not, with their line ends (LF, CRLF, or CR where there is no LF).

    Bytes that are not UTF-8 become surrogates, which `replace_stray_bytes` replaces. A line longer than `RECORD_LIMIT`
    is cut one character after it, so that callers still see that it is too long.

    Raises:
        ListingsFileError: the file cannot be opened, or is damaged, empty or not text.
    """
    with _file_errors(path), ExitStack() as stack:
        binary = _decompressed(path, stack)
        newline = _check_text(path, binary.peek(_BLOCK))
        file = stack.enter_context(io.TextIOWrapper(binary, "utf-8", "surrogateescape", newline=newline))
        line = file.readline(RECORD_LIMIT + 1).removeprefix("\ufeff")
        while line:
            yield line
            while len(line) > RECORD_LIMIT and not line.endswith(newline):
                line = file.readline(RECORD_LIMIT + 1)
            line = file.readline(RECORD_LIMIT + 1)


def replace_stray_bytes(text: str) -> tuple[str, bool]:
    """Decode bytes that are not UTF-8 as Windows-1252, or U+FFFD if undefined there; say whether there were any.

    Spreadsheet programs save CSV as Windows-1252, so this reads their `£` and `é`. Valid UTF-8 is not changed.
    """
    if text.isascii() or not _STRAY_BYTE.search(text):
        return text, False
    return text.translate(_WINDOWS_1252), True


def _decompressed(path: Path, stack: ExitStack) -> io.BufferedReader[Any]:
    file = stack.enter_context(io.BufferedReader(stack.enter_context(path.open("rb", buffering=0)), _BLOCK))
    if not file.peek(2).startswith(_GZIP_MAGIC):
        return file
    unzipped = stack.enter_context(gzip.GzipFile(fileobj=file))
    return stack.enter_context(io.BufferedReader(unzipped, _BLOCK))


def _check_text(path: Path, beginning: bytes) -> str:
    """Return the line end of the file, or raise if its beginning is not text."""
    if not beginning.strip(b"\xef\xbb\xbf\r\n\t "):
        raise ListingsFileError(path, "is empty", "Export it again, with a header line or one JSON object per line")
    if beginning.startswith(_UTF16_MARKS):
        raise ListingsFileError(path, "is UTF-16 text", "Save it as UTF-8 (in Excel: CSV UTF-8)")
    newline = "\n" if b"\n" in beginning or b"\r" not in beginning else "\r"
    first_line, sample = beginning.split(newline.encode(), 1)[0], beginning[:_SAMPLE]
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
    except OSError as error:
        raise ListingsFileError(path, f"cannot be read ({error.strerror or error})", "Check the path") from error
