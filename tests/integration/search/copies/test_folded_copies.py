"""Listings that reviews call the same item are one result: what folding shows is what folding a whole ranking gives."""

from __future__ import annotations

import os
import random
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain
from typing import TYPE_CHECKING
from unittest.mock import Mock

import numpy as np
import pytest
from litestar.testing import TestClient
from sqlalchemy import update
from sqlmodel import col, select

from db.models import Listing
from db.rows import duplicates, embeddings, listings
from db.rows.copy_groups import MAX_GROUP
from db.rows.payloads import payload_of
from services.search.app import create_app
from services.search.query.parsing import query_of
from services.search.service import SearchService
from services.settings import Engine
from services.wire import Recommendation, SearchFields
from tests.angles import add_all, angle, listing, world
from tests.integration.search.result_pages import listing_ids
from tests.truth import MODEL, unit_vector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from db.vectors.base import Point, Vector
    from services.resources import Resources
    from services.search.results.paging import ResultPage

WORLDS = int(os.environ.get("LOOKALIKE_TEST_WALKS", "12"))
ENGINES = (Engine.FAISS, Engine.QDRANT, Engine.AUTO)
NAMES = [f"n{number:02}" for number in range(50)]

Shown = list[tuple[str, list[str]]]
"""Results in order: the listing, and those that it is also offered by."""


@pytest.fixture(scope="module")
def fifty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Resources]:
    """Fifty listings in all directions, some with several photos, of seven sellers; one in five is sold."""
    with world(tmp_path_factory.mktemp("fifty") / "data") as opened:
        add_all(
            opened,
            [
                (
                    listing(name, seller=f"s{number % 7}", price=Decimal(number + 1), sold=number % 5 == 0),
                    [unit_vector(100 * number + photo) for photo in range(1 + number % 3)],
                )
                for number, name in enumerate(NAMES)
            ],
        )
        opened.live.refresh()
        yield opened


@pytest.fixture
def service(fifty: Resources) -> SearchService:
    return SearchService(fifty)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Resources]:
    with six_listings(tmp_path) as opened:
        yield opened


@pytest.fixture(scope="module")
def unchanged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Resources]:
    with six_listings(tmp_path_factory.mktemp("six")) as opened:
        yield opened


@contextmanager
def six_listings(folder: Path) -> Iterator[Resources]:
    """Six listings, 1 to 6 degrees from the query listing, of which b, d and e are one item."""
    with world(folder / "data") as opened:
        add_all(opened, [(listing("query"), [angle(0)])])
        add_all(opened, [(listing(name, seller=name), [angle(1 + at)]) for at, name in enumerate("abcdef")])
        opened.live.refresh()
        decide(opened, "b", "d", "accept")
        decide(opened, "d", "e", "accept")
        yield opened


def decide(resources: Resources, one: str, other: str, decision: str | None) -> None:
    with resources.database.write() as session:
        duplicates.decide(session, (one, other), decision, key_id=None)  # type: ignore[arg-type]


def group(resources: Resources, groups: list[list[str]]) -> None:
    """Make these the only groups."""
    with resources.database.write() as session:
        session.execute(update(Listing).values(copy_group=None))
        for names in groups:
            session.execute(update(Listing).where(col(Listing.id).in_(names)).values(copy_group=min(names)))


def shown_on(page: ResultPage) -> Shown:
    return [(one.photo.listing.id, [copy.photo.listing.id for copy in one.also_offered_by]) for one in page.results]


def walk(service: SearchService, page: ResultPage, k: int, between: Callable[[], None] = lambda: None) -> Shown:
    """Return the results of all pages; each but the last is full."""
    shown = shown_on(page)
    while page.cursor:
        assert len(page.results) == k
        between()
        page = service.next_page(page.cursor, SearchFields(k=k))
        shown += shown_on(page)
    return shown


@dataclass
class Ranking:
    """Every listing with its best photo's cosine, compared with everything."""

    rows: dict[str, Listing]
    points: list[Point]

    @classmethod
    def of(cls, resources: Resources) -> Ranking:
        with resources.database.read() as session:
            rows = {row.id: row for row in session.exec(select(Listing)).all()}
            (points,) = embeddings.all_points(session, model_version=MODEL)
        return cls(rows, points)

    def vectors_of(self, name: str) -> list[Vector]:
        return [point.vector for point in self.points if point.payload.listing_id == name]

    def not_results(self, sources: list[str], fields: SearchFields) -> set[str]:
        """Return the sources, and the listings that are one item with them, unless copies are results."""
        groups = {self.rows[name].copy_group for name in sources} - {None} if fields.fold_copies else set()
        return {*sources, *(name for name, row in self.rows.items() if row.copy_group in groups)}

    def folded(self, queries: list[Vector], fields: SearchFields, *, without: set[str]) -> Shown:
        """Rank every listing that may be shown, then show those of a group at the place of the first."""
        where, best = query_of(fields).where, dict[str, float]()
        for point in self.points:
            name = point.payload.listing_id
            if name not in without and where.matches(payload_of(self.rows[name])):
                best[name] = max(best.get(name, -1.0), *(float(point.vector @ query) for query in queries))
        lowest = fields.min_score or -1.0
        ranked = sorted((name for name in best if best[name] >= lowest), key=lambda name: -best[name])
        shown: dict[str, list[str]] = {}
        for name in ranked:
            key = (self.rows[name].copy_group if fields.fold_copies else None) or f"only {name}"
            shown.setdefault(key, []).append(name)
        return [(first, others) for first, *others in shown.values()]


def random_groups(rng: random.Random) -> list[list[str]]:
    names, groups = rng.sample(NAMES, rng.randrange(2, len(NAMES))), []
    while len(names) > 1:
        size = min(len(names), rng.choice([2, 2, 3, 5, 20]))
        groups.append([names.pop() for _ in range(size)])
    return [group for group in groups if len(group) > 1]


def random_fields(rng: random.Random) -> SearchFields:
    return SearchFields(
        k=rng.choice([1, 2, 5, 9, 100]),
        engine=rng.choice(ENGINES),
        price_max=rng.choice([None, None, 30]),
        seller=rng.choice([[], [], ["s1", "s2", "s3"]]),
        sold=rng.choice([None, None, False]),
        exclude_listing=rng.sample(NAMES, rng.choice([0, 0, 10])),
        min_score=rng.choice([None, None, 0.2]),
        fold_copies=rng.random() < 0.9,
    )


@pytest.mark.parametrize("seed", range(WORLDS))
def test_folded_pages_equal_folding_a_whole_ranking(fifty: Resources, service: SearchService, seed: int) -> None:
    rng = random.Random(seed)
    group(fifty, random_groups(rng))
    ranking, fields, name = Ranking.of(fifty), random_fields(rng), rng.choice(NAMES)
    liked = rng.sample(NAMES, 2)
    queries = ranking.vectors_of(name)
    by_listing = service.by_listing(name, fields)
    without = ranking.not_results([name], fields)
    assert walk(service, by_listing, fields.k) == ranking.folded(queries, fields, without=without)
    assert by_listing.query_token
    by_token = service.by_token(by_listing.query_token, fields)
    assert walk(service, by_token, fields.k) == ranking.folded(queries, fields, without=without)
    recommended = service.recommend(Recommendation(positive=liked, strategy="best_score", **options(fields)))
    queries = list(chain.from_iterable(map(ranking.vectors_of, liked)))
    without = ranking.not_results(liked, fields)
    assert walk(service, recommended, fields.k) == ranking.folded(queries, fields, without=without)


def options(fields: SearchFields) -> dict[str, object]:
    names = ("k", "engine", "price_max", "seller", "sold", "exclude_listing", "min_score", "fold_copies")
    return {name: getattr(fields, name) for name in names}


@pytest.mark.parametrize("seed", range(WORLDS // 2))
def test_walks_show_every_listing_once_while_decisions_change(
    fifty: Resources, service: SearchService, seed: int
) -> None:
    rng = random.Random(seed)
    group(fifty, random_groups(rng))
    k, without = rng.choice([1, 3, 7]), Ranking.of(fifty).not_results(["n00"], SearchFields())
    page = service.by_listing("n00", SearchFields(k=k))
    shown = walk(service, page, k, between=lambda: group(fifty, random_groups(rng)))
    assert sorted(chain.from_iterable((first, *others) for first, others in shown)) == sorted({*NAMES} - without)


@pytest.mark.parametrize(
    "fields", [{"price_weight": 0.5}, {"diversity": 0.5}, {"sort": "price"}, {"category_aware": True}], ids=str
)
def test_reordered_results_are_folded_too(fifty: Resources, service: SearchService, fields: dict[str, object]) -> None:
    group(fifty, random_groups(random.Random(3)))
    page = service.by_listing("n00", SearchFields(k=6, **fields))  # type: ignore[arg-type]
    ranking = Ranking.of(fifty)
    without = ranking.not_results(["n00"], SearchFields())
    expected = ranking.folded(ranking.vectors_of("n00"), SearchFields(), without=without)
    assert sorted(walk(service, page, 6)) == sorted(expected)


def test_the_best_of_a_group_is_the_result_and_the_others_are_offered_beside_it(unchanged: Resources) -> None:
    page = SearchService(unchanged).by_listing("query", SearchFields(k=3))
    assert shown_on(page) == [("a", []), ("b", ["d", "e"]), ("c", [])]
    similarities = [copy.similarity for copy in page.results[1].also_offered_by]
    assert similarities == pytest.approx(np.cos(np.radians([4, 5])), abs=1e-3)


def test_copies_of_the_source_and_of_what_is_liked_or_disliked_are_no_results(unchanged: Resources) -> None:
    service = SearchService(unchanged)
    by_listing = service.by_listing("d", SearchFields(k=9))
    assert by_listing.query_token
    liked = service.recommend(Recommendation(positive=["d"], k=9))
    with_query = service.recommend(Recommendation(query_token=by_listing.query_token, negative=["query"], k=9))
    assert sorted(listing_ids(by_listing)) == ["a", "c", "f", "query"]
    assert (sorted(listing_ids(liked)), sorted(listing_ids(with_query))) == (["a", "c", "f", "query"], ["a", "c", "f"])
    assert "b" in listing_ids(service.by_listing("d", SearchFields(k=9, fold_copies=False)))


def test_undoing_a_decision_unfolds_at_once(small: Resources) -> None:
    service = SearchService(small)
    decide(small, "d", "e", None)
    assert shown_on(service.by_listing("query", SearchFields())) == [
        ("a", []),
        ("b", ["d"]),
        ("c", []),
        ("e", []),
        ("f", []),
    ]


def test_a_copy_that_the_filter_refuses_is_not_offered(unchanged: Resources) -> None:
    service = SearchService(unchanged)
    page = service.by_listing("query", SearchFields(exclude_seller=["b", "e"]))
    assert shown_on(page) == [("a", []), ("c", []), ("d", []), ("f", [])]


def test_copies_cost_one_read_of_the_database_and_none_where_no_result_has_any(
    unchanged: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = Mock(side_effect=unchanged.database.read)
    monkeypatch.setattr(unchanged.database, "read", read)
    service, reads = SearchService(unchanged), []
    for fields in (SearchFields(k=3), SearchFields(k=3, fold_copies=False), SearchFields(k=1)):
        read.reset_mock()
        service.by_listing("query", fields)
        reads.append(read.call_count)
    assert (reads[0] - reads[1], reads[2] - reads[1]) == (1, 0)


def test_one_item_of_many_copies_leaves_room_for_the_next_result(tmp_path: Path) -> None:
    names = [f"n{number:03}" for number in range(MAX_GROUP + 1)]
    with world(tmp_path / "data") as opened:
        query = (listing("query"), [angle(0)])
        add_all(opened, [query, *((listing(name), [angle(at / 4)]) for at, name in enumerate(names, start=1))])
        opened.live.refresh()
        group(opened, [names[:MAX_GROUP]])
        page = SearchService(opened).by_listing("query", SearchFields(k=2))
    assert [(name, len(others)) for name, others in shown_on(page)] == [(names[0], MAX_GROUP - 1), (names[-1], 0)]


def test_each_listing_is_a_result_without_folding(unchanged: Resources) -> None:
    page = SearchService(unchanged).by_listing("query", SearchFields(fold_copies=False))
    assert shown_on(page) == [(name, []) for name in "abcdef"]


def test_the_copies_of_a_deleted_listing_stay_one_result_on_later_pages(small: Resources) -> None:
    service = SearchService(small)
    first = service.by_listing("query", SearchFields(k=1))
    assert first.cursor
    rest = service.next_page(first.cursor, SearchFields(k=1))
    assert (shown_on(rest), bool(rest.cursor)) == ([("b", ["d", "e"])], True)
    decide(small, "b", "d", None)
    decide(small, "a", "d", "accept")
    first = service.by_listing("query", SearchFields(k=1, exclude_listing=["a"]))
    assert first.cursor
    second = service.next_page(first.cursor, SearchFields(k=1))
    assert (listing_ids(first), listing_ids(second)) == (["b"], ["c"])
    with small.database.write() as session:
        listings.delete_listing(session, "d")
    assert second.cursor
    assert shown_on(service.next_page(second.cursor, SearchFields(k=5))) == [("e", []), ("f", [])]


def test_facets_count_listings_that_are_folded(unchanged: Resources) -> None:
    page = SearchService(unchanged).by_listing("query", SearchFields(k=3, facets=["category"]))
    assert page.facets["category"].listings == 6


def test_the_answer_describes_the_copies(unchanged: Resources) -> None:
    with TestClient(create_app(unchanged), raise_server_exceptions=False) as client:
        second = client.get("/v1/listings/query/similar", params={"k": 2}).json()["results"][1]
        unfolded = client.get("/v1/listings/query/similar", params={"k": 2, "fold_copies": "false"}).json()
    first, _ = second["also_offered_by"]
    assert first.pop("thumbnail_url").startswith(f"/v1/photos/{first.pop('photo_id')}/thumbnail?v=")
    assert first == {
        "listing_id": "d",
        "title": "Brass lamp",
        "price": 12.5,
        "currency": "GBP",
        "location": "Delph, Manchester",
        "similarity": pytest.approx(np.cos(np.radians(4)), abs=1e-3),
        "seller": "d",
    }
    assert "also_offered_by" not in unfolded["results"][1]
