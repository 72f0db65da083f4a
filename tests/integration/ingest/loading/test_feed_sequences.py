"""After any sequence of feeds, the stored photos are those of the last feed, and none was made twice."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.bench.inputs.random_photos import random_photo
from services.ingest.feeds.columns import ListingColumns
from tests.integration.ingest.loading.feeds import ShopFeed, row
from tests.worlds import resources_in

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMES = ("a", "b", "c", "d")
LISTINGS = ("1", "2", "3")
CONTENTS = [random_photo(seed, (16, 16)) for seed in range(4)]
NO_PHOTO = b"<html>"

FILES = st.fixed_dictionaries({name: st.sampled_from([*CONTENTS, CONTENTS[0], NO_PHOTO, None]) for name in NAMES})
"""What lies under each name today: a photo, no photo, or nothing."""

NAMED = st.dictionaries(
    st.sampled_from(LISTINGS), st.lists(st.sampled_from(NAMES), max_size=4), min_size=1, max_size=len(LISTINGS)
)
"""The photos that a feed names for each of its listings."""

FORMS = st.sampled_from(["one row", "row per photo", "table"])
FEEDS = st.lists(st.tuples(FILES, NAMED, FORMS), min_size=2, max_size=4)

Photos = dict[str, bytes]


@pytest.fixture(scope="module")
def feed() -> Iterator[ShopFeed]:
    with tempfile.TemporaryDirectory() as folder, resources_in(Path(folder) / "data") as resources:
        yield ShopFeed(Path(folder) / "feed", resources)


def write(feed: ShopFeed, files: dict[str, bytes | None]) -> None:
    for name, content in files.items():
        feed.photo(name, content or b"")
        if content is None:
            feed.lose(name)


def rows_of(named: dict[str, list[str]], form: str) -> list[list[str]]:
    if form == "row per photo":
        return [row(listing, name) for listing, names in named.items() for name in names or [""]]
    return [row(listing, "|".join(names)) for listing, names in named.items()]


def expected(before: Photos, names: list[str], files: dict[str, bytes | None]) -> Photos:
    """Return the photos of a listing after a feed that names these."""
    after: Photos = {}
    for name in names:
        content = files[name]
        if content in CONTENTS and content not in after.values():
            after[name] = content
    if all(files[name] is not None for name in names):
        return after
    obtained = {name for name in names if files[name] is not None}
    stays = {name: content for name, content in before.items() if content not in after.values()}
    return after | {name: content for name, content in stays.items() if name not in obtained}


@settings(deadline=None, max_examples=12)
@given(FEEDS)
def test_the_stored_photos_are_those_of_the_last_feed(feed: ShopFeed, feeds: list[tuple]) -> None:
    state: dict[str, Photos] = {}
    feed.load([row(listing) for listing in LISTINGS])  # no photos: every example begins anew
    for files, named, form in feeds:
        write(feed, files)
        form = form if any(named.values()) else "one row"  # a table without photos is refused
        table = [(name, listing) for listing, names in named.items() for name in names] if form == "table" else None
        columns = ListingColumns() if form == "table" else None
        loaded = feed.load(rows_of(named, form), table=table, columns=columns)
        made = 0
        for listing, names in named.items():
            before = state.get(listing, {})
            state[listing] = expected(before, names, files)
            made += len(set(state[listing].values()) - set(before.values()))
        assert {listing: feed.stored(listing) for listing in state} == {
            listing: feed.hashes(photos) for listing, photos in state.items()
        }
        new, replaced = loaded.photos("new", "replaced")
        assert new + replaced == made
