"""Reading the photo names and URLs of a cell."""

from __future__ import annotations

import pytest

from services.ingest.photos.cells import split_photos

A, B = "https://x.example/a", "https://x.example/b"


@pytest.mark.parametrize(
    ("cell", "photos"),
    [
        ("a.jpg|b.jpg", ("a.jpg", "b.jpg")),
        (" a.jpg | a.jpg ||", ("a.jpg",)),
        ('["a,b.jpg", "c.jpg"]', ("a,b.jpg", "c.jpg")),
        (f'["{A}", null]', (A,)),
        (f'[{{"url": "{A}"}}, {{"src": "{B}", "alt": "Chair"}}]', (A, B)),
        (f'{{"main": "{A}", "alt": "Chair"}}', (A,)),
        ("[1, 2]", ("1", "2")),
        ("https://example.org/a.jpg?x=1,2", ("https://example.org/a.jpg?x=1,2",)),
        (f"{A} | {B} |", (A, B)),
        ("[a].jpg", ("[a].jpg",)),
        ("red, blue.jpg", ("red, blue.jpg",)),
        ("", ()),
        ("|", ()),
        ("[]", ()),
    ],
)
def test_reads_the_forms_that_the_mapping_names(cell, photos):
    read = split_photos(cell, "|")
    assert (read.names, read.is_guess) == (photos, False)


@pytest.mark.parametrize(
    ("cell", "photos"),
    [
        (f"['{A}', '{B}']", (A, B)),
        (f"['{A}' '{B}']", (A, B)),
        (f"['{A}'\n '{B}']", (A, B)),
        ("['a.jpg', nan]", ("a.jpg",)),
        ("['my nan photo.jpg']", ("my nan photo.jpg",)),
        (f"[{A}, {B}]", (A, B)),
        (f"{{{A},{B}}}", (A, B)),
        ('{a.jpg,"b c.jpg",NULL}', ("a.jpg", "b c.jpg")),
        (f'<img src="{A}?w=1&amp;h=2"><p><IMG alt="" SRC={B}>', (f"{A}?w=1&h=2", B)),
        (f"{A},{B}", (A, B)),
        (f"{A}; {B};", (A, B)),
        (f"{A}\r\n{B}", (A, B)),
        (f"{A} {B}", (A, B)),
        ("//x.example/a,//x.example/b", (A, B)),
        (r"http:\/\/x.example\/a,http:\/\/x.example\/b", ("http://x.example/a", "http://x.example/b")),
        ("a.jpg,b.png", ("a.jpg", "b.png")),
        ("a.jpg\nb", ("a.jpg", "b")),
        ("N/A", ()),
        ("nan", ()),
        ("None", ()),
    ],
)
def test_reads_other_forms_as_a_guess(cell, photos):
    read = split_photos(cell, "|")
    assert (read.names, read.is_guess) == (photos, True)


@pytest.mark.parametrize(
    ("cell", "separator", "photos"),
    [
        (f"{A}?w=1,h=2,{B}", ",", (f"{A}?w=1,h=2", B)),
        (f"{A}/w_300,h_300/a.jpg, {B}.jpg", ",", (f"{A}/w_300,h_300/a.jpg", f"{B}.jpg")),
        (rf"{A}\,1.jpg, {B}.jpg", ",", (f"{A},1.jpg", f"{B}.jpg")),
        (f"{A}.jpg,back.jpg", ",", (f"{A}.jpg", "back.jpg")),
        (f"{A}?ids=4;5", ";", (f"{A}?ids=4;5",)),
        (f'"{A}";"{B}"', ";", (A, B)),
        (f"{A} b.jpg {B}", " ", (f"{A} b.jpg", B)),
        ("data:image/png;base64,iV//BO=,a.jpg,data:image/gif;base64,AA", ",",
         ("data:image/png;base64,iV//BO=", "a.jpg", "data:image/gif;base64,AA")),
        ("data:image/png;base64,iV+=;b.jpg", ";", ("data:image/png;base64,iV+=", "b.jpg")),
    ],
)  # fmt: skip
def test_splits_at_a_separator_only_where_another_photo_begins(cell, separator, photos):
    assert split_photos(cell, separator).names == photos


@pytest.mark.parametrize("cell", ["[" * 100_000, "{" * 100_000 + "}", "[" + "(" * 90_000 + "]", "['" + "\\x'", "{,}"])
def test_survives_hostile_cells(cell):
    split_photos(cell, "|")
