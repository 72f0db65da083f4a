"""The calls of the search app. `Client` and `AsyncClient` have each as a method. Any may raise Refused, Unavailable."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from services.client.calls import Call, Upload, bytes_of, escaped, json_call, json_of
from services.wire import (
    BatchAnswer,
    BatchSearch,
    CategoryCount,
    Classification,
    Duplicate,
    ListingAnswer,
    NewestListings,
    SearchAnswer,
    SearchFields,
    StoredSearch,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.client.calls import Photo
    from services.wire import Recommendation

_ANY: SearchFields = SearchFields()


def search(photo: Photo, fields: SearchFields = _ANY) -> Call[SearchAnswer]:
    """Search by a photo that the server does not have.

    Raises:
        Rejected: it is not a photo that is accepted (`reason` says why), or a field makes no sense (`field`).
    """
    return Call(
        "POST", "/v1/search", json_of(SearchAnswer), form=msgspec.to_builtins(fields), files=[Upload.of("image", photo)]
    )


def search_by(known: StoredSearch) -> Call[SearchAnswer]:
    """Search by a listing, a stored photo, the photo of an earlier answer, or one at a public address: by one of them.

    Raises:
        NotFound: there is no such listing or photo.
        Rejected: it is not embedded yet (409), or a field makes no sense (`field`).
    """
    return json_call("/v1/search", known, SearchAnswer, repeatable=True)


def similar(listing_id: str, fields: SearchFields = _ANY) -> Call[SearchAnswer]:
    """Search by a listing's photos; the listing itself is left out.

    Raises:
        NotFound: there is no such listing.
        Rejected: none of its photos is embedded yet (409), or a field makes no sense (`field`).
    """
    path = f"/v1/listings/{escaped(listing_id)}/similar"
    return Call("GET", path, json_of(SearchAnswer), params=msgspec.to_builtins(fields))


def search_batch(queries: Sequence[StoredSearch]) -> Call[BatchAnswer]:
    """Make 1 to 20 searches at once; each is answered, or has a problem of its own.

    Raises:
        Rejected: there are more, or none.
    """
    return json_call("/v1/search/batch", BatchSearch(queries=list(queries)), BatchAnswer, repeatable=True)


def recommend(taste: Recommendation) -> Call[SearchAnswer]:
    """Search for a buyer who liked some listings and not others; all of those are left out.

    Raises:
        Rejected: it names nothing liked, an unknown listing, or weights that do not fit (`field`).
    """
    return json_call("/v1/recommend", taste, SearchAnswer, repeatable=True)


def classify(photo: Photo, *, k: int = 5, crop: str | None = None) -> Call[Classification]:
    """Return the `k`, 1 to 100, likeliest categories of a photo, or of its part `x,y,width,height`, in shares.

    Raises:
        Rejected: it is not a photo that is accepted (`reason` says why).
    """
    form = {"k": k} if crop is None else {"k": k, "crop": crop}
    return Call("POST", "/v1/classify", json_of(Classification), form=form, files=[Upload.of("image", photo)])


def listing(listing_id: str) -> Call[ListingAnswer]:
    """Return a listing with its photos.

    Raises:
        NotFound: there is no such listing.
    """
    return Call("GET", f"/v1/listings/{escaped(listing_id)}", json_of(ListingAnswer))


def newest_listings(*, limit: int = 20, cursor: str | None = None) -> Call[NewestListings]:
    """Return the listings that came last, 1 to 100 of them; those before them, with the `cursor` of an answer.

    Raises:
        Rejected: there is no such cursor.
    """
    params = {"limit": limit} if cursor is None else {"limit": limit, "cursor": cursor}
    return Call("GET", "/v1/listings", json_of(NewestListings), params=params)


def photo(photo_id: int) -> Call[bytes]:
    """Return a photo's file, as it was ingested.

    Raises:
        NotFound: there is no such photo.
    """
    return Call("GET", f"/v1/photos/{photo_id}", bytes_of("image/"))


def thumbnail(photo_id: int, *, size: int | None = None) -> Call[bytes]:
    """Return a small WebP of a photo, whose longer side has `size` pixels, 64 to 512.

    Raises:
        NotFound: there is no such photo.
        Rejected: it cannot be drawn so large.
    """
    params = {} if size is None else {"size": size}
    return Call("GET", f"/v1/photos/{photo_id}/thumbnail", bytes_of("image/"), params=params)


def duplicates(listing_id: str, *, k: int = 10) -> Call[list[Duplicate]]:
    """Return the listings that have a copy of one of a listing's photos, then up to `k`, 0 to 100, similar ones.

    Raises:
        NotFound: there is no such listing.
    """
    path = f"/v1/listings/{escaped(listing_id)}/duplicates"
    return Call("GET", path, json_of(list[Duplicate]), params={"k": k})


def categories() -> Call[list[CategoryCount]]:
    """Return every category, most listings first."""
    return Call("GET", "/v1/categories", json_of(list[CategoryCount]))


def after(page: SearchAnswer, k: int) -> Call[SearchAnswer] | None:
    """Return the call for the `k` results that follow a page; None where it is the last."""
    return None if page.cursor is None else search_by(StoredSearch(cursor=page.cursor, k=k))
