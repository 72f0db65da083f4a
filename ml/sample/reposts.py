"""Makes listings that are another listing posted again: by another seller, with other words and another price."""

from __future__ import annotations

from dataclasses import replace
from itertools import cycle
from typing import TYPE_CHECKING

from ml.sample.catalogue import random_id
from ml.sample.kinds import COLOURS
from ml.sample.photo_edits import EDITS
from ml.sample.words import PLACES, SELLERS, description_of, listed_at_of, title_of, written_price

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np

    from ml.sample.catalogue import SampleListing

TAKEN_AGAIN = "taken again"
"""Instead of an edit: another photo of the item. It is no copy of the first one."""

_EDITS = (
    ("re-encoded", "light crop"),
    ("brighter", "mirrored"),
    ("half the size", TAKEN_AGAIN),
    ("light crop, re-encoded", "watermark"),
    ("darker", "frame"),
    ("mirrored, light crop", TAKEN_AGAIN),
    ("as it is", "half the size, frame"),
    ("watermark, brighter", "re-encoded"),
)
"""What became of both photos, in turn; names of `photo_edits.EDITS`."""

assert {name for pair in _EDITS for name in pair} <= {*EDITS, TAKEN_AGAIN}

_LEAST_CHANGE, _MOST_CHANGE = 0.1, 0.3
"""Share by which a price differs from the first one."""


def posted_again(listings: Sequence[SampleListing], count: int, rng: np.random.Generator) -> list[SampleListing]:
    """Return `count` listings, each of them another one of `listings` posted again."""
    originals = [listings[index] for index in rng.choice(len(listings), count, replace=False)]
    return [_again(one, edits, rng) for one, edits in zip(originals, cycle(_EDITS), strict=False)]


def _again(first: SampleListing, edits: tuple[str, str], rng: np.random.Generator) -> SampleListing:
    """The look and the seed stay, so the same two photos are drawn before they are edited."""
    name_of = {colour: name for name, colour in COLOURS.items()}
    names = (name_of[first.look.colour], name_of[first.look.second])
    pattern, place = first.look.paint.pattern, PLACES[rng.integers(len(PLACES))]
    return replace(
        first,
        listing_id=random_id(rng),
        title=_other_than(first.title, lambda: title_of(first.kind, names, first.look.style, pattern=pattern, rng=rng)),
        description=description_of(first.kind, names, place, pattern=pattern, rng=rng),
        price=_other_than(first.price, lambda: _changed(first.price, rng)),
        place=place,
        photo_ids=(random_id(rng), random_id(rng)),
        seller=_other_than(first.seller, lambda: str(rng.choice(SELLERS))),
        listed_at=listed_at_of(rng),
        edits=edits,
    )


def _other_than(first: str, draw: Callable[[], str]) -> str:
    while (drawn := draw()) == first:
        pass
    return drawn


def _changed(price: str, rng: np.random.Generator) -> str:
    pounds = float(price.removeprefix("£").replace(",", ""))
    factor = 1 + rng.uniform(_LEAST_CHANGE, _MOST_CHANGE) * (1 if rng.random() < 0.5 else -1)
    return written_price(pounds * factor)
