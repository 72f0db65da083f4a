"""Cleans text: removes invisible characters and extra whitespace, and normalises to NFC. Pure."""

from __future__ import annotations

import html
import re
import unicodedata

_UNWANTED = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f"  # controls that are not whitespace
    "\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]"  # soft hyphen, zero width, direction
)
# U+200C and U+200D stay: Persian words and joined emoji need them.
_SURROGATE = re.compile("[\ud800-\udfff]")
_LINE_BREAK = re.compile("\r\n|[\r\n\x0b\x0c\x85\u2028\u2029]")
_BLANK_LINES = re.compile("\n{3,}")


_ENTITY = re.compile("&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")


def decode_entities(text: str) -> str:
    """Decode HTML entities such as `&amp;` and `&#163;`, also those that were encoded twice (`&amp;amp;`).

    An entity ends with a semicolon here: browsers also read `?a=1&copy=2` as `?a=1©=2`, which feeds never mean.
    """
    for _ in range(2):
        if "&" not in text:
            break
        text = _ENTITY.sub(lambda entity: html.unescape(entity.group()), text)
    return text


def clean_line(text: str) -> str:
    """Return `text` as one line in NFC, without control and invisible characters, with single spaces."""
    return " ".join(_visible(text).split())


def clean_paragraphs(text: str) -> str:
    """Return `text` with every line cleaned as by `clean_line`, LF line ends, and at most one blank line in a row."""
    lines = "\n".join(" ".join(line.split()) for line in _LINE_BREAK.split(_visible(text)))
    return _BLANK_LINES.sub("\n\n", lines).strip("\n")


def _visible(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    return unicodedata.normalize("NFC", _SURROGATE.sub("\ufffd", _UNWANTED.sub("", text)))


def word_list(text: str) -> tuple[str, ...]:
    """Return the words and phrases of a table in the code, which stand between `|` and line ends."""
    return tuple(filter(None, (word.strip() for word in text.replace("\n", "|").split("|"))))


TEXT_LIMIT = 500
"""Characters of rejected text that a reject keeps."""


def counted(count: int, noun: str) -> str:
    """Return `1 photo` or `2 photos`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def shorten(text: str) -> str:
    """Return at most `TEXT_LIMIT` characters, without NUL and lone surrogates, which databases refuse."""
    return cut(text[: TEXT_LIMIT + 1].replace("\0", "\ufffd").encode("utf-8", "replace").decode(), TEXT_LIMIT)


def cut(text: str, limit: int) -> str:
    """Return the text, or its first `limit` characters, the last of which is `…`."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"
