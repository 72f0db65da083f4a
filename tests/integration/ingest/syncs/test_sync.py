"""A sync: listings that the feed no longer has are removed or marked sold, unless that is more likely a fault."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from db.models import Job, JobState
from db.rows import jobs, listings
from db.rows.listings import ListingConditions
from services.errors import ForeignListings, RemovalRefused, SyncRunning
from services.ingest.loading import sync
from services.ingest.loading.inputs import IngestInputs, IngestOptions
from services.ingest.loading.sync import only_sync
from services.ingest.pipeline.ingest_job import create_ingest_job, run_ingest
from services.ingest.pipeline.job_progress import JobCancelled
from services.reason_codes import ListingFlag, RejectReason
from tests.databases import on_both
from tests.truth import LAMP
from tests.worlds import adds_up, ingest

if TYPE_CHECKING:
    from pathlib import Path

    from services.ingest.loading.ledger import IngestSummary
    from services.resources import Resources

HEADER = "id,product_name,category,product_description,price,location,seller\n"
SYNC = IngestOptions(sync=True, max_removed=1.0)


class Feed:
    """A feed of listings without photos; `sync` ingests the given rows."""

    def __init__(self, resources: Resources, folder: Path) -> None:
        self._resources, self._file = resources, folder / "feed.csv"

    def sync(self, *rows: str, options: IngestOptions = SYNC) -> IngestSummary:
        return ingest(self._resources, self.inputs(*rows, options=options)).summary

    def inputs(self, *rows: str, options: IngestOptions = SYNC) -> IngestInputs:
        self._file.write_text(HEADER + "".join(f"{row}\n" for row in rows))
        return IngestInputs(self._file, options=options)

    def ids(self, where: ListingConditions = ListingConditions()) -> list[str]:  # noqa: B008 - frozen
        with self._resources.database.read() as session:
            return listings.matching_ids(session, where)

    def last_job(self) -> Job:
        with self._resources.database.read() as session:
            (job,) = jobs.newest_jobs(session, limit=1)
            return job


@pytest.fixture
def feed(resources: Resources, tmp_path: Path) -> Feed:
    return Feed(resources, tmp_path)


def row(listing_id: str, *, price: str = "£1", seller: str = "") -> str:
    return f"{listing_id},Item {listing_id},Phones,As new,{price},Leeds,{seller}"


ABC = (row("a"), row("b"), row("c"))


@on_both
def test_listings_that_the_feed_no_longer_has_are_removed_and_reported(feed: Feed, resources: Resources) -> None:
    feed.sync(*ABC)
    summary = feed.sync(row("b"), row("d"))
    assert feed.ids() == ["b", "d"]
    assert (summary.counts["listings_removed"], summary.warnings) == (2, {ListingFlag.REMOVED: 2})
    assert adds_up(summary)
    with resources.database.read() as session:
        reported = [(one.record_id, one.before) for one in jobs.warnings_of(session, summary.job_id)]
    assert reported == [("a", "Item a"), ("c", "Item c")]


def test_without_sync_nothing_is_removed(feed: Feed) -> None:
    feed.sync(*ABC)
    feed.sync(row("b"), options=IngestOptions())
    assert feed.ids() == ["a", "b", "c"]


def test_large_removals_are_done_in_several_transactions(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listings, "LISTINGS_PER_WRITE", 2)
    feed.sync(*(row(f"x{n}") for n in range(7)), *ABC)
    assert feed.sync(*ABC).counts["listings_removed"] == 7
    assert feed.ids() == ["a", "b", "c"]


def test_a_removal_above_the_share_is_refused_before_anything_is_written(feed: Feed) -> None:
    feed.sync(*ABC)
    with pytest.raises(RemovalRefused, match=r"lacks 2 of 3 listings \(66.7%\): 'b', 'c'.*--max-removed\) to 66.7%"):
        feed.sync(row("a", price="£9"), row("new"), options=IngestOptions(sync=True))
    assert feed.ids() == ["a", "b", "c"]
    assert feed.ids(ListingConditions(price_min=LAMP.price)) == []
    assert (feed.last_job().state, "Nothing was written" in str(feed.last_job().error)) == (JobState.FAILED, True)


def test_the_share_that_a_refusal_names_is_enough(feed: Feed) -> None:
    feed.sync(*ABC)
    feed.sync(row("a"), options=IngestOptions(sync=True, max_removed=0.667))
    assert feed.ids() == ["a"]


@pytest.mark.parametrize("rows", [(), ("a,,Phones,,,,", "b,,Phones,,,,")])
def test_a_feed_without_acceptable_listings_never_empties_the_catalogue(feed: Feed, rows: tuple[str, ...]) -> None:
    feed.sync(*ABC)
    with pytest.raises(RemovalRefused, match="no acceptable listing"):
        feed.sync(*rows)
    assert feed.ids() == ["a", "b", "c"]


def test_an_empty_feed_of_an_empty_catalogue_is_fine(feed: Feed) -> None:
    assert feed.sync().counts["listings_removed"] == 0


def test_a_listing_whose_record_is_rejected_is_still_in_the_feed(feed: Feed) -> None:
    feed.sync(*ABC)
    summary = feed.sync(row("a"), row("b", price="a lot"))
    assert feed.ids() == ["a", "b"]
    assert summary.reasons == {RejectReason.UNREADABLE_PRICE: 1}


@pytest.mark.parametrize("broken", ['"c,Item c', ",Item c,Phones,,,,"])
def test_nothing_is_removed_if_the_id_of_a_record_cannot_be_known(feed: Feed, broken: str) -> None:
    feed.sync(*ABC)
    summary = feed.sync(row("a", price="£2"), broken)
    assert (feed.ids(), summary.counts["listings_kept"]) == (["a", "b", "c"], 2)
    assert summary.warnings == {ListingFlag.NOTHING_REMOVED: 1}
    assert feed.sync(row("a")).counts["listings_removed"] == 2


def test_missing_listings_can_be_marked_sold_and_come_back(feed: Feed) -> None:
    sold = IngestOptions(sync=True, max_removed=1.0, mark_sold=True)
    feed.sync(*ABC)
    assert feed.sync(row("a"), options=sold).counts["listings_sold"] == 2
    assert (feed.ids(), feed.ids(ListingConditions(sold=True))) == (["a", "b", "c"], ["b", "c"])
    again = feed.sync(row("a"), row("c"), options=sold)
    assert (again.counts["listings_sold"], again.counts["listings_updated"]) == (0, 1)
    assert feed.ids(ListingConditions(sold=True)) == ["b"]


def test_the_sync_of_a_sellers_feed_leaves_other_sellers_alone(feed: Feed) -> None:
    of_a = IngestOptions(sync=True, max_removed=1.0, seller="A")
    feed.sync(row("a1"), row("a2", seller="A"), options=of_a)
    feed.sync(row("b1"), options=IngestOptions(sync=True, seller="B"))
    assert feed.ids(ListingConditions(sellers=["A"])) == ["a1", "a2"]
    summary = feed.sync(row("a2"), row("b1", seller="B"), options=of_a)
    assert (feed.ids(), summary.reasons) == (["a2", "b1"], {RejectReason.OTHER_SELLER: 1})


def test_the_feed_of_a_seller_overwrites_no_listing_of_another(feed: Feed) -> None:
    feed.sync(row("b1", seller="B"), row("free"))
    with pytest.raises(ForeignListings, match="has the id of another seller's listing: 'b1'"):
        feed.sync(row("b1", price="£9"), row("free"), options=IngestOptions(seller="A"))
    assert feed.ids(ListingConditions(sellers=["B"], price_max=LAMP.price)) == ["b1"]
    feed.sync(row("free"), options=IngestOptions(seller="A"))
    assert feed.ids(ListingConditions(sellers=["A"])) == ["free"]


def test_two_syncs_of_the_same_listings_do_not_run_at_once(feed: Feed, resources: Resources) -> None:
    feed.sync(*ABC)
    with only_sync(resources.database, SYNC):
        with pytest.raises(SyncRunning):
            feed.sync(row("a"))
        feed.sync(row("z"), options=IngestOptions(sync=True, seller="Z"))
    assert feed.ids() == ["a", "b", "c", "z"]
    feed.sync(*ABC)
    assert feed.ids() == ["a", "b", "c"]


def test_a_sync_that_is_cancelled_before_its_removal_removes_nothing(feed: Feed, resources: Resources) -> None:
    feed.sync(*ABC)
    inputs = feed.inputs(row("a"), row("new"))
    job_id = create_ingest_job(resources, inputs)

    def cancel_when_removing(stage: str, _done: int, _total: int | None) -> None:
        if stage == "remove listings":
            with resources.database.write() as session:
                jobs.request_cancel(session, job_id)

    with pytest.raises(JobCancelled):
        run_ingest(resources, job_id, inputs, cancel_when_removing)
    assert feed.ids() == ["a", "b", "c", "new"]


def test_a_sync_that_was_killed_while_removing_does_the_rest_when_it_is_repeated(
    feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed.sync(*ABC, row("d"))
    monkeypatch.setattr(listings, "LISTINGS_PER_WRITE", 1)
    removed = iter([True])
    remove = sync._remove

    def remove_once(*arguments: object) -> int:
        if not next(removed, False):
            raise KeyboardInterrupt
        return remove(*arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(sync, "_remove", remove_once)
        with pytest.raises(KeyboardInterrupt):
            feed.sync(row("a"))
    assert feed.ids() == ["a", "c", "d"]
    assert feed.sync(row("a")).counts["listings_removed"] == 2
    assert feed.ids() == ["a"]
