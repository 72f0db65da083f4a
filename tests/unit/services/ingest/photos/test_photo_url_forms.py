"""The forms of photo URLs, and the ids under which photos with long URLs are stored."""

from __future__ import annotations

import pytest

from services.ingest.photos.urls import (
    is_too_long,
    looks_like_url,
    normal_url,
    other_scheme,
    shown_name,
    stored_id,
    stored_source,
)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://x.example/a.jpg", "http://x.example/a.jpg"),
        ("HTTPS://X.example/A.JPG", "https://X.example/A.JPG"),
        ("//x.example/a.jpg", "https://x.example/a.jpg"),
        ("//127.0.0.1:8090/a.jpg", "https://127.0.0.1:8090/a.jpg"),
        (r"http:\/\/x.example\/a.jpg", "http://x.example/a.jpg"),
        ("http://x.example/a?w=1&amp;h=2&#38;q=3", "http://x.example/a?w=1&h=2&q=3"),
        ("http://x.example/a?copy=1&copy=2", "http://x.example/a?copy=1&copy=2"),
        (" http://x.example/my photo-grün.jpg\n", "http://x.example/my photo-grün.jpg"),
        ("data:image/png;base64,AAAA", "data:image/png;base64,AAAA"),
        ("a.jpg", None),
        ("//a.jpg", None),
        ("ftp://x.example/a.jpg", None),
    ],
)
def test_reads_the_usual_forms_of_a_url(text, url):
    assert normal_url(text) == url


@pytest.mark.parametrize(
    ("name", "scheme"),
    [("ftp://h/a.jpg", "ftp"), ("S3://bucket/a.jpg", "s3"), ("file:///a.jpg", "file"), ("blob:https://h/1", "blob"),
     ("http://h/a", None), ("C:\\a.jpg", None), ("a:b.jpg", None)],
)  # fmt: skip
def test_names_a_scheme_that_cannot_be_fetched(name, scheme):
    assert other_scheme(name) == scheme


@pytest.mark.parametrize(
    ("name", "expected"),
    [("127.0.0.1:8090/p1.jpg", True), ("cdn.example.com/a.jpg", True), ("www.shop.example/a", True), ("a.jpg", False),
     ("photos/a.jpg", False), ("localhost:80/a.jpg", True), ("2024.01/a.jpg", False)],
)  # fmt: skip
def test_recognises_a_url_without_a_scheme(name, expected):
    assert looks_like_url(name) is expected


@pytest.mark.parametrize("name", ["https://x.example/a?s=" + "é" * 2000, "😀" * 500, "x" * 501, "x" * 501 + "\ud800"])
def test_stores_a_long_name_under_a_short_stable_id(name):
    short = stored_id(name)
    assert stored_id(name) == short != stored_id(name + "x")
    assert len(short) <= 500
    assert len(short.encode()) <= 1800
    assert short.startswith(name[:400])


def test_shows_the_whole_name_of_a_photo_with_a_short_id():
    name = "https://x.example/a?s=" + "a" * 700
    assert shown_name(stored_id(name), name) == name
    assert shown_name("p-1", "https://x.example/a") == "p-1"


def test_does_not_keep_the_photo_of_a_data_url_in_its_source():
    assert len(stored_source("data:image/png;base64," + "A" * 100_000)) <= 500


def test_limits_urls_to_2048_characters_and_other_names_to_500():
    start = "https://x.example/"
    assert not is_too_long(start + "a" * (2048 - len(start)))
    assert is_too_long(start + "a" * 2048)
    assert is_too_long("a" * 501)
    assert not is_too_long("data:image/png;base64," + "A" * 9000)
