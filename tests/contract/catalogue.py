"""A synthetic marketplace: clustered vectors, a few large and many small categories, nested places."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from db.vectors.base import Payload, Point
from db.vectors.keys import location_key, location_keys, path_keys

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from db.vectors.attributes import AttributeValue
    from db.vectors.base import Vector

VECTOR_SIZE = 64
CATEGORIES = (
    "Home & Garden",
    "Baby & Kids Stuff",
    "DIY Tools & Materials",
    "Music, Films, Books & Games",
    "Phones, Mobile Phones & Telecoms",
    "Clothes, Footwear & Accessories",
    "Other Goods",
    "Health & Beauty",
    "Sports, Leisure & Travel",
    "Appliances",
    "Computers & Software",
    "Office Furniture & Equipment",
    "Video Games & Consoles",
)
COUNTIES = ("Manchester", "Greater London", "Berkshire", "Côte-d'Or", "São Miguel", "北京")
FIRST_LISTED = 1_700_000_000
"""In seconds since 1970; within the 30 million seconds from then on everything was listed."""

_CLUSTERS = 40


@dataclass(frozen=True)
class Catalogue:
    """Points, and queries that are near some of them."""

    points: tuple[Point, ...]
    queries: tuple[Vector, ...]


def make_catalogue(count: int = 2000, vector_size: int = VECTOR_SIZE, *, seed: int = 7) -> Catalogue:
    """Make `count` photos of `count / 2` listings; every 50th photo is a copy of the one before it."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(_CLUSTERS, vector_size))
    vectors = unit(centres[rng.integers(_CLUSTERS, size=count)] + 0.7 * rng.normal(size=(count, vector_size)))
    vectors[50::50] = vectors[49:-1:50]
    later = np.random.default_rng([seed, 1])
    payloads = [_with_details(_payload(f"listing-{number}", rng), later) for number in range((count + 1) // 2)]
    latest = np.random.default_rng([seed, 2])
    payloads = [_with_attributes(payload, latest) for payload in payloads]
    ids = np.sort(rng.choice(10 * count, size=count, replace=False))
    points = [Point(int(photo), vectors[row], payloads[row // 2]) for row, photo in enumerate(ids)]
    queries = unit(vectors[rng.integers(count, size=5)] + 0.05 * rng.normal(size=(5, vector_size)))
    return Catalogue(tuple(points), tuple(queries))


def unit(vectors: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return the rows at unit length."""
    scaled: NDArray[np.float32] = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return scaled


def _payload(listing_id: str, rng: np.random.Generator) -> Payload:
    weights = 0.55 ** np.arange(len(CATEGORIES))
    category = str(rng.choice(CATEGORIES, p=weights / weights.sum()))
    county = COUNTIES[int(rng.choice(len(COUNTIES), p=(0.5, 0.3, 0.12, 0.05, 0.02, 0.01)))]
    place = f"Town {int(rng.zipf(1.6)) % 200}, {county}, United Kingdom" if rng.random() < 0.97 else ""
    price = round(float(rng.lognormal(3, 1.5)), 2) if rng.random() < 0.9 else None
    return Payload(listing_id, category, price, location_keys(place))


def _with_details(payload: Payload, rng: np.random.Generator) -> Payload:
    """Fill in the rest: a few common kinds, currencies, regions and sellers, and many rare ones; a few are unknown."""
    levels = (payload.category, f"Kind {_often_small(rng)}", f"Sort  {_often_small(rng)}")
    priced = payload.price is not None and rng.random() < 0.95
    return replace(
        payload,
        category_paths=path_keys(levels[: rng.integers(1, 4)]),
        currency=str(rng.choice(("GBP", "EUR", "PLN"), p=(0.7, 0.29, 0.01))) if priced else None,
        region=location_key(f"Region {_often_small(rng)}") if rng.random() < 0.97 else "",
        seller=f"Seller-{_often_small(rng)}" if rng.random() < 0.95 else "",
        listed_at=FIRST_LISTED + int(rng.integers(30_000_000)),
    )


def _with_attributes(payload: Payload, rng: np.random.Generator) -> Payload:
    """Add attributes: common and rare values, several spellings, and a name whose values have different types."""
    sizes: list[AttributeValue] = [float(_often_small(rng)) / 2, str(_often_small(rng)), "Large"]
    attributes: dict[str, AttributeValue] = {
        "brand": rng.choice(("Brand {}", "BRAND  {}"), p=(0.8, 0.2)).format(_often_small(rng)),
        "size": sizes[rng.choice(3, p=(0.7, 0.2, 0.1))],
        "weight_kg": round(float(rng.lognormal(0, 2)), 3) - 1,
        "boxed": bool(rng.random() < 0.1),
        "größe": f"G{_often_small(rng)}",
    }
    shares = {"brand": 0.9, "größe": 0.02}
    kept = {name: value for name, value in attributes.items() if rng.random() < shares.get(name, 0.6)}
    return replace(payload, sold=bool(rng.random() < 0.05), attributes=tuple(sorted(kept.items())))


def _often_small(rng: np.random.Generator) -> int:
    return int(rng.zipf(1.6)) % 200
