"""Finding photos by name or id."""

from __future__ import annotations

import pytest

from services.errors import PhotoRejected
from services.ingest.photos.names import PhotoNames, safe_parts


def test_rejects_a_bare_name_that_occurs_in_several_folders():
    names = PhotoNames(["x/a.jpg", "y/a.png", "x/b.jpg"])
    with pytest.raises(PhotoRejected) as caught:
        names.find("a")
    assert caught.value.reason == "ambiguous_name"
    assert (names.find("x/a"), names.find("b")) == ("x/a.jpg", "x/b.jpg")


def test_prefers_a_photo_at_the_top_to_one_in_a_folder():
    assert PhotoNames(["x/a.jpg", "a.png"]).find("a") == "a.png"


def test_prefers_the_first_extension_among_several_formats():
    assert PhotoNames(["a.bmp", "a.png", "a.jpeg"]).find("a") == "a.jpeg"


def test_chooses_the_same_name_whatever_the_order_of_extension_cases():
    assert PhotoNames(["a.jpg", "a.JPG"]).find("a") == PhotoNames(["a.JPG", "a.jpg"]).find("a") == "a.JPG"


def test_accepts_an_id_with_a_dot():
    assert PhotoNames(["photo.1.jpg", "photo.jpg"]).find("photo.1") == "photo.1.jpg"


def test_matches_accents_composed_in_different_ways():
    assert PhotoNames(["cafe\u0301.jpg"]).find("caf\u00e9") == "cafe\u0301.jpg"


def test_splits_a_safe_name_into_its_parts():
    assert safe_parts("./a//b\\c..jpg") == ("a", "b", "c..jpg")
