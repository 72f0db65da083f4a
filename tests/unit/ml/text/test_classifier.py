"""Categories from words."""

from __future__ import annotations

import sys
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.text.classifier import TextClassifier, Words
from ml.text.features import _WORD, MAX_CHARACTERS, _normalised, hashed_ngrams
from ml.text.fitting import fit_text_classifier

if TYPE_CHECKING:
    from collections.abc import Callable

LAMPS, PHONES = 0, 1
LISTINGS = [
    *((Words(f"{colour} table lamp", "Brass, hardly used"), LAMPS) for colour in ("Red", "Green", "Blue", "White")),
    *((Words(f"{maker} smartphone", "With charger, unlocked"), PHONES) for maker in ("Acme", "Bolt", "Nova", "Zeta")),
]


@pytest.fixture(scope="module")
def classifier() -> TextClassifier:
    words, categories = zip(*LISTINGS, strict=True)
    fitted = fit_text_classifier(words, np.array(categories), count=3)
    assert fitted is not None
    return fitted


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Yellow lamp", LAMPS),
        ("LAMPS", LAMPS),  # another form of the word
        ("lammp brass", LAMPS),  # misspelt
        ("ｓｍａｒｔｐｈｏｎｅ", PHONES),  # full width
        ("Comes with a charger", PHONES),
        ("Lämp", LAMPS),  # accents do not count
    ],
)
def test_words_their_forms_and_misspellings_tell_the_category(
    classifier: TextClassifier, text: str, expected: int
) -> None:
    assert classifier.log_probabilities([text]).argmax() == expected


def test_a_text_without_known_words_gets_the_frequencies_of_the_categories(classifier: TextClassifier) -> None:
    unknown, empty = np.exp(classifier.log_probabilities(["0", ""]))
    assert unknown.sum() == pytest.approx(1)
    assert unknown == pytest.approx(empty)
    assert empty[LAMPS] == pytest.approx(empty[PHONES], abs=0.01)
    assert empty[2] < empty[LAMPS]


def test_equal_listings_give_equal_classifiers(classifier: TextClassifier) -> None:
    words, categories = zip(*LISTINGS, strict=True)
    again = fit_text_classifier(words, np.array(categories), count=3)
    assert again is not None
    for name, array in classifier.arrays.items():
        assert np.array_equal(array, again.arrays[name]), name


@pytest.mark.parametrize("words", [[], [Words("one")], [Words("one"), Words("two")]])
def test_listings_without_common_words_give_no_classifier(words: list[Words]) -> None:
    assert fit_text_classifier(words, np.zeros(len(words), np.int64), count=2) is None


@settings(deadline=None, max_examples=50)
@given(st.text(max_size=300))
def test_any_text_has_probabilities(classifier: TextClassifier, text: str) -> None:
    probabilities = np.exp(classifier.log_probabilities([text]))
    assert probabilities.sum() == pytest.approx(1)


@pytest.mark.parametrize(
    ("text", "words"), [("İstanbul", 1), ("नमस्ते दुनिया", 2), ("שָׁלוֹם", 1), ("e\u0301te\u0301", 1), ("_-_", 0), ("℡", 1)]
)
def test_marks_do_not_part_words(text: str, words: int) -> None:
    assert len(_WORD.findall(_normalised(text))) == words


def test_a_text_in_a_language_without_spaces_counts_to_its_end() -> None:
    assert zlib.crc32("灯".encode()) not in hashed_ngrams("漢" * 200)
    assert len(np.intersect1d(hashed_ngrams("漢" * 200 + "台灯"), hashed_ngrams("台灯"))) > 2


def test_only_the_most_frequent_ngrams_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ml.text.fitting.MAX_NGRAMS", 30)
    words, categories = zip(*LISTINGS, strict=True)
    few = fit_text_classifier(words, np.array(categories), count=3)
    assert few is not None
    assert few.weights.shape == (30, 3)
    assert few.knows("lamp")
    assert not few.knows("zzz")


def test_a_long_title_leaves_room_for_the_description() -> None:
    assert zlib.crc32(b"brass") in hashed_ngrams(Words("lamp " * 3000, "brass").text)


@pytest.mark.parametrize("text", ["a" * 100_000, "ab " * 50_000, "\ud800\0" * 9, "\ufdfa" * 20_000])
def test_what_counts_of_a_hostile_text_is_bounded(text: str) -> None:
    assert len(hashed_ngrams(text)) <= 6 * MAX_CHARACTERS


def test_hashes_do_not_depend_on_the_process_or_the_byte_order() -> None:
    assert sys.byteorder in ("little", "big")
    assert zlib.crc32(b"lamp") in hashed_ngrams("Lamp")


@pytest.mark.parametrize(
    ("name", "changed", "message"),
    [
        ("weights", lambda _: np.zeros((1, 3), np.float16), "the weights are float16 of shape"),
        ("biases", lambda _: np.array([0, 0, np.nan], np.float32), "the biases must be finite"),
        ("rarities", lambda _: np.zeros(0, np.float16), "the rarities are"),
        ("rarities", lambda array: -array, "the rarities must be above 0"),
        ("hashes", lambda array: array[::-1], "the hashes must ascend"),
    ],
)
def test_damaged_arrays_are_refused(
    classifier: TextClassifier, name: str, changed: Callable[[Any], Any], message: str
) -> None:
    arrays = classifier.arrays
    with pytest.raises(ValueError, match=message):
        TextClassifier.of(arrays | {name: changed(arrays[name])}, categories=3)
