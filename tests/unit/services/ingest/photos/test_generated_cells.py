"""Generated cells: whatever form holds the URLs, they are read as they are, or not at all."""

from __future__ import annotations

import json
import re

from hypothesis import given
from hypothesis import strategies as st

from services.ingest.photos.cells import split_photos
from services.ingest.photos.urls import normal_url

PATHS = st.text("ab1/?=&,;'()[]{}%~ -_+", min_size=1, max_size=30)
URLS = PATHS.map(lambda path: "https://x.example/" + re.sub("([,;]) +", r"\1", path.strip()) + "z")
"""A separator before a blank always separates."""

FORMS = {
    "json": json.dumps,
    "json objects": lambda urls: json.dumps([{"alt": "Chair", "url": url} for url in urls]),
    "python": str,
    "lines": "\n".join,
    "bars": " | ".join,
    "commas": ",".join,
    "commas and blanks": ", ".join,
    "semicolons": ";".join,
    "escaped commas": lambda urls: ", ".join(url.replace(",", "\\,") for url in urls),
    "postgresql": lambda urls: "{" + ",".join(f'"{url}"' for url in urls) + "}",
}
SEPARATORS = {"bars": "|", "commas": ",", "commas and blanks": ",", "semicolons": ";", "escaped commas": ","}


@given(st.lists(URLS, min_size=1, max_size=4, unique=True), st.sampled_from(sorted(FORMS)))
def test_reads_the_urls_of_any_form(urls, form):
    read = split_photos(FORMS[form](urls), SEPARATORS.get(form, "|"))
    assert list(read.names) == urls


@given(st.lists(URLS, min_size=2, max_size=4, unique=True), st.sampled_from(["bars", "commas", "semicolons", "lines"]))
def test_reads_urls_between_other_separators_as_a_guess(urls, form):
    read = split_photos(FORMS[form](urls), "#")
    assert (list(read.names), read.is_guess) == (urls, True)


@given(st.text(max_size=200), st.sampled_from(["|", ",", ";", "", " ", "||"]))
def test_reads_any_text_without_an_error(cell, separator):
    names = split_photos(cell, separator).names
    assert all(names)
    assert all(normal_url(name) in (None, name) for name in names)
