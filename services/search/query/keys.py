"""Keys of query sources: what a query token holds, and what a source can be built from again.

msgspec encodes each key as an array with a tag. Issued tokens stay valid only while the tags and the order of the
fields stay the same.
"""

from __future__ import annotations

from math import isfinite

import msgspec

from services.wire import MAX_RECOMMENDATION_LISTINGS, Strategy


class PhotoKey(msgspec.Struct, array_like=True, tag="v", frozen=True):
    """A photo, or a part of one, that was embedded for an earlier query.

    Attributes:
        model_version: the model that embedded it.
        vector: little-endian float16.
        photo_ref: where the whole photo is: a key of `QueryPhotoCache`, or the id of a stored photo.
        category_probabilities: the most probable categories with their probabilities.
        listing_id: the listing of a stored photo; None for an upload.
    """

    model_version: str
    vector: bytes
    photo_ref: str | int
    category_probabilities: tuple[tuple[str, float], ...] = ()
    listing_id: str | None = None


class ListingKey(msgspec.Struct, array_like=True, tag="l", frozen=True):
    """A listing, searched by all its photos."""

    listing_id: str


class StoredPhotoKey(msgspec.Struct, array_like=True, tag="p", frozen=True):
    """One photo of a listing."""

    photo_id: int


class InvalidRecommendation(ValueError):
    """A recommendation that makes no sense.

    Attributes:
        field: the field at fault.
        problem: what is wrong with it.
    """

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field} {problem}")
        self.field, self.problem = field, problem


class RecommendationKey(msgspec.Struct, array_like=True, tag="r", frozen=True):
    """Liked and disliked listings; see `wire.Recommendation`. `query` counts as liked.

    Raises:
        InvalidRecommendation: nothing is liked, too many listings, a listing in both lists, or unsuitable weights.
    """

    positive: tuple[str, ...]
    negative: tuple[str, ...] = ()
    positive_weights: tuple[float, ...] = ()
    negative_weights: tuple[float, ...] = ()
    strategy: Strategy = "average"
    query: PhotoKey | ListingKey | StoredPhotoKey | None = None

    def __post_init__(self) -> None:
        """Check the values, also those of a forged token."""
        if not self.positive and self.query is None:
            raise InvalidRecommendation("positive", "is empty; name at least one liked listing, or set `query_token`")
        if (count := len(self.positive) + len(self.negative)) > MAX_RECOMMENDATION_LISTINGS:
            problem = f"names {count} listings together with `negative`; the limit is {MAX_RECOMMENDATION_LISTINGS}"
            raise InvalidRecommendation("positive", problem)
        if both := sorted({*self.positive} & {*self.negative}):
            raise InvalidRecommendation("negative", f"names {both[0]!r}, which is also in `positive`")
        self._check_weights("positive", self.positive, self.positive_weights)
        self._check_weights("negative", self.negative, self.negative_weights)

    def _check_weights(self, name: str, listing_ids: tuple[str, ...], weights: tuple[float, ...]) -> None:
        if weights and self.strategy != "average":
            raise InvalidRecommendation(f"{name}_weights", "can only be used with the strategy `average`")
        if weights and (len(weights) != len(listing_ids) or not all(isfinite(one) and one > 0 for one in weights)):
            problem = f"must have one number above 0 for each listing in `{name}`"
            raise InvalidRecommendation(f"{name}_weights", problem)


QuerySourceKey = PhotoKey | ListingKey | StoredPhotoKey | RecommendationKey
