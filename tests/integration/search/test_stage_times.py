"""Where the time of a search is booked: reading from the database is always the stage `rows`."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

import pytest

from services.errors import ModelUnusable, Overloaded
from services.search.rest.duplicates import find_duplicates
from services.search.service import SearchService
from services.search.stage_times import StageTimes
from services.signing import Purpose
from services.wire import Recommendation, SearchFields, StoredSearch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlmodel import Session

    from services.resources import Resources
    from services.search.results.paging import ResultPage

READ_MS = 100


class ReadClock:
    """A clock that stands still except while the database is read."""

    def __init__(self) -> None:
        self.reads = 0

    def perf_counter(self) -> float:
        return self.reads * READ_MS / 1000


@pytest.fixture
def clock(five_listings: Resources, monkeypatch: pytest.MonkeyPatch) -> ReadClock:
    """Each read of the database takes `READ_MS`, and everything else no time."""
    clock, read, this_thread = ReadClock(), five_listings.database.read, threading.get_ident()
    five_listings.signer.sign(Purpose.CURSOR, b"")  # reads the keys, which is done once a minute

    @contextmanager
    def timed_read() -> Iterator[Session]:
        with read() as session:
            clock.reads += threading.get_ident() == this_thread  # not the thread that refreshes the indexes
            yield session

    monkeypatch.setattr(five_listings.database, "read", timed_read)
    monkeypatch.setattr("services.search.stage_times.time", clock)
    # Loading a model reads its folder from the database; in a running service the model is loaded already.
    monkeypatch.setattr(five_listings, "embedder_for", _no_model)
    return clock


def _no_model(version: str) -> NoReturn:
    raise ModelUnusable(version, "not needed here")


SEARCHES: dict[str, tuple[Callable[[SearchService], ResultPage], int]] = {
    "by listing": (lambda service: service.by_listing("query", SearchFields()), 2),
    "by photo": (lambda service: service.by_stored_photo(1, SearchFields()), 2),
    "by listing, diversified": (lambda service: service.by_listing("query", SearchFields(diversity=0.5)), 3),
    "by listing, category aware": (
        lambda service: service.by_listing("query", SearchFields(category_aware=True, k=100)),
        3,
    ),
    "by listing, in a category": (
        lambda service: service.search(StoredSearch(listing_id="query", category=["Home & Garden"])),
        3,
    ),
    "recommendation": (
        lambda service: service.recommend(Recommendation(positive=["query"], negative=["near"], strategy="best_score")),
        4,
    ),
}
"""Each search with the number of times that it reads the database."""


@pytest.mark.parametrize(("search", "reads"), SEARCHES.values(), ids=SEARCHES)
def test_books_all_reading_from_the_database_as_rows(
    five_listings: Resources, clock: ReadClock, search: Callable[[SearchService], ResultPage], reads: int
) -> None:
    took_ms = search(SearchService(five_listings)).took_ms
    assert took_ms == {"embed": 0, "rows": reads * READ_MS, "search": 0, "rank": 0, "total": reads * READ_MS}


def test_books_the_reading_of_later_pages_as_rows(five_service: SearchService, clock: ReadClock) -> None:
    first = five_service.by_listing("query", SearchFields(k=1))
    assert first.cursor
    second = five_service.next_page(first.cursor, SearchFields(k=1))
    assert second.cursor
    third = five_service.next_page(second.cursor, SearchFields(k=1))
    searched_again = {"embed": 0, "search": 0, "rank": 0}
    assert second.took_ms == {**searched_again, "rows": 3 * READ_MS, "total": 3 * READ_MS}
    assert third.took_ms == {"rows": READ_MS, "total": READ_MS}


def test_the_stages_add_up_to_no_more_than_the_total(five_service: SearchService) -> None:
    took_ms = five_service.by_listing("query", SearchFields()).took_ms
    assert set(took_ms) == {"embed", "search", "rows", "rank", "total"}
    assert sum(ms for stage, ms in took_ms.items() if stage != "total") <= took_ms["total"] + 0.05


def test_no_stage_begins_after_the_deadline_not_even_an_inner_one(clock: ReadClock) -> None:
    times = StageTimes(deadline_s=1.5 * READ_MS / 1000)
    with times.stage("search"):
        clock.reads += 1
        with times.stage("rows"):
            clock.reads += 1
        with pytest.raises(Overloaded, match=r"took longer than 0\.15 s"), times.stage("rows"):
            pytest.fail("another query was begun")


def test_duplicates_end_at_the_deadline(five_listings: Resources, five_service: SearchService) -> None:
    with pytest.raises(Overloaded):
        find_duplicates(five_listings, five_service, "query", k=5, times=StageTimes(-1))
