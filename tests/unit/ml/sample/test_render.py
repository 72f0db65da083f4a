"""The sample catalogue: the same for the same seed, recognisable, and with exactly the defects that it states."""

from __future__ import annotations

import csv
import hashlib
from collections import Counter
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import pytest

from db.rows.records import ListingRecord, RejectedRecord
from ml.photos.decode import PhotoError
from ml.photos.preprocess import Preprocessing
from ml.sample import CATEGORIES, SampleSummary, render_sample, write_sample_tables
from ml.sample.catalogue import make_listings
from ml.sample.draw import Canvas, Paint
from ml.sample.items import KINDS
from ml.sample.kinds import ANY_PATTERN, COLOURS, Look
from ml.sample.scene import BACKGROUNDS, take_photo
from ml.sample.words import SELLERS
from services.ingest.cleaning.listings import clean_listing
from services.ingest.cleaning.raw_listing import RawListing
from services.ingest.files.columns import Columns
from services.ingest.files.listings import read_listings, read_photo_table

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from PIL import Image

    from db.rows.records import PhotoRecord
    from ml.sample.kinds import Kind

PUBLISHED_CATEGORIES = {
    "Home & Garden",
    "Office Furniture & Equipment",
    "Computers & Software",
    "Music, Films, Books & Games",
    "Health & Beauty",
    "Appliances",
    "DIY Tools & Materials",
    "Other Goods",
    "Video Games & Consoles",
    "Phones, Mobile Phones & Telecoms",
    "Sports, Leisure & Travel",
    "Clothes, Footwear & Accessories",
    "Baby & Kids Stuff",
}


@dataclass(frozen=True)
class Rendered:
    """A rendered catalogue, and the progress that was told: the stage, how many listings are done, of how many."""

    folder: Path
    summary: SampleSummary
    told: list[tuple[str, int, int]]


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Rendered:
    folder, told = tmp_path_factory.mktemp("catalogue"), list[tuple[str, int, int]]()
    summary = render_sample(folder, listings=26, progress=lambda stage, done, total: told.append((stage, done, total)))
    return Rendered(folder, summary, told)


@pytest.fixture(scope="module")
def folder(rendered: Rendered) -> Path:
    return rendered.folder


@pytest.fixture(scope="module")
def summary(rendered: Rendered) -> SampleSummary:
    return rendered.summary


def fingerprints(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def cleaned(folder: Path) -> list[ListingRecord | RejectedRecord]:
    """Return every record of listings.csv as cleaning leaves it, or its reject."""
    read = read_listings(folder / "listings.csv", Columns())
    return [clean_listing(record) if isinstance(record, RawListing) else record for record in read]


def accepted(folder: Path) -> dict[str, ListingRecord]:
    """Return the sound listings by id: of two records of one id the later."""
    return {record.listing_id: record for record in cleaned(folder) if isinstance(record, ListingRecord)}


def photo_rows(folder: Path) -> list[PhotoRecord]:
    rows = list(read_photo_table(folder / "photos.csv", Columns()))
    sound = [row for row in rows if not isinstance(row, RejectedRecord)]
    assert len(sound) == len(rows)
    return sound


def outcome_of(photo: PhotoRecord, folder: Path, known: set[str]) -> str:
    """Return `accepted` or the reason code with which a photo of photos.csv is rejected."""
    path = folder / "photos" / f"{photo.source}.jpg"
    if photo.listing_id not in known:
        return "unknown_listing"
    if not path.is_file():
        return "missing_file"
    try:
        Preprocessing().load(path.read_bytes())
    except PhotoError as error:
        return error.reason
    return "accepted"


def look_of(kind: Kind, style: str) -> Look:
    paint = Paint(COLOURS["teal"], COLOURS["cream"], kind.patterns[0])
    return Look(paint, COLOURS["teal"], COLOURS["cream"], style, (0.5, 0.5, 0.5, 0.5))


def test_the_same_seed_writes_the_same_bytes(folder: Path, summary: SampleSummary, tmp_path: Path) -> None:
    assert render_sample(tmp_path, listings=26) == summary
    assert fingerprints(tmp_path) == fingerprints(folder)


def test_another_seed_writes_another_catalogue(folder: Path, summary: SampleSummary, tmp_path: Path) -> None:
    assert write_sample_tables(tmp_path, listings=26, seed=8).summary == summary
    ours, others = ({row.source for row in photo_rows(place)} for place in (folder, tmp_path))
    assert ours.isdisjoint(others)
    assert fingerprints(tmp_path)["listings.csv"] != fingerprints(folder)["listings.csv"]


def test_the_tables_have_the_published_columns(folder: Path, summary: SampleSummary) -> None:
    listings, photos = ((folder / name).read_bytes() for name in ("listings.csv", "photos.csv"))
    assert listings.startswith(b",id,product_name,category,product_description,price,location,seller,listed_at\r\n0,")
    assert photos.startswith(b",id,product_id\n0,")
    assert len(list(csv.reader(photos.decode().splitlines()))) == 1 + summary.photo_records


def test_every_line_of_the_listings_ends_as_the_published_ones_do(folder: Path, summary: SampleSummary) -> None:
    listings = (folder / "listings.csv").read_bytes()
    assert listings.count(b"\r\n") == listings.count(b"\n") == listings.count(b"\r") > summary.listing_records


def test_cleaning_counts_the_listings_as_the_summary_does(folder: Path, summary: SampleSummary) -> None:
    records = cleaned(folder)
    reasons = Counter(record.reason for record in records if isinstance(record, RejectedRecord))
    sound = accepted(folder)
    flags = Counter(flag for record in sound.values() for flag in record.flags)
    assert len(records) == summary.listing_records
    assert reasons == summary.rejected_listings
    assert len(sound) == summary.listings == 26
    assert len(records) - reasons.total() - len(sound) == summary.duplicates == 1
    assert flags == {"repaired_record": summary.repaired, "absurd_price": summary.flagged}


def test_decoding_counts_the_photos_as_the_summary_does(folder: Path, summary: SampleSummary) -> None:
    rows = photo_rows(folder)
    outcomes = Counter(outcome_of(row, folder, set(accepted(folder))) for row in rows)
    assert outcomes == {"accepted": summary.photos, **summary.rejected_photos}
    assert len(rows) == summary.photo_records


def test_every_listing_has_two_photos_but_one_that_has_none(folder: Path, summary: SampleSummary) -> None:
    known = set(accepted(folder))
    usable = Counter(row.listing_id for row in photo_rows(folder) if outcome_of(row, folder, known) == "accepted")
    assert set(usable.values()) == {2}
    assert len(known - usable.keys()) == summary.without_photos == 1


def test_the_two_photos_of_a_listing_are_not_the_same_file(folder: Path, summary: SampleSummary) -> None:
    known = set(accepted(folder))
    usable = [row for row in photo_rows(folder) if outcome_of(row, folder, known) == "accepted"]
    contents = {(folder / "photos" / f"{row.source}.jpg").read_bytes() for row in usable}
    assert len(contents) == summary.photos


def test_a_record_with_broken_quoting_keeps_its_whole_description(folder: Path) -> None:
    repaired = [record for record in accepted(folder).values() if "repaired_record" in record.flags]
    assert repaired
    assert all(record.description.endswith("\nNo time wasters, thanks") for record in repaired)
    assert all(record.price and record.region for record in repaired)


def test_of_a_listing_that_stands_there_twice_the_later_record_is_the_right_one(folder: Path) -> None:
    records = [record for record in cleaned(folder) if isinstance(record, ListingRecord)]
    (twice,) = [key for key, count in Counter(record.listing_id for record in records).items() if count == 2]
    older, newer = (record.description for record in records if record.listing_id == twice)
    assert older == "Old advert, please ignore."
    assert newer != older


def test_most_listings_say_who_sells_them_and_since_when_and_a_few_do_not() -> None:
    listings = make_listings(600, np.random.default_rng(1))
    sellers = Counter(listing.seller for listing in listings)
    days = [listing.listed_at for listing in listings]
    assert sellers.keys() == {"", *SELLERS}
    assert 0.02 < sellers[""] / 600 < 0.08
    assert 0.02 < days.count("") / 600 < 0.08
    assert "2025-01-01" <= min(filter(None, days)) < "2025-02" < "2025-12" <= max(days) <= "2025-12-31"


def test_cleaning_reads_who_sells_a_listing_and_since_when(folder: Path, summary: SampleSummary) -> None:
    written = {listing.listing_id: listing for listing in make_listings(26, np.random.default_rng(7))}
    for listing_id, record in accepted(folder).items():
        assert record.seller == written[listing_id].seller
        assert (record.listed_at.date().isoformat() if record.listed_at else "") == written[listing_id].listed_at


def test_the_categories_are_the_published_ones_with_even_shares() -> None:
    assert set(CATEGORIES) == PUBLISHED_CATEGORIES
    shares = Counter(listing.kind.category for listing in make_listings(600, np.random.default_rng(1)))
    assert set(shares.values()) == {46, 47}
    assert shares.keys() == PUBLISHED_CATEGORIES


def test_what_is_written_fits_the_item() -> None:
    for listing in make_listings(120, np.random.default_rng(2)):
        low, high = listing.kind.prices
        assert listing.kind.name in listing.title
        assert listing.look.style in listing.title
        assert any(name in listing.title.lower() for name in COLOURS)
        assert low - 1 <= float(listing.price.removeprefix("£").replace(",", "")) <= high + 5
        assert listing.category_path.count(" / ") >= 1


def test_no_two_listings_of_a_kind_look_the_same() -> None:
    listings = make_listings(600, np.random.default_rng(3))
    looks = [
        (listing.kind.name, listing.look.style, listing.look.paint.pattern, listing.look.colour, listing.look.second)
        for listing in listings
    ]
    assert len(set(looks)) == len(looks)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_style_of_a_kind_is_drawn_differently_and_fills_its_canvas(kind: Kind) -> None:
    drawn = []
    for style in kind.styles:
        canvas = Canvas()
        kind.draw(canvas, look_of(kind, style))
        left, top, right, bottom = canvas.image.getbbox() or (0, 0, 0, 0)
        assert max(right - left, bottom - top) > 0.5 * canvas.image.width
        drawn.append(np.asarray(canvas.image, dtype=int))
    for one, other in combinations(drawn, 2):
        assert np.abs(one - other).mean() > 0.5


@pytest.mark.parametrize("pattern", ANY_PATTERN)
def test_every_pattern_but_plain_shows_both_colours(pattern: str) -> None:
    canvas = Canvas()
    canvas.box((0, 0, 1, 1), Paint((200, 0, 0), (0, 0, 200), pattern), "flat")  # type: ignore[arg-type]
    reds = (np.asarray(canvas.image)[..., 0] > 100).mean()
    assert (reds > 0.97) if pattern == "plain" else (0.2 < reds < 0.8)


@pytest.mark.parametrize("background", BACKGROUNDS)
def test_an_item_shows_before_every_background(background: str) -> None:
    canvas = Canvas()
    canvas.ellipse((0.1, 0.1, 0.9, 0.9), (255, 0, 255), "flat")
    photo = take_photo(canvas.image, background, np.random.default_rng(4))
    red, green, blue = np.asarray(photo, dtype=int).transpose(2, 0, 1)
    magenta = (red - green > 90) & (blue - green > 90)
    assert photo.mode == "RGB"
    assert 256 <= min(photo.size) <= max(photo.size) <= 320
    assert 0.15 < magenta.mean() < 0.6


def test_two_photos_of_an_item_are_nearer_in_colour_than_photos_of_others() -> None:
    canvases = []
    for colour in ("red", "sky blue", "yellow"):
        canvas = Canvas()
        canvas.ellipse((0.05, 0.05, 0.95, 0.95), COLOURS[colour])
        canvases.append(canvas.image)
    rng = np.random.default_rng(5)
    middles = [[_middle(take_photo(image, "plain", rng)) for _ in range(2)] for image in canvases]
    for index, (first, second) in enumerate(middles):
        strangers = [other for place, pair in enumerate(middles) if place != index for other in pair]
        assert np.linalg.norm(first - second) < min(np.linalg.norm(first - stranger) for stranger in strangers)


def _middle(photo: Image.Image) -> NDArray[np.float64]:
    """Return the mean colour in the middle of a photo."""
    box = (photo.width // 2 - 20, photo.height // 2 - 20, photo.width // 2 + 20, photo.height // 2 + 20)
    return np.asarray(np.asarray(photo.crop(box), dtype=float).mean(axis=(0, 1)))


def test_progress_is_told_up_to_the_last_listing_with_photos(rendered: Rendered) -> None:
    assert rendered.told == [("render photos", done, 25) for done in range(1, 26)]


def test_too_few_listings_to_show_everything_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least 26"):
        render_sample(tmp_path, listings=25)
    assert list(tmp_path.iterdir()) == []
