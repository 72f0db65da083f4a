"""Converts results, classifications and listings into the wire structs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

from services import wire

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

    from db.models import Listing, Photo
    from db.rows.search_rows import PhotoWithListing
    from services.search.results.paging import ResultPage
    from services.search.results.ranking import RankedListing
    from services.search.service import PhotoClassification


class StoredBytes(Protocol):
    """A row whose bytes are in the photo store."""

    @property
    def sha256(self) -> str:
        """SHA-256 of the bytes, in hex."""
        ...


def photo_version(photo: StoredBytes) -> str:
    """Return 16 hex digits that change when the photo's bytes change."""
    return photo.sha256[:16]


def search_answer(answer: ResultPage) -> wire.SearchAnswer:
    found = answer.origin
    return wire.SearchAnswer(
        results=[_result(result) for result in answer.results],
        model_version=found.model_version,
        engine=found.engine,
        plan=wire.Plan(found.plan, found.reason),
        generation=found.generation,
        took_ms=answer.took_ms,
        cursor=answer.cursor,
        query_token=answer.query_token,
        categories=[wire.CategoryProbability(*category) for category in answer.category_probabilities] or None,
        restricted_to=list(found.restricted_to) or None,
        empty=answer.empty,
    )


def classify_answer(classification: PhotoClassification) -> wire.Classification:
    guesses = [wire.CategoryProbability(guess.category, guess.probability) for guess in classification.categories]
    return wire.Classification(guesses, classification.confident, classification.model_version)


def listing_answer(listing: Listing, stored: Sequence[Photo]) -> wire.ListingAnswer:
    return wire.ListingAnswer(
        listing_id=listing.id,
        title=listing.title,
        description=listing.description,
        category=listing.category,
        category_path=listing.category_path,
        price=_price(listing.price),
        currency=listing.currency,
        location=listing.location,
        region=listing.region,
        seller=listing.seller,
        listed_at=(listing.listed_at or listing.created_at).isoformat(timespec="seconds"),
        flags=listing.flags,
        photos=[_photo(photo) for photo in stored],
    )


def listing_summary(photo: PhotoWithListing) -> wire.ListingSummary:
    listing = photo.listing
    return wire.ListingSummary(
        listing_id=listing.id,
        photo_id=photo.id,
        title=listing.title,
        category=listing.category,
        price=_price(listing.price),
        currency=listing.currency,
        location=listing.location,
        photo_url=_url(photo.id, photo),
    )


def _result(result: RankedListing) -> wire.Result:
    why = {"similarity": result.similarity, **result.factors} if result.factors else None
    return wire.Result(**msgspec.structs.asdict(listing_summary(result.photo)), score=result.score, why=why)


def _photo(photo: Photo) -> wire.ListingPhoto:
    photo_id = photo.id or 0
    return wire.ListingPhoto(
        photo_id, photo.state, photo.width, photo.height, _url(photo_id, photo), _url(photo_id, photo, "/thumbnail")
    )


def _url(photo_id: int, photo: StoredBytes, part: str = "") -> str:
    """Return a URL that changes when the photo is replaced, so that clients may cache its answer for ever."""
    return f"/v1/photos/{photo_id}{part}?v={photo_version(photo)}"


def _price(price: Decimal | None) -> float | None:
    return None if price is None else float(price)
