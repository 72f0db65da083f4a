"""Cleaning lines and paragraphs."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from services.ingest.cleaning.text import clean_line, clean_paragraphs
from tests.unit.services.ingest.cleaning.examples import EXAMPLES


def test_removes_control_and_invisible_characters_and_extra_whitespace():
    assert clean_line("\ufeff a\0\u200b\tb\u00a0\u202ec\r\nd\x85e ") == "a b c d e"


def test_keeps_the_joiners_of_emoji():
    assert clean_line("👩\u200d🍳") == "👩\u200d🍳"


@EXAMPLES
@given(st.text())
def test_cleaned_text_is_nfc_and_storable_and_cleaning_is_idempotent(text):
    for clean in (clean_line, clean_paragraphs):
        once = clean(text)
        assert clean(once) == once
        assert unicodedata.is_normalized("NFC", once)
        assert "\0" not in once
        once.encode()
