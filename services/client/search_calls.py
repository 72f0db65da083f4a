"""The calls of the search app, each a method of `Client` and `AsyncClient`. All may raise Refused and Unavailable."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from services.client.calls import Call, Upload, bytes_reader, json_call, json_reader, path_segment
from services.wire import (
    AttributeSummary,
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
    WordsToClassify,
)
from services.wire.attributes import condition_texts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.client.calls import Photo
    from services.wire import Recommendation

_DEFAULTS: SearchFields = SearchFields()


def search(photo: Photo, fields: SearchFields = _DEFAULTS) -> Call[SearchAnswer]:
    """Search by a photo file.

    Raises:
        Rejected: the photo (see `reason`) or a field (see `field`) is invalid.
    """
    return Call(
        "POST",
        "/v1/search",
        json_reader(SearchAnswer),
        form=_as_texts(fields),
        files=[Upload.of("image", photo)],
    )


def search_by(query: StoredSearch) -> Call[SearchAnswer]:
    """Search by exactly one of: a listing, a stored photo, the photo of an earlier answer, a public photo URL.

    Raises:
        NotFound: there is no such listing or photo.
        Rejected: it is not embedded yet (409), or a field is invalid (see `field`).
    """
    return json_call("/v1/search", query, SearchAnswer, repeatable=True)


def similar(listing_id: str, fields: SearchFields = _DEFAULTS) -> Call[SearchAnswer]:
    """Search by a listing's photos; the listing itself is not among the results.

    Raises:
        NotFound: there is no such listing.
        Rejected: none of its photos is embedded yet (409), or a field is invalid (see `field`).
    """
    path = f"/v1/listings/{path_segment(listing_id)}/similar"
    return Call("GET", path, json_reader(SearchAnswer), params=_as_texts(fields))


def search_batch(queries: Sequence[StoredSearch]) -> Call[BatchAnswer]:
    """Run 1 to 20 searches in one call; each gets its own answer or problem.

    Raises:
        Rejected: `queries` is empty or has more than 20.
    """
    return json_call("/v1/search/batch", BatchSearch(queries=list(queries)), BatchAnswer, repeatable=True)


def recommend(judged: Recommendation) -> Call[SearchAnswer]:
    """Recommend listings from liked and disliked ones, which are not among the results.

    Raises:
        Rejected: no liked listing, an unknown listing, or unsuitable weights (see `field`).
    """
    return json_call("/v1/recommend", judged, SearchAnswer, repeatable=True)


def classify(
    *photos: Photo, title: str = "", description: str = "", k: int = 5, crop: str | None = None
) -> Call[Classification]:
    """Return the `k` most likely categories (1 to 100) of an item.

    Args:
        photos: up to 12 photos of the item; none if there is a title or a description.
        title: the listing's title.
        description: the listing's description.
        k: number of categories.
        crop: the part of each photo, as `x,y,width,height` in fractions of its size.

    Raises:
        Rejected: a photo is invalid (see `reason`), or a field is; or there are only words, and the model knows none.
    """
    if not photos and crop is None:
        words = WordsToClassify(title=title, description=description, k=k)
        return json_call("/v1/classify", words, Classification, repeatable=True)
    form = {"k": k, "title": title, "description": description, "crop": crop}
    given = {name: value for name, value in form.items() if value not in (None, "")}
    files = [Upload.of("image", photo) for photo in photos]
    return Call("POST", "/v1/classify", json_reader(Classification), form=given, files=files)


def listing(listing_id: str) -> Call[ListingAnswer]:
    """Return a listing with its photos.

    Raises:
        NotFound: there is no such listing.
    """
    return Call("GET", f"/v1/listings/{path_segment(listing_id)}", json_reader(ListingAnswer))


def newest_listings(*, limit: int = 20, cursor: str | None = None, sold: bool | None = None) -> Call[NewestListings]:
    """Return the newest `limit` listings (1 to 100), or with an answer's `cursor` the older ones that follow.

    With `sold`, only sold listings (true), or only those still for sale (false).

    Raises:
        Rejected: the cursor is invalid.
    """
    filters = {"limit": limit, "cursor": cursor, "sold": sold}
    params = {name: value for name, value in filters.items() if value is not None}
    return Call("GET", "/v1/listings", json_reader(NewestListings), params=params)


def photo(photo_id: int) -> Call[bytes]:
    """Return a photo's file as ingested.

    Raises:
        NotFound: there is no such photo.
    """
    return Call("GET", f"/v1/photos/{photo_id}", bytes_reader("image/"))


def thumbnail(photo_id: int, *, size: int | None = None) -> Call[bytes]:
    """Return a JPEG thumbnail whose longer side has `size` pixels (64 to 512).

    Raises:
        NotFound: there is no such photo.
        Rejected: the size is out of range.
    """
    params = {} if size is None else {"size": size}
    return Call("GET", f"/v1/photos/{photo_id}/thumbnail", bytes_reader("image/"), params=params)


def duplicates(listing_id: str, *, k: int = 10) -> Call[list[Duplicate]]:
    """Return the listings that share a copied photo with a listing, then up to `k` similar ones (0 to 100).

    Raises:
        NotFound: there is no such listing.
    """
    path = f"/v1/listings/{path_segment(listing_id)}/duplicates"
    return Call("GET", path, json_reader(list[Duplicate]), params={"k": k})


def categories() -> Call[list[CategoryCount]]:
    """Return every category, the one with most listings first."""
    return Call("GET", "/v1/categories", json_reader(list[CategoryCount]))


def attributes() -> Call[list[AttributeSummary]]:
    """Return every attribute with its most frequent values, the one with most photos first."""
    return Call("GET", "/v1/attributes", json_reader(list[AttributeSummary]))


def next_page(page: SearchAnswer, k: int) -> Call[SearchAnswer] | None:
    """Return the call for the `k` results after a page; None after the last page."""
    return None if page.cursor is None else search_by(StoredSearch(cursor=page.cursor, k=k))


def _as_texts(fields: SearchFields) -> dict[str, object]:
    """Return the fields as a URL or a form has them.

    Raises:
        ValueError: a number in `attributes` is not finite.
    """
    values: dict[str, object] = msgspec.to_builtins(fields)
    renamed = {"attribute": condition_texts(fields.attributes), "facet": values.pop("facets", [])}
    values.pop("attributes", None)
    return values | {name: texts for name, texts in renamed.items() if texts}
