"""Input validation shared by all engines, so that they all refuse the same input before they write anything."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from db.vectors.base import Filter, Point, Vector

_LARGEST_ID = 2**63 - 1

_LARGEST_TIME = 2**53
"""In seconds. Qdrant compares numbers as float64, which is exact for integers up to here."""

_ATTRIBUTE_NAME = re.compile(r"\w{1,40}")
"""Qdrant's payload fields are paths: a name must not hold a point, a bracket or a quote."""


def checked_query(vector: Vector, vector_size: int, *, k: int, where: Filter) -> Vector:
    """Return the query as a contiguous float32 array of shape (vector_size,).

    Raises:
        ValueError: `k` is below 1, or the vector or the filter is invalid.
    """
    if k < 1:
        raise ValueError(f"k is {k}; it must be at least 1")
    check_filter(where)
    query: Vector = np.ascontiguousarray(vector, dtype=np.float32)
    _check_vectors(query[np.newaxis], vector_size)
    return query


def check_filter(where: Filter) -> None:
    """Check that every engine supports the filter's values.

    Raises:
        ValueError: a bound is not finite (JSON cannot carry it), `listed_since` is beyond 2**53, or the name of an
            attribute is not valid.
    """
    for bound in (where.price_min, where.price_max):
        if bound is not None and not math.isfinite(bound):
            raise ValueError(f"the price bound {bound} is not finite; leave it out for no bound")
    for condition in where.attributes:
        _check_attribute_name(condition.name)
        for bound in (condition.minimum, condition.maximum):
            if bound is not None and not math.isfinite(bound):
                raise ValueError(f"the bound {bound} of {condition.name} is not finite; leave it out for no bound")
    if where.listed_since is not None and abs(where.listed_since) > _LARGEST_TIME:
        raise ValueError(f"listed_since is {where.listed_since}; it must be within {_LARGEST_TIME} seconds of 1970")


def checked_batch(points: Sequence[Point], vector_size: int) -> tuple[list[Point], NDArray[np.float32]]:
    """Return the points and their vectors, shape (n, vector_size); of points with equal photo ids, only the last.

    Raises:
        ValueError: one of the points is invalid; the caller must write none of them.
    """
    for point in points:
        _check_point(point, vector_size)
    vectors = np.array([point.vector for point in points], dtype=np.float32).reshape(-1, vector_size)
    _check_vectors(vectors, vector_size)
    rows = list({point.photo_id: row for row, point in enumerate(points)}.values())
    return [points[row] for row in rows], vectors[rows]


def _check_vectors(vectors: NDArray[np.float32], size: int) -> None:
    """Raise ValueError unless `vectors` has shape (n, size) and finite rows of unit length (tolerance 1e-3)."""
    if vectors.ndim != 2 or vectors.shape[1] != size:
        raise ValueError(f"vectors have shape {vectors.shape}; this collection holds vectors of size {size}")
    norms = np.linalg.norm(vectors, axis=1)
    wrong = np.flatnonzero(~(np.abs(norms - 1.0) <= 1e-3))
    if wrong.size:
        raise ValueError(f"vector {int(wrong[0])} is not of unit length: its norm is {norms[wrong[0]]:.6g}")


def _check_point(point: Point, vector_size: int) -> None:
    if not 0 <= point.photo_id <= _LARGEST_ID:
        raise ValueError(f"photo id {point.photo_id} is not between 0 and {_LARGEST_ID}")
    if point.vector.shape != (vector_size,):
        raise ValueError(
            f"the vector of photo {point.photo_id} has shape {point.vector.shape}; "
            f"this collection holds vectors of size {vector_size}"
        )
    price = point.payload.price
    if price is not None and not math.isfinite(price):
        raise ValueError(f"the price of photo {point.photo_id} is {price}; it must be finite, or None for no price")
    listed_at = point.payload.listed_at
    if abs(listed_at) > _LARGEST_TIME:
        raise ValueError(
            f"listed_at of photo {point.photo_id} is {listed_at}; it must be within {_LARGEST_TIME} seconds of 1970"
        )
    for name, value in point.payload.attributes:
        _check_attribute_name(name)
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"the attribute {name} of photo {point.photo_id} is {value}; it must be finite")


def _check_attribute_name(name: str) -> None:
    if not _ATTRIBUTE_NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not the name of an attribute; use 1 to 40 letters, digits or underscores")
