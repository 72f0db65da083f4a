"""Turns texts into hashed n-grams: words and their pairs, and the characters of each word.

Pieces of words find related forms, compounds and misspellings in any language that separates words. In others, a run of
characters counts as one word, whose pieces still work.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

MAX_CHARACTERS = 10_000
"""Characters of a text that count; the rest is left out. In Latin letters they take 15 ms."""

_PIECES = range(2, 6)
"""Lengths of the pieces of a word, in characters, with its borders."""

_LONGEST_WORD = 64
"""A longer run of letters, as in languages that do not separate words, counts as several words."""

_WORD = re.compile(rf"[^\W_]{{1,{_LONGEST_WORD}}}")


def hashed_ngrams(text: str) -> NDArray[np.uint32]:
    """Return the distinct CRC-32 hashes of a text's n-grams, ascending: uint32 (n,); empty for a text without words."""
    return np.unique(np.fromiter(map(_hash, _ngrams(text)), np.uint32))


def _ngrams(text: str) -> Iterator[str]:
    words = _WORD.findall(_normalised(text))
    yield from words
    for one, other in pairwise(words):
        yield f"{one} {other}"
    for word in words:
        bordered = f"<{word}>"
        for length in _PIECES:
            for start in range(len(bordered) - length + 1):
                yield bordered[start : start + length]


def _normalised(text: str) -> str:
    """Return the first `MAX_CHARACTERS` in one form of each character, without case and marks such as accents."""
    start = text[:MAX_CHARACTERS].casefold()
    if start.isascii():
        return start
    parts = unicodedata.normalize("NFKD", start)[:MAX_CHARACTERS]
    return "".join(character for character in parts if not unicodedata.category(character).startswith("M"))


def _hash(ngram: str) -> int:
    return zlib.crc32(ngram.encode("utf-8", "surrogatepass"))
