"""The query vector of a recommendation."""

from __future__ import annotations

import pytest

from services.errors import BadQuery
from services.search.query.recommendation import average_vector
from tests.angles import angle


def test_moves_the_average_away_from_the_disliked_vector() -> None:
    assert average_vector([angle(0)], [angle(60)]) == pytest.approx(angle(-30), abs=1e-6)


def test_averages_liked_vectors_by_their_weights() -> None:
    liked = [angle(0), angle(60)]
    assert average_vector(liked, []) == pytest.approx(angle(30), abs=1e-6)
    assert average_vector(liked, [], positive_weights=[1.0, 0.0]) == pytest.approx(liked[0], abs=1e-6)


def test_rejects_vectors_that_cancel_out() -> None:
    with pytest.raises(BadQuery, match="cancels out the liked listings"):
        average_vector([angle(0), angle(180)], [])
