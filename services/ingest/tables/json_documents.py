"""Streams the objects of one JSON document: a list of objects, or an object that has one such list."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from services.errors import ListingsFileError
from services.ingest.tables.text_files import RECORD_LIMIT, read_blocks

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class NumberText(str):
    """A number, as it is written."""

    __slots__ = ()


DECODER = json.JSONDecoder(parse_float=NumberText, parse_int=NumberText, parse_constant=lambda _name: None)
"""Numbers stay as they are written; NaN and Infinity, which are not JSON, are null."""

_BLANKS = " \t\r\n"


def read_elements(path: Path, encoding: str) -> Iterator[tuple[object, str]]:
    """Yield each element of the list, and its text.

    Raises:
        ListingsFileError: the document is damaged or has no list of objects, or several; perhaps after some elements.
    """
    text = _Text(path, encoding)
    if text.peek() == "[":
        yield from _elements(text)
    else:
        yield from _elements_of_only_list(text)
    if text.peek():
        raise text.damaged("there is text after its end")


def is_list(path: Path, encoding: str) -> bool:
    """Say whether the file begins with a list."""
    return _Text(path, encoding).peek() == "["


def is_json_lines(path: Path, encoding: str) -> bool:
    """Say whether the file holds several objects one after the other."""
    text = _Text(path, encoding)
    if text.peek() != "{":
        return False
    try:
        text.value()
    except ListingsFileError:  # longer than a record
        return False
    return text.peek() == "{"


class _Text:
    """The text of a document, of which only the value that is read now is in memory."""

    def __init__(self, path: Path, encoding: str) -> None:
        self._path, self._blocks = path, read_blocks(path, encoding)
        self._held, self._at, self._line = "", 0, 1

    def peek(self) -> str:
        """Return the next character that is not blank; empty at the end of the file."""
        while True:
            while self._at < len(self._held) and self._held[self._at] in _BLANKS:
                self._at += 1
            if self._at < len(self._held):
                return self._held[self._at]
            if not self._read_more():
                return ""

    def take(self, expected: str) -> str:
        """Consume one of the expected characters."""
        found = self.peek()
        if not found or found not in expected:
            raise self.damaged(f"{' or '.join(expected)} is missing" if found else "it ends too early")
        self._at += 1
        return found

    def value(self) -> tuple[object, str]:
        """Consume a value; return it and its text."""
        self.peek()
        while True:
            try:
                value, end = DECODER.raw_decode(self._held, self._at)
            except (ValueError, RecursionError) as error:
                problem = error.msg if isinstance(error, json.JSONDecodeError) else "it is nested too deeply"
                end = len(self._held)
            else:
                problem = ""
            if not problem and end < len(self._held):
                text, self._at = self._held[self._at : end], end
                return value, text
            if len(self._held) - self._at > RECORD_LIMIT:
                raise self.damaged(problem or f"a value is longer than {RECORD_LIMIT:,} characters")
            if not self._read_more():
                if problem:
                    raise self.damaged(problem)
                self._held += " "  # the value ends with the file

    def damaged(self, problem: str) -> ListingsFileError:
        line = self._line + self._held.count("\n", 0, self._at)
        remedy = "Export it again, as a list of objects or with one JSON object on each line"
        return ListingsFileError(self._path, f"is not valid JSON near line {line}: {problem}", remedy)

    def _read_more(self) -> bool:
        """Read on, and forget what was consumed; return False at the end of the file."""
        block = next(self._blocks, "")
        self._line += self._held.count("\n", 0, self._at)
        self._held, self._at = self._held[self._at :] + block, 0
        return bool(block)


def _elements(text: _Text) -> Iterator[tuple[object, str]]:
    text.take("[")
    if text.peek() == "]":
        text.take("]")
        return
    while True:
        yield text.value()
        if text.take(",]") == "]":
            return


def _elements_of_only_list(text: _Text) -> Iterator[tuple[object, str]]:
    found = ""
    text.take("{")
    ended = text.peek() == "}" and text.take("}") == "}"
    while not ended:
        name = str(text.value()[0])
        text.take(":")
        if text.peek() == "[":
            for number, element in enumerate(_elements(text)):
                if isinstance(element[0], dict) and number == 0:
                    if found:
                        raise text.damaged(f"it has several lists of objects, {found!r} and {name!r}")
                    found = name
                if found == name:
                    yield element
        else:
            text.value()
        ended = text.take(",}") == "}"
    if not found:
        raise text.damaged("it has no list of objects")
