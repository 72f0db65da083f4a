"""Daily feeds through the whole pipeline: photos are fetched, embedded, indexed, and removed again."""

from __future__ import annotations

from ipaddress import ip_network
from typing import TYPE_CHECKING

import pytest

from db.rows import embeddings
from services.ingest.feeds.columns import Columns, ListingColumns
from services.ingest.loading.inputs import IngestInputs, IngestOptions
from tests.sites import running_site
from tests.worlds import adds_up, ingest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from services.resources import Resources
    from tests.conftest import MakeJpeg
    from tests.sites import Site

HEADER = "id,product_name,category,product_description,price,location,pics"


@pytest.fixture
def site(jpeg: MakeJpeg) -> Iterator[Site]:
    """Photos p1 to p5, on two days with signatures of their own."""
    with running_site() as running:
        for number in range(1, 6):
            for suffix in ("", "?sig=monday", "?sig=tuesday"):
                running.photos[f"/p{number}.jpg{suffix}"] = jpeg(number)
        yield running


def load(resources: Resources, folder: Path, rows: list[str]) -> dict[str, int]:
    """Ingest the feed of a day, and return the counts of photos."""
    resources.settings.fetch_allow = (ip_network("127.0.0.0/8"),)
    (folder / "day.csv").write_text("\n".join([HEADER, *rows, ""]))
    options = IngestOptions(columns=Columns(listings=ListingColumns(photos="pics")), fetch_photos=True)
    summary = ingest(resources, IngestInputs(folder / "day.csv", options=options)).summary
    assert adds_up(summary)
    return {name.removeprefix("photos_"): count for name, count in summary.counts.items() if name.startswith("photos_")}


def test_a_day_replaces_removes_and_renames_photos_and_embeds_only_what_is_new(
    resources: Resources, site: Site, tmp_path: Path
) -> None:
    url = f"{site.url}/p{{}}.jpg".format
    monday = [
        f"1,Chair,A,d,1,X,{url(1)}?sig=monday|{url(2)}?sig=monday",
        f"2,Desk,A,d,1,X,{url(3)}",
        f"3,Mug,A,d,1,X,{url(5)}",
    ]
    tuesday = [
        f"1,Chair,A,d,1,X,{url(1)}?sig=tuesday|{url(2)}?sig=tuesday",
        f"2,Desk,A,d,1,X,{url(4)}",
        "3,Mug,A,d,1,X,",
    ]
    assert load(resources, tmp_path, monday)["embedded"] == 4
    (replaced,) = found(resources, "2")
    counts = load(resources, tmp_path, tuesday)
    assert [counts[name] for name in ("embedded", "renamed", "new", "removed")] == [1, 2, 1, 2]
    assert (len(found(resources, "1")), len(found(resources, "2")), found(resources, "3")) == (2, 1, [])
    assert replaced not in found(resources, "2")
    again = load(resources, tmp_path, tuesday)
    assert [again[name] for name in ("embedded", "unchanged", "removed")] == [0, 3, 0]


def found(resources: Resources, listing_id: str) -> list[int]:
    """Return the ids of the listing's photos that both indexes have."""
    with resources.database.read() as session:
        version = resources.live.current().generation.model_version
        points = [point for batch in embeddings.all_points(session, model_version=version) for point in batch]
    indexed = [set(one.index.photo_ids().tolist()) for one in resources.live.current().opened.values()]
    assert all(ids == {point.photo_id for point in points} for ids in indexed)
    return [point.photo_id for point in points if point.payload.listing_id == listing_id]
