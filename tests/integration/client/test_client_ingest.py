"""The ingest calls of the sync and the async client, against a real server."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from db.models import ENDED, JobState
from services.client import Client, NotFound, Rejected
from services.wire import BulkOptions, JobAnswer, ListingChange, NewListing, WholeListing
from tests.worlds import marketplace

if TYPE_CHECKING:
    from tests.clients import Connect
    from tests.conftest import MakeJpeg


def test_adds_changes_replaces_and_deletes_a_listing(
    connect: Connect, changing_url: str, tmp_path: Path, jpeg: MakeJpeg
) -> None:
    file = tmp_path / "front.jpg"
    file.write_bytes(jpeg(1))
    client = connect(changing_url)
    new = NewListing(listing_id="lämp 1", title="Lamp", category="Home & Garden / Lamps", price="£12.50")
    added = client.add_listing(new, photos=[file, jpeg(2)])
    assert (added.outcome, len(added.photos)) == ("created", 2)
    with pytest.raises(Rejected) as raised:
        client.add_listing(new)
    assert raised.value.status == 409
    client.change_listing("lämp 1", ListingChange(title="Brass lamp", price=None))
    listing = client.listing("lämp 1")
    assert (listing.title, listing.price, len(listing.photos)) == ("Brass lamp", None, 2)
    client.change_listing("lämp 1", ListingChange(price=9.5), photos=[jpeg(3)])
    listing = client.listing("lämp 1")
    assert (listing.price, len(listing.photos)) == (9.5, 1)
    whole = WholeListing(title="Lamp", category="Phones")
    assert client.replace_listing("lämp 1", whole).outcome == "updated"
    assert client.listing("lämp 1").photos == []
    with pytest.raises(Rejected) as raised:
        client.replace_listing("lämp 1", WholeListing(title="", category="Phones"))
    assert (raised.value.field, raised.value.reason) == ("title", "missing_title")
    client.delete_listing("lämp 1")
    with pytest.raises(NotFound):
        client.delete_listing("lämp 1")


def test_refuses_to_clear_fields_together_with_photo_files(client: Client, jpeg: MakeJpeg) -> None:
    with pytest.raises(ValueError, match="description, price"):
        client.change_listing("listing-1", ListingChange(description="", price=None), photos=[jpeg()])


def test_ingests_files_once_per_idempotency_key_and_follows_the_job_to_its_end(
    connect: Connect, changing_url: str, tmp_path: Path, jpeg: MakeJpeg
) -> None:
    shop = marketplace(tmp_path / "shop", jpeg, count=2)
    shop.write_listings([["good", "Lamp", "Phones", "", "£11111", ""], ["bad", "", "Phones", "", "£1", ""]])
    shop.write_photo_table([("photo-0-a", "good")])
    tables = (shop.folder / "listings.csv", shop.folder / "photos.csv")
    photos = Path(shutil.make_archive(str(tmp_path / "photos"), "zip", shop.folder / "photos"))
    client = connect(changing_url)
    queued, again = (
        client.upload(tables[0], photos_table=tables[1], photos=photos, idempotency_key=tmp_path.name) for _ in range(2)
    )
    assert queued == again
    events = list(client.events(queued.job_id))
    assert ([one.job.ended for one in events[:-1]], events[-1].job.state) == (
        [False] * (len(events) - 1),
        "succeeded",
    )
    assert list(client.events(queued.job_id, last_event_id=events[-1].event_id)) == []
    assert client.job(queued.job_id) == events[-1].job
    assert client.jobs(state="succeeded", limit=1).jobs == [events[-1].job]
    assert ("bad", "missing_title") in [(one.id, one.reason) for one in client.rejects(queued.job_id)]
    assert [(one.id, one.flag, one.after) for one in client.warnings(queued.job_id)] == [
        ("good", "absurd_price", "11111.00 GBP")
    ]
    assert events[-1].job.warnings == {"absurd_price": 1}
    with pytest.raises(Rejected) as raised:
        client.cancel(queued.job_id)
    assert raised.value.status == 409
    rebuilt = client.reindex(force=True)
    assert list(client.events(rebuilt.job_id))[-1].job.kind == "reindex"


def test_rejects_an_unknown_job_and_an_unknown_job_state(client: Client) -> None:
    for call in (
        client.job,
        client.rejects,
        client.warnings,
        client.cancel,
        lambda job_id: list(client.events(job_id)),
    ):
        with pytest.raises(NotFound):
            call("none")
    with pytest.raises(Rejected) as raised:
        client.jobs(state="no")
    assert raised.value.field == "state"


@pytest.mark.parametrize("state", JobState)
def test_a_job_has_ended_in_the_end_states_of_the_database(state: JobState) -> None:
    job = msgspec.convert(
        dict.fromkeys(JobAnswer.__struct_fields__)
        | {
            "job_id": "",
            "kind": "",
            "state": state,
            "cancel_requested": False,
            "counts": {},
            "warnings": {},
            "rejects": {},
            "dry_run": False,
        }
        | {"created_at": "2024-01-31T00:00:00Z"},
        JobAnswer,
    )
    assert job.ended == (state in ENDED)


def test_sends_the_options_of_a_bulk_ingest(connect: Connect, changing_url: str, tmp_path: Path) -> None:
    file = tmp_path / "shop.csv"
    file.write_text("sku,name,kind,product_description,cost\nmapped-1,Desk,Home,,ask me\n")
    mapping = '[listings]\nid = "sku"\ntitle = "name"\ncategory = "kind"\nprice = "cost"\nlocation = ""\n'
    client = connect(changing_url)
    queued = client.upload(file, options=BulkOptions(columns=mapping, fetch_photos=True))
    (*_, last) = client.events(queued.job_id)
    assert (last.job.state, last.job.counts["listings_read"]) == ("succeeded", 1)
    with pytest.raises(Rejected, match="mode=sync"):
        client.upload(file, options=BulkOptions(mark_sold=True))
