"""Makes the listings of the sample catalogue: their items, looks and texts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import cycle, islice
from typing import TYPE_CHECKING
from uuid import UUID

import numpy as np

from ml.sample.draw import Paint
from ml.sample.items import KINDS
from ml.sample.kinds import COLOURS, Look
from ml.sample.words import PLACES, description_of, listed_at_of, price_of, seller_of, title_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ml.sample.draw import Pattern, Rgb
    from ml.sample.kinds import Kind

CATEGORIES = tuple(dict.fromkeys(kind.category for kind in KINDS))

_MIN_COLOUR_DISTANCE = 150.0
"""Between an item's two colours, in RGB: closer colours hide its pattern."""


@dataclass(frozen=True, slots=True)
class SampleListing:
    """A valid listing.

    Attributes:
        price: as written, such as '£12.50'.
        place: town and county.
        photo_ids: of its two photos.
        seed: of the variation between its photos.
        seller, listed_at: as written, such as 'attic-finds' and '2025-03-31'; sometimes empty.
        edits: what became of both photos where the listing is another one posted again (see `reposts`); else empty.
    """

    listing_id: str
    kind: Kind
    look: Look
    title: str
    description: str
    price: str
    place: tuple[str, str]
    photo_ids: tuple[str, str]
    seed: int
    seller: str
    listed_at: str
    edits: tuple[str, ...] = ()

    @property
    def category_path(self) -> str:
        """All levels, as the site writes them."""
        return f"{self.kind.category} / {self.kind.path}"

    @property
    def location(self) -> str:
        """Town and county, as the site writes them."""
        return ", ".join(self.place)


def make_listings(count: int, rng: np.random.Generator) -> list[SampleListing]:
    """Return `count` listings in random order; the categories' counts differ by at most one."""
    listings: list[SampleListing] = []
    for category, share in zip(CATEGORIES, _shares(count, len(CATEGORIES)), strict=True):
        kinds = [kind for kind in KINDS if kind.category == category]
        for kind, of_kind in zip(kinds, _shares(share, len(kinds)), strict=True):
            listings += [_listing(kind, item, rng) for item in islice(_items(kind, rng), of_kind)]
    return [listings[index] for index in rng.permutation(len(listings))]


def random_id(rng: np.random.Generator) -> str:
    """Return a random UUID, like the site's ids."""
    return str(UUID(bytes=rng.bytes(16), version=4))


@dataclass(frozen=True, slots=True)
class _Item:
    names: tuple[str, str]
    style: str
    pattern: Pattern


def _items(kind: Kind, rng: np.random.Generator) -> Iterator[_Item]:
    """Yield distinct items: each round uses every colour once, with other patterns than the round before."""
    patterns, styles = cycle(rng.permutation(len(kind.patterns))), cycle(kind.styles)
    while True:
        for colour in rng.permutation(list(COLOURS)):
            second = rng.choice(
                [name for name in COLOURS if _distance(COLOURS[colour], COLOURS[name]) > _MIN_COLOUR_DISTANCE]
            )
            yield _Item((str(colour), str(second)), next(styles), kind.patterns[next(patterns)])


def _listing(kind: Kind, item: _Item, rng: np.random.Generator) -> SampleListing:
    place = PLACES[rng.integers(len(PLACES))]
    made = SampleListing(
        listing_id=random_id(rng),
        kind=kind,
        look=_look(item, rng),
        title=title_of(kind, item.names, item.style, pattern=item.pattern, rng=rng),
        description=description_of(kind, item.names, place, pattern=item.pattern, rng=rng),
        price=price_of(kind, rng),
        place=place,
        photo_ids=(random_id(rng), random_id(rng)),
        seed=int(rng.integers(2**31)),
        seller="",
        listed_at="",
    )
    own_rng = np.random.default_rng([made.seed, 1])  # drawing from `rng` would change every later listing
    return replace(made, seller=seller_of(own_rng), listed_at=listed_at_of(own_rng))


def _look(item: _Item, rng: np.random.Generator) -> Look:
    colour, second = (COLOURS[name] for name in item.names)
    paint = Paint(colour, second, item.pattern, scale=float(rng.uniform(6, 12)), turn=float(rng.uniform(-0.6, 0.6)))
    return Look(paint, colour, second, item.style, tuple(float(number) for number in rng.random(4)))


def _shares(count: int, parts: int) -> list[int]:
    """Split `count` into parts that differ by at most one."""
    return [count // parts + (part < count % parts) for part in range(parts)]


def _distance(one: Rgb, other: Rgb) -> float:
    return float(np.linalg.norm(np.subtract(one, other)))
