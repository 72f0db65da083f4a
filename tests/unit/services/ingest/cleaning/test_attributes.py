"""Cleaning free attributes and the address of a listing's page."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.cleaning.attributes import attribute_name, attribute_value, clean_attributes
from services.ingest.cleaning.links import clean_url
from services.ingest.cleaning.listings import CleanListing, check_records, clean_listing
from services.ingest.cleaning.repairs import Repair
from tests.unit.services.ingest.cleaning.examples import EXAMPLES, RAW


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Brand", "brand"),
        ("Frame Colour", "frame_colour"),
        ("g:custom_label_0", "g_custom_label_0"),
        ("Größe (cm)", "grosse_cm"),
        ("Størrelse", "storrelse"),
        ("é" * 40, "e" * 40),
        ("ᴬ", "a"),
        ("x" * 41, ""),
        ("Цвет 1", ""),
        ("--", ""),
    ],
)
def test_names_attributes_in_lower_snake_of_at_most_40_characters(text, name):
    assert attribute_name(text) == name


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("Acme &amp; Co", "Acme & Co"),
        (" as  new ", "as new"),
        ("42", 42.0),
        ("-1.50", -1.5),
        ("-0", 0.0),
        ("TRUE", True),
        ("false", False),
        (True, True),
        (7, 7.0),
        ("007", "007"),
        ("4006381333931000", "4006381333931000"),
        ("1e5", "1e5"),
        ("36,5", 36.5),
        ("0,25", 0.25),
        ("38,40", "38,40"),
        ("1,299", "1,299"),
        ("1.299", "1.299"),
        ("0.299", 0.299),
        ("1.2995", 1.2995),
        ("nan", "nan"),
        ("yes", "yes"),
        ("x" * 200, "x" * 200),
        ("x" * 201, None),
        (float("inf"), None),
    ],
)
def test_types_attributes_by_their_values(raw, value):
    clean = attribute_value(raw)
    assert (clean, type(clean)) == (value, type(value))


def test_leaves_out_and_flags_what_cannot_be_kept():
    raw = {"Size": "42", "size ": "43", "Цвет": "red", "note": "x" * 201, "empty": " ", "SIZE": "42"}
    clean, repairs = clean_attributes(raw)
    assert clean == {"size": 42.0}
    assert [(repair.flag, repair.field, repair.before) for repair in repairs] == [
        ("attribute_left_out", "size", "43"),
        ("attribute_left_out", "Цвет", "red"),
        ("attribute_left_out", "note", "x" * 201),
    ]


def test_keeps_at_most_50_attributes():
    clean, repairs = clean_attributes({f"a{number}": "x" for number in range(52)})
    assert list(clean) == [f"a{number}" for number in range(50)]
    assert [repair.field for repair in repairs] == ["a50", "a51"]


@EXAMPLES
@given(
    st.dictionaries(st.text(max_size=50), st.text(max_size=210) | st.floats() | st.booleans(), max_size=4), st.text()
)
def test_cleaned_attributes_and_addresses_pass_the_schema(attributes, url):
    cleaned = clean_listing(replace(RAW, attributes=attributes, url=url))
    assert isinstance(cleaned, CleanListing)
    assert check_records([cleaned.record]) == [cleaned.record]


@pytest.mark.parametrize(
    "url",
    ["https://shop.example/p/1", "http://shop.example:8080/ä?b=1&c=2#d", "HTTPS://shop.example/", "https://[::1]/", ""],
)
def test_keeps_addresses_of_pages(url):
    assert clean_url(f" {url} ") == url


def test_decodes_the_entities_of_an_address():
    assert clean_url("https://shop.example/?a=1&amp;b=2") == "https://shop.example/?a=1&b=2"


@pytest.mark.parametrize(
    "url",
    [
        "shop.example/p/1", "//shop.example/p", "ftp://shop.example/", "javascript:alert(1)", "https://", "https:///p",
        "https://shop.example/a b", "https://shop.example/\na", 'https://shop.example/"onclick=', "https://[::1/",
        "https://shop.example:99999/", "https://shop.example/" + "x" * 2048,
    ],
)  # fmt: skip
def test_leaves_out_and_flags_an_address_that_cannot_be_linked(url):
    cleaned = clean_listing(replace(RAW, url=url))
    assert isinstance(cleaned, CleanListing)
    assert cleaned.record.url == ""
    assert cleaned.repairs == (Repair("bad_listing_url", "url", url),)
