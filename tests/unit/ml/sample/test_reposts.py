"""Items of the sample catalogue that another seller has posted again."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import pytest

from ml.sample import SampleCatalogue, render_listing, write_sample_tables

if TYPE_CHECKING:
    from pathlib import Path

    from ml.sample.catalogue import SampleListing

REPOSTS = 8


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> SampleCatalogue:
    return write_sample_tables(tmp_path_factory.mktemp("again"), listings=26, reposts=REPOSTS)


@pytest.fixture(scope="module")
def pairs(sample: SampleCatalogue) -> list[tuple[SampleListing, SampleListing]]:
    """Each repost, and the listing that was there first."""
    first = {one.seed: one for one in sample.listings if not one.edits}
    return [(one, first[one.seed]) for one in sample.listings if one.edits]


def rows(folder: Path, table: str) -> set[tuple[str, ...]]:
    with (folder / table).open(newline="", encoding="utf-8") as file:
        return {tuple(row[1:]) for row in csv.reader(file)}


def test_another_seller_offers_the_item_with_another_title_and_price(
    pairs: list[tuple[SampleListing, SampleListing]],
) -> None:
    assert len(pairs) == REPOSTS
    for again, first in pairs:
        assert again.kind == first.kind
        assert again.look == first.look
        for field in ("listing_id", "title", "price", "seller", "photo_ids"):
            assert getattr(again, field) != getattr(first, field), field
        assert again.seller


def test_reposts_change_no_other_listing_and_no_other_photo(sample: SampleCatalogue, tmp_path: Path) -> None:
    plain = write_sample_tables(tmp_path, listings=26)
    assert sample.listings[:-REPOSTS] == plain.listings
    assert sample.photo_records == plain.photo_records + 2 * REPOSTS
    for table in ("listings.csv", "photos.csv"):
        assert rows(plain.folder, table) < rows(sample.folder, table)
    render_listing(plain.listings[3], plain.photos)
    render_listing(sample.listings[3], sample.photos)
    for photo_id in plain.listings[3].photo_ids:
        name = f"{photo_id}.jpg"
        assert (plain.photos / name).read_bytes() == (sample.photos / name).read_bytes()


def test_equal_seeds_draw_equal_reposts(sample: SampleCatalogue, tmp_path: Path) -> None:
    other = write_sample_tables(tmp_path, listings=26, reposts=REPOSTS)
    for one in (sample, other):
        render_listing(one.listings[-1], one.photos)
    for photo_id in sample.listings[-1].photo_ids:
        name = f"{photo_id}.jpg"
        assert (other.photos / name).read_bytes() == (sample.photos / name).read_bytes()
