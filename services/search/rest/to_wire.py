"""Converts results, classifications and listings into the wire structs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from services import wire

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

    from db.models import Listing, Photo
    from db.rows.search_rows import PhotoWithListing
    from db.vectors.facets import Facet
    from services.search.rest.photo_urls import PhotoUrls
    from services.search.results.paging import ResultPage
    from services.search.results.ranking import RankedListing


def search_answer(page: ResultPage, urls: PhotoUrls) -> wire.SearchAnswer:
    origin = page.origin
    return wire.SearchAnswer(
        results=[_result(result, urls) for result in page.results],
        score_kind=page.score_kind,
        model_version=origin.model_version,
        engine=origin.engine,
        plan=wire.Plan(origin.plan, origin.reason),
        generation=origin.generation,
        took_ms=page.took_ms,
        cursor=page.cursor,
        query_token=page.query_token,
        categories=[wire.CategoryProbability(*category) for category in page.category_probabilities] or None,
        in_distribution=page.in_distribution,
        restricted_to=list(origin.restricted_to) or None,
        facets={name: facet_answer(facet) for name, facet in page.facets.items()} or None,
        empty=page.empty,
    )


def listing_answer(listing: Listing, stored: Sequence[Photo], urls: PhotoUrls) -> wire.ListingAnswer:
    return wire.ListingAnswer(
        listing_id=listing.id,
        title=listing.title,
        description=listing.description,
        category=listing.category,
        category_path=listing.category_path,
        other_categories=listing.other_categories,
        price=_price(listing.price),
        currency=listing.currency,
        location=listing.location,
        region=listing.region,
        seller=listing.seller,
        listed_at=(listing.listed_at or listing.created_at).isoformat(timespec="seconds"),
        url=listing.url,
        attributes=listing.attributes,
        sold=listing.sold,
        flags=listing.flags,
        photos=[_photo(photo, urls) for photo in stored],
    )


def listing_summary(photo: PhotoWithListing, urls: PhotoUrls) -> wire.ListingSummary:
    listing = photo.listing
    return wire.ListingSummary(
        listing_id=listing.id,
        photo_id=photo.id,
        title=listing.title,
        category=listing.category,
        price=_price(listing.price),
        currency=listing.currency,
        location=listing.location,
        photo_url=urls.url(photo.id, photo.sha256),
        url=listing.url,
        sold=listing.sold,
        attributes=listing.attributes,
        seller=listing.seller,
    )


def facet_answer(facet: Facet) -> wire.FacetAnswer:
    return wire.FacetAnswer(**_facet_fields(facet))


def attribute_summary(name: str, facet: Facet) -> wire.AttributeSummary:
    return wire.AttributeSummary(name=name, **_facet_fields(facet))


def _facet_fields(facet: Facet) -> dict[str, Any]:
    return {
        "values": [wire.FacetCount(one.value, one.photos, one.listings) for one in facet.values],
        "photos": facet.photos,
        "listings": facet.listings,
        "more": facet.more,
        "min": facet.minimum,
        "max": facet.maximum,
    }


def _result(result: RankedListing, urls: PhotoUrls) -> wire.Result:
    why = {"similarity": result.similarity, **result.factors} if result.factors else None
    return wire.Result(
        **msgspec.structs.asdict(listing_summary(result.photo, urls)),
        score=result.score,
        why=why,
        also_offered_by=[_offer(one, urls) for one in result.also_offered_by],
    )


def _offer(copy: RankedListing, urls: PhotoUrls) -> wire.OtherOffer:
    listing = copy.photo.listing
    return wire.OtherOffer(
        listing_id=listing.id,
        photo_id=copy.photo.id,
        title=listing.title,
        price=_price(listing.price),
        currency=listing.currency,
        location=listing.location,
        thumbnail_url=urls.url(copy.photo.id, copy.photo.sha256, "/thumbnail"),
        similarity=copy.similarity,
        seller=listing.seller,
        url=listing.url,
        sold=listing.sold,
    )


def _photo(photo: Photo, urls: PhotoUrls) -> wire.ListingPhoto:
    photo_id = photo.id or 0
    return wire.ListingPhoto(
        photo_id,
        photo.state,
        photo.width,
        photo.height,
        urls.url(photo_id, photo.sha256),
        urls.url(photo_id, photo.sha256, "/thumbnail"),
    )


def _price(price: Decimal | None) -> float | None:
    return None if price is None else float(price)
