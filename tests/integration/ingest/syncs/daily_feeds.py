"""A shop that writes a feed every day: some listings change, some go, some come back, and every URL is signed anew."""

from __future__ import annotations

import csv
import hashlib
import io
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from services.errors import PhotoRejected
from services.reason_codes import RejectReason
from tests.worlds import CATEGORIES

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Self

HEADER = ("id", "product_name", "category", "product_description", "price", "location", "images")
COLUMNS = '[listings]\nphotos = "images"\n'

CHANGED, GONE, BACK = 0.03, 0.01, 0.01
"""Shares of the listings, each day."""

_HOST = "https://cdn.shop.example"


@dataclass(slots=True)
class Offer:
    """A listing as the shop has it; `photos` are the numbers of its pictures."""

    number: int
    price: int
    title: str
    photos: list[int]

    @property
    def listing_id(self) -> str:
        return f"listing-{self.number}"


@dataclass
class DailyShop:
    """The shop's offers; `gone` ones may come back.

    Attributes:
        pictures: the number of pictures that were ever made.
        churn: how many times more than usual changes each day.
    """

    rng: np.random.Generator
    offers: dict[int, Offer] = field(default_factory=dict)
    gone: dict[int, Offer] = field(default_factory=dict)
    day: int = 0
    pictures: int = 0
    churn: int = 1

    @classmethod
    def of(cls, count: int, *, seed: int = 0, churn: int = 1) -> DailyShop:
        """Return a shop with `count` offers, every fifth with two photos."""
        shop = cls(np.random.default_rng(seed), churn=churn)
        for number in range(count):
            photos = [shop.new_picture() for _ in range(2 if number % 5 == 0 else 1)]
            shop.offers[number] = Offer(number, 100 + number, f"Item {number}", photos)
        return shop

    def new_picture(self) -> int:
        self.pictures += 1
        return self.pictures - 1

    def next_day(self) -> None:
        """Change, remove and bring back listings: a third of the changes each is a price, a title and a photo."""
        self.day += 1
        count = self.churn * (len(self.offers) + len(self.gone))
        back = self._draw(self.gone, BACK * count)
        leaving = self._draw(self.offers, GONE * count)
        for at, number in enumerate(self._draw(self.offers, CHANGED * count)):
            offer = self.offers[number]
            if at % 3 == 0:
                offer.price += 1
            elif at % 3 == 1:
                offer.title = f"Item {number}, day {self.day}"
            else:
                offer.photos[0] = self.new_picture()
        self.gone |= {number: self.offers.pop(number) for number in leaving}
        self.offers |= {number: self.gone.pop(number) for number in back}

    def write_feed(self, path: Path) -> None:
        """Write today's feed, in an order of its own."""
        with path.open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(HEADER)
            for number in self.rng.permutation(list(self.offers)).tolist():
                offer = self.offers[number]
                urls = "|".join(signed_url(picture, self.day) for picture in offer.photos)
                category = CATEGORIES[number % len(CATEGORIES)]
                rows.writerow([offer.listing_id, offer.title, category, "As new", f"£{offer.price}.00", "Leeds", urls])

    def _draw(self, numbers: dict[int, Offer], count: float) -> list[int]:
        known = sorted(numbers)
        return self.rng.choice(known, min(round(count), len(known)), replace=False).tolist() if known else []


def signed_url(picture: int, day: int) -> str:
    """Return the address of a picture, which is valid on this day only."""
    signature = hashlib.sha256(f"{picture} {day}".encode()).hexdigest()[:32]
    return f"{_HOST}/p/{picture}.png?Expires={day}&Signature={signature}"


@cache
def picture_bytes(picture: int) -> bytes:
    """Return a PNG of 16 x 16 pixels; other numbers have other pictures."""
    squares = np.random.default_rng(picture).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    content = io.BytesIO()
    Image.fromarray(squares.repeat(4, axis=0).repeat(4, axis=1)).save(content, "PNG")
    return content.getvalue()


class SignedPhotos:
    """A photo source that answers today's addresses only, and counts the answers."""

    label = "the shop's server"

    def __init__(self, shop: DailyShop) -> None:
        self._shop = shop
        self.read_count = 0

    def find(self, id_or_name: str) -> str:
        return id_or_name

    def read(self, name: str) -> bytes:
        picture = int(name.removeprefix(f"{_HOST}/p/").partition(".")[0])
        if name != signed_url(picture, self._shop.day):
            raise PhotoRejected(RejectReason.UNREACHABLE, f"{name}: the signature has expired")
        self.read_count += 1
        return picture_bytes(picture)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        """Do nothing: there is no connection."""
