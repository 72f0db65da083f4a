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
"""Characters of a text that count; the rest is left out. They take 15 ms."""

_PIECES = range(2, 6)
"""Lengths of the pieces of a word, in characters, with its borders."""

_LONGEST_WORD = 64
_WORD = re.compile(r"\w+")


def hashed_ngrams(text: str) -> NDArray[np.uint32]:
    """Return the distinct CRC-32 hashes of a text's n-grams, ascending: uint32 (n,); empty for a text without words."""
    return np.unique(np.fromiter(map(_hash, _ngrams(text)), np.uint32))


def has_words(text: str) -> bool:
    """Say whether a text has a letter, digit or ideograph."""
    return _WORD.search(text[:MAX_CHARACTERS]) is not None


def _ngrams(text: str) -> Iterator[str]:
    words = [word[:_LONGEST_WORD] for word in _WORD.findall(normalised(text))]
    yield from words
    for one, other in pairwise(words):
        yield f"{one} {other}"
    for word in words:
        bordered = f"<{word}>"
        for length in _PIECES:
            for start in range(len(bordered) - length + 1):
                yield bordered[start : start + length]


def normalised(text: str) -> str:
    """Return the first `MAX_CHARACTERS` in one form of each character, without case."""
    return unicodedata.normalize("NFKC", text[:MAX_CHARACTERS]).casefold()[:MAX_CHARACTERS]


def _hash(ngram: str) -> int:
    return zlib.crc32(ngram.encode("utf-8", "surrogatepass"))
