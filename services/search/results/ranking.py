"""From hits on photos to ranked listings: one result per listing, its score, and the order. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, inf, log
from typing import TYPE_CHECKING

import numpy as np

from db.vectors.keys import location_key

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from numpy.typing import NDArray

    from db.rows.payloads import ListingFields
    from db.rows.search_rows import PhotoWithListing
    from ml.bundle.score_map import ScoreMap
    from services.search.query.parsing import RankingOptions
    from services.search.retrieval.candidates import Candidate


RECENCY_HALF_LIFE_DAYS = 30.0
"""Age at which a listing has lost half of what recency can give: a listing is mostly sold, or renewed, in a month."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """A result: `score` in [0, 1] is the similarity times the factors; `similarity` is what `shown_scores` says."""

    photo: PhotoWithListing
    cosine: float
    similarity: float
    score: float
    factors: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Reference:
    """What the price and place of results are compared with, and when `now` is (aware); a currency of None is any."""

    price: float | None
    currency: str | None
    place: str
    now: datetime


def shown_scores(cosines: Sequence[float], score_map: ScoreMap | None) -> list[float]:
    """Return the scores, in [0, 1], that are shown for cosines in [-1, 1].

    With a score map they are the probabilities that the two show the same item, with the six decimals that keep cosines
    apart on it. Without, they are the cosines themselves, cut to 0..1: 1 is the same picture.
    """
    if score_map is None:
        return [round(min(max(cosine, 0.0), 1.0), 4) for cosine in cosines]
    return [round(probability, 6) for probability in score_map(cosines).tolist()]


def factors(listing: ListingFields, reference: Reference, wishes: RankingOptions) -> dict[str, float]:
    """Return, for each weight w above 0, the factor that a listing's score is multiplied by: 1 - w (1 - n).

    The nearness n, in [0, 1], is

    - price: the smaller price by the larger, p / q: a price off by a factor of two is half as near, either way;
      0 without a price, or with one in another currency;
    - place: of the comma-separated parts of both places, the share that is common (Jaccard's index);
    - recency: 2^(-age / 30 days).
    """
    near = {
        "price": (wishes.price_weight, _price_nearness(listing, reference)),
        "place": (wishes.place_weight, _place_nearness(listing, reference)),
        "recency": (wishes.recency_weight, _recency(listing, reference)),
    }
    return {name: round(1 - weight * (1 - nearness), 4) for name, (weight, nearness) in near.items() if weight > 0}


def _price_nearness(listing: ListingFields, reference: Reference) -> float:
    if not listing.price or not reference.price or reference.currency not in (None, listing.currency):
        return 0.0
    return exp(-abs(log(float(listing.price) / reference.price)))


def _place_nearness(listing: ListingFields, reference: Reference) -> float:
    here, there = _parts(listing.location), _parts(reference.place)
    return len(here & there) / len(here | there) if here and there else 0.0


def _parts(place: str) -> set[str]:
    return {location_key(part) for part in place.split(",")} - {""}


def _recency(listing: ListingFields, reference: Reference) -> float:
    age_days = (reference.now - (listing.listed_at or listing.created_at)).total_seconds() / 86_400
    return float(2 ** (-max(0.0, age_days) / RECENCY_HALF_LIFE_DAYS))


def ranked(
    candidates: Sequence[Candidate], wishes: RankingOptions, *, reference: Reference, score_map: ScoreMap | None
) -> list[Ranked]:
    """Return the candidates with their scores, best first; those below `min_score` are left out."""
    results = scored(candidates, wishes, reference=reference, score_map=score_map)
    shown = [result for result in results if result.similarity >= wishes.min_score]
    if not wishes.weighs:
        return shown  # candidates are in order, which rounded scores would not keep
    return sorted(shown, key=lambda result: (-result.score, result.photo.id))


def scored(
    candidates: Sequence[Candidate], wishes: RankingOptions, *, reference: Reference, score_map: ScoreMap | None
) -> list[Ranked]:
    """Return the candidates, in their order, with their scores."""
    similarities = shown_scores([candidate.cosine for candidate in candidates], score_map)
    return [
        _ranked(candidate, similarity, wishes, reference)
        for candidate, similarity in zip(candidates, similarities, strict=True)
    ]


def _ranked(candidate: Candidate, similarity: float, wishes: RankingOptions, reference: Reference) -> Ranked:
    found = factors(candidate.photo.listing, reference, wishes) if wishes.weighs else {}
    score = similarity * float(np.prod(list(found.values()))) if found else similarity
    return Ranked(candidate.photo, candidate.cosine, similarity, round(score, 6), found)


def diversified(relevance: NDArray[np.float64], vectors: NDArray[np.float32], diversity: float) -> list[int]:
    """Return the rows in the order of maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998).

    Each next row is the one with the greatest (1 - diversity) relevance - diversity (greatest cosine to those before).

    Args:
        relevance: shape (n,), in [0, 1].
        vectors: unit length, shape (n, d).
        diversity: in [0, 1]: 0 is the order of relevance.
    """
    left = np.ones(len(relevance), dtype=bool)
    nearest = np.zeros(len(relevance))
    order = []
    for _ in range(len(relevance)):
        gain = np.where(left, (1 - diversity) * relevance - diversity * nearest, -inf)
        row = int(np.argmax(gain))
        order.append(row)
        left[row] = False
        nearest = np.maximum(nearest, vectors @ vectors[row])
    return order


def disliked_last(
    candidates: Sequence[Candidate], vectors: NDArray[np.float32], negatives: NDArray[np.float32]
) -> list[Candidate]:
    """Return the candidates in the order of Qdrant's recommend strategy `best_score`.

    Who is nearer to something liked than to anything disliked comes by that cosine; behind them come the others, the
    nearest to something disliked last (https://qdrant.tech/documentation/concepts/explore/, "Best score strategy").

    Args:
        candidates: by the cosine to the nearest of what was liked.
        vectors: theirs, shape (n, d).
        negatives: what was disliked, shape (m, d), m at least 1.
    """
    disliked = (vectors @ negatives.T).max(axis=1)
    liked = np.array([candidate.cosine for candidate in candidates])
    worth = np.where(liked > disliked, liked, -2 - disliked)  # below every cosine
    return [candidates[row] for row in np.argsort(-worth, kind="stable")]


def believed_categories(
    beliefs: Sequence[tuple[str, float]], *, mass: float = 0.9, at_most: int = 3
) -> tuple[str, ...] | None:
    """Return the fewest categories that together have a probability of `mass`; None where it takes more than `at_most`.

    Args:
        beliefs: categories with their probabilities, in any order.
        mass: in (0, 1].
        at_most: categories.
    """
    total, chosen = 0.0, []
    for category, probability in sorted(beliefs, key=lambda belief: -belief[1])[:at_most]:
        chosen.append(category)
        total += probability
        if total >= mass:
            return tuple(chosen)
    return None
