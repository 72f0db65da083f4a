"""The answer by definition: every point that the filter matches, compared with the query in float64."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from db.vectors.base import NO_FILTER, Hit

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from db.vectors.base import Filter, Point, Vector


class Oracle:
    """Brute force over an unchanging set of points."""

    def __init__(self, points: Iterable[Point]) -> None:
        self.points = {point.photo_id: point for point in sorted(points, key=lambda point: point.photo_id)}
        self._matching: dict[Filter, NDArray[np.int64]] = {}

    def search(self, vector: Vector, k: int, where: Filter = NO_FILTER) -> list[Hit]:
        """Return the k best hits, equal scores by ascending photo id."""
        rows = self.rows(where)
        if not rows.size:
            return []
        scores = self._matrix[rows] @ vector.astype(np.float64)
        best = rows[np.argsort(-scores, kind="stable")[:k]]  # rows ascend by photo id
        return [Hit(int(self._ids[row]), self.score(vector, int(self._ids[row]))) for row in best]

    def score(self, vector: Vector, photo_id: int) -> float:
        """Return the inner product of a point with `vector`."""
        return float(self.points[photo_id].vector.astype(np.float64) @ vector.astype(np.float64))

    def rows(self, where: Filter) -> NDArray[np.int64]:
        """Return the rows of the points that the filter matches."""
        if where not in self._matching:
            matching = [row for row, point in enumerate(self.points.values()) if where.matches(point.payload)]
            self._matching[where] = np.array(matching, dtype=np.int64)
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
