"""What the search app takes and answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from db.vectors.base import Filter
from services.search.service import Query
from services.settings import Engine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from db.models import Listing, Photo
    from services.search.retrieval import Result
    from services.search.service import Answer, Classification


class FilterFields(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What results must satisfy, all together, and how many of them to answer."""

    k: int = 10
    category: list[str] = []
    price_min: float | None = None
    price_max: float | None = None
    location: str | None = None
    engine: Engine = Engine.AUTO

    def query(self) -> Query:
        """Return the query.

        Raises:
            BadQuery: a value makes no sense.
        """
        where = Filter(
            categories=frozenset(self.category),
            price_min=self.price_min,
            price_max=self.price_max,
            location=(self.location or "").strip() or None,
        )
        return Query(k=self.k, where=where, engine=self.engine)


class ResultAnswer(msgspec.Struct):
    """A listing found, by its best photo.

    `score`, 0 to 1: the probability that it shows the same item, as measured for the model; with a model that was not
    calibrated, the cosine of the two photos' vectors. 1 is the same picture.
    """

    listing_id: str
    photo_id: int
    score: float
    title: str
    category: str
    price: float | None
    currency: str | None
    location: str
    photo_url: str


class SearchAnswer(msgspec.Struct):
    """Results, best first, one per listing."""

    results: list[ResultAnswer]
    model_version: str
    engine: str
    generation: int
    took_ms: float


class CategoryAnswer(msgspec.Struct):
    """A category with the probability that the model gives it."""

    category: str
    probability: float


class ClassifyAnswer(msgspec.Struct):
    """Categories, likeliest first; `confident` when the first may be filled in unasked."""

    categories: list[CategoryAnswer]
    confident: bool
    model_version: str


class CategoryCount(msgspec.Struct):
    """A category with its number of listings."""

    category: str
    listings: int


class PhotoAnswer(msgspec.Struct):
    """A photo of a listing; `state` is pending, embedded or failed."""

    photo_id: int
    state: str
    width: int
    height: int
    url: str
    thumbnail_url: str


class ListingAnswer(msgspec.Struct):
    """A listing with its photos."""

    listing_id: str
    title: str
    description: str
    category: str
    category_path: list[str]
    price: float | None
    currency: str | None
    location: str
    region: str
    flags: list[str]
    photos: list[PhotoAnswer]


def photo_version(photo: Photo) -> str:
    """Return what tells the photo's present bytes from those that it had before, or will have: 16 hex digits."""
    return photo.sha256[:16]


def search_answer(answer: Answer) -> SearchAnswer:
    """Return an answer as JSON has it."""
    return SearchAnswer(
        results=[_result(result) for result in answer.results],
        model_version=answer.model_version,
        engine=answer.engine,
        generation=answer.generation,
        took_ms=answer.took_ms,
    )


def classify_answer(classification: Classification) -> ClassifyAnswer:
    """Return a classification as JSON has it."""
    guesses = [CategoryAnswer(guess.category, guess.probability) for guess in classification.categories]
    return ClassifyAnswer(guesses, classification.confident, classification.model_version)


def listing_answer(listing: Listing, stored: Sequence[Photo]) -> ListingAnswer:
    """Return a listing as JSON has it."""
    return ListingAnswer(
        listing_id=listing.id,
        title=listing.title,
        description=listing.description,
        category=listing.category,
        category_path=listing.category_path,
        price=_price(listing),
        currency=listing.currency,
        location=listing.location,
        region=listing.region,
        flags=listing.flags,
        photos=[_photo(photo) for photo in stored],
    )


def _result(result: Result) -> ResultAnswer:
    listing = result.listing
    return ResultAnswer(
        listing_id=listing.id,
        photo_id=result.photo.id or 0,
        score=result.score,
        title=listing.title,
        category=listing.category,
        price=_price(listing),
        currency=listing.currency,
        location=listing.location,
        photo_url=_url(result.photo),
    )


def _photo(photo: Photo) -> PhotoAnswer:
    return PhotoAnswer(photo.id or 0, photo.state, photo.width, photo.height, _url(photo), _url(photo, "/thumbnail"))


def _url(photo: Photo, part: str = "") -> str:
    """Return a URL that is another one when the photo is replaced, so that what it leads to may be kept for ever."""
    return f"/v1/photos/{photo.id}{part}?v={photo_version(photo)}"


def _price(listing: Listing) -> float | None:
    return None if listing.price is None else float(listing.price)
