"""The listings of the sample catalogue: categories, texts and looks."""

from __future__ import annotations

from collections import Counter

import numpy as np

from ml.sample import CATEGORIES
from ml.sample.catalogue import make_listings
from ml.sample.kinds import COLOURS
from ml.sample.words import SELLERS

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


def test_most_listings_have_a_seller_and_a_date() -> None:
    listings = make_listings(600, np.random.default_rng(1))
    sellers = Counter(listing.seller for listing in listings)
    days = [listing.listed_at for listing in listings]
    assert sellers.keys() == {"", *SELLERS}
    assert 0.02 < sellers[""] / 600 < 0.08
    assert 0.02 < days.count("") / 600 < 0.08
    assert "2025-01-01" <= min(filter(None, days)) < "2025-02" < "2025-12" <= max(days) <= "2025-12-31"


def test_the_published_categories_have_equal_shares() -> None:
    assert set(CATEGORIES) == PUBLISHED_CATEGORIES
    shares = Counter(listing.kind.category for listing in make_listings(600, np.random.default_rng(1)))
    assert set(shares.values()) == {46, 47}
    assert shares.keys() == PUBLISHED_CATEGORIES


def test_texts_fit_the_item() -> None:
    for listing in make_listings(120, np.random.default_rng(2)):
        low, high = listing.kind.prices
        assert listing.kind.name in listing.title
        assert listing.look.style in listing.title
        assert any(name in listing.title.lower() for name in COLOURS)
        assert low - 1 <= float(listing.price.removeprefix("£").replace(",", "")) <= high + 5
        assert listing.category_path.count(" / ") >= 1


def test_all_listings_of_a_kind_look_different() -> None:
    listings = make_listings(600, np.random.default_rng(3))
    looks = [
        (listing.kind.name, listing.look.style, listing.look.paint.pattern, listing.look.colour, listing.look.second)
        for listing in listings
    ]
    assert len(set(looks)) == len(looks)
