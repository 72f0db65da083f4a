"""The reference results by brute force: every point that the filter matches, scored in float64."""

from __future__ import annotations

import json
from functools import cached_property
from math import inf
from typing import TYPE_CHECKING

import numpy as np

from db.vectors.base import NO_FILTER, Hit
from db.vectors.keys import location_key, path_key

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from db.vectors.attributes import AttributeCondition, AttributeValue
    from db.vectors.base import Filter, Payload, Point, Vector


class Oracle:
    """Brute force over an unchanging set of points."""

    def __init__(self, points: Iterable[Point]) -> None:
        self.points = {point.photo_id: point for point in sorted(points, key=lambda point: point.photo_id)}
        self._matching: dict[Filter, NDArray[np.int64]] = {}
        self._scores: dict[bytes, NDArray[np.float64]] = {}

    def search(self, vector: Vector, k: int, where: Filter = NO_FILTER) -> list[Hit]:
        """Return the k best hits, equal scores by ascending photo id."""
        rows = self.rows(where)
        if not rows.size:
            return []
        scores = self.scores(vector)[rows]
        best = rows[np.argsort(-scores, kind="stable")[:k]]  # rows ascend by photo id
        return [Hit(int(self._ids[row]), float(self.scores(vector)[row])) for row in best]

    def scores(self, vector: Vector) -> NDArray[np.float64]:
        """Return the inner product of every point with `vector`, in the order of `points`."""
        key = vector.tobytes()
        if key not in self._scores:
            self._scores[key] = self._matrix @ vector.astype(np.float64)
        return self._scores[key]

    def score(self, vector: Vector, photo_id: int) -> float:
        """Return the inner product of a point with `vector`."""
        return float(self.scores(vector)[np.searchsorted(self._ids, photo_id)])

    def rows(self, where: Filter) -> NDArray[np.int64]:
        """Return the rows of the points that the filter matches."""
        if where not in self._matching:
            self._matching[where] = np.flatnonzero(self._columns.selected(where))
        return self._matching[where]

    def selectivity(self, where: Filter) -> float:
        """Return the share of the points that the filter matches."""
        return len(self.rows(where)) / len(self.points)

    @cached_property
    def _ids(self) -> NDArray[np.int64]:
        return np.array(list(self.points), dtype=np.int64)

    @cached_property
    def _matrix(self) -> NDArray[np.float64]:
        return np.array([point.vector for point in self.points.values()], dtype=np.float64)

    @cached_property
    def _columns(self) -> PayloadColumnsOracle:
        return PayloadColumnsOracle([point.payload for point in self.points.values()])


class PayloadColumnsOracle:
    """Payloads by field. `Filter.matches` says the same of one payload; a test compares the two."""

    def __init__(self, payloads: list[Payload]) -> None:
        self._payloads = payloads
        self._prices = np.array([np.nan if one.price is None else one.price for one in payloads], dtype=np.float64)
        self._times = np.array([one.listed_at for one in payloads], dtype=np.int64)

    def selected(self, where: Filter) -> NDArray[np.bool_]:
        """Return which payloads satisfy every field that is set. A comparison with NaN, no price, is false."""
        found = np.ones(len(self._payloads), dtype=np.bool_)
        if where.price_min is not None:
            found &= self._prices >= where.price_min
        if where.price_max is not None:
            found &= self._prices <= where.price_max
        if where.listed_since is not None:
            found &= self._times >= where.listed_since
        for answers in self._answers(where):
            found &= np.fromiter(answers, dtype=np.bool_, count=len(found))
        return found

    def _answers(self, where: Filter) -> Iterable[Iterable[bool]]:
        """Yield for each other field that is set whether each payload satisfies it."""
        every = self._payloads
        if where.categories:
            yield (one.category in where.categories for one in every)
        if where.location is not None:
            place = location_key(where.location)
            yield (place in one.locations for one in every)
        if where.region is not None:
            region = location_key(where.region)
            yield (one.region == region for one in every)
        if where.category_path is not None:
            path = path_key(where.category_path)
            yield (path in one.category_paths for one in every)
        if where.currency is not None:
            yield (one.currency == where.currency for one in every)
        if where.sellers:
            yield (one.seller in where.sellers for one in every)
        if where.excluded_sellers:
            yield (one.seller not in where.excluded_sellers for one in every)
        if where.sold is not None:
            yield (one.sold == where.sold for one in every)
        for condition in where.attributes:
            yield (_satisfies(condition, one) for one in every)
        if where.excluded_listing_ids:
            yield (one.listing_id not in where.excluded_listing_ids for one in every)


def _satisfies(condition: AttributeCondition, payload: Payload) -> bool:
    for name, value in payload.attributes:
        if name != condition.name:
            continue
        if condition.keys and comparable(value) not in condition.keys:
            return False
        bounds = (condition.minimum, condition.maximum)
        if bounds == (None, None):
            return True
        low, high = (end if bound is None else bound for end, bound in zip((-inf, inf), bounds, strict=True))
        return type(value) is float and low <= value <= high
    return False


def comparable(value: AttributeValue) -> str:
    """Return the text by which attributes are compared: `json` writes numbers and booleans as engines compare them."""
    text = value if isinstance(value, str) else json.dumps(value).removesuffix(".0")
    return " ".join(text.casefold().split())
