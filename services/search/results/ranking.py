"""Scores candidates and orders them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, inf, log
from typing import TYPE_CHECKING

import numpy as np

from db.vectors.keys import location_key
from services.search.results.scores import displayed_scores
from services.wire import SORTED_LISTINGS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from numpy.typing import NDArray

    from db.rows.payloads import ListingFields
    from db.rows.search_rows import PhotoWithListing
    from ml.bundle.score_map import ScoreMap
    from services.search.query.parsing import RankingOptions
    from services.search.retrieval.candidates import Candidate
    from services.wire import Sort


RECENCY_HALF_LIFE_DAYS = 30.0
"""Age at which recency is worth half: most listings are sold or renewed within a month."""

_LIKELY_MASS, _MAX_LIKELY = 0.9, 3


@dataclass(frozen=True, slots=True)
class RankedListing:
    """A listing in the results, represented by its photo nearest to the query.

    Attributes:
        similarity: the displayed score of the cosine, in [0, 1].
        factors: by name, in [0, 1]; see `factors`.
        score: the similarity times the factors, in [0, 1].
        also_offered_by: the other listings of its group of copies that are results too, nearest first.
    """

    photo: PhotoWithListing
    cosine: float
    similarity: float
    score: float
    factors: Mapping[str, float]
    also_offered_by: tuple[RankedListing, ...] = ()


@dataclass(frozen=True, slots=True)
class Reference:
    """What the price, place and age of results are compared with.

    Attributes:
        currency: ISO 4217 code; None means any.
        now: timezone-aware.
    """

    price: float | None
    currency: str | None
    place: str
    now: datetime


def factors(listing: ListingFields, reference: Reference, options: RankingOptions) -> dict[str, float]:
    """Return the factors of a listing's score: 1 - w (1 - n) for each weight w above 0.

    The nearness n, in [0, 1], is

    - price: the smaller price divided by the larger, so half or twice the price is half as near; 0 without a price or
      with one in another currency;
    - place: the share of common comma-separated parts of both places (Jaccard index);
    - recency: 2^(-age / 30 days).
    """
    weighted = {
        "price": (options.price_weight, _price_nearness(listing, reference)),
        "place": (options.place_weight, _place_nearness(listing, reference)),
        "recency": (options.recency_weight, _recency(listing, reference)),
    }
    return {name: round(1 - weight * (1 - nearness), 4) for name, (weight, nearness) in weighted.items() if weight > 0}


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


def rank_candidates(
    candidates: Sequence[Candidate], options: RankingOptions, *, reference: Reference, score_map: ScoreMap | None
) -> list[RankedListing]:
    """Score the candidates, drop those below `min_score`, and return the rest, best first."""
    results = score_candidates(candidates, options, reference=reference, score_map=score_map)
    shown = [result for result in results if result.similarity >= options.min_score]
    if not options.is_weighted:
        return shown  # the candidates are in order; sorting by rounded scores would create ties
    return sorted(shown, key=lambda result: (-result.score, result.photo.id))


def score_candidates(
    candidates: Sequence[Candidate], options: RankingOptions, *, reference: Reference, score_map: ScoreMap | None
) -> list[RankedListing]:
    """Score the candidates, and return them in their order."""
    similarities = displayed_scores([candidate.cosine for candidate in candidates], score_map)
    return [
        _score(candidate, similarity, options, reference=reference)
        for candidate, similarity in zip(candidates, similarities, strict=True)
    ]


def _score(candidate: Candidate, similarity: float, options: RankingOptions, *, reference: Reference) -> RankedListing:
    by_name = factors(candidate.photo.listing, reference, options) if options.is_weighted else {}
    score = similarity * float(np.prod(list(by_name.values()))) if by_name else similarity
    return RankedListing(candidate.photo, candidate.cosine, similarity, round(score, 6), by_name)


def diverse_order(relevance: NDArray[np.float64], vectors: NDArray[np.float32], diversity: float) -> list[int]:
    """Order rows by maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998), and return their indices.

    The next row maximises (1 - diversity) * relevance - diversity * (highest cosine to a row already chosen).

    Args:
        relevance: shape (n,), in [0, 1].
        vectors: unit length, shape (n, d).
        diversity: in [0, 1]; 0 keeps the order of relevance.
    """
    remaining = np.ones(len(relevance), dtype=bool)
    nearest = np.zeros(len(relevance))
    order = []
    for _ in range(len(relevance)):
        gain = np.where(remaining, (1 - diversity) * relevance - diversity * nearest, -inf)
        row = int(np.argmax(gain))
        order.append(row)
        remaining[row] = False
        nearest = np.maximum(nearest, vectors @ vectors[row])
    return order


def sorted_by(results: Sequence[RankedListing], sort: Sort) -> list[RankedListing]:
    """Return the `SORTED_LISTINGS` best results in another order; unknown prices are last."""
    best = results[:SORTED_LISTINGS]
    if sort == "newest":
        return sorted(best, key=_listed, reverse=True)
    sign = -1 if sort == "price_descending" else 1
    return sorted(best, key=lambda result: _signed_price(result, sign))


def _listed(result: RankedListing) -> datetime:
    return result.photo.listing.listed_at or result.photo.listing.created_at


def _signed_price(result: RankedListing, sign: int) -> float:
    price = result.photo.listing.price
    return inf if price is None else sign * float(price)


def order_by_best_score(
    candidates: Sequence[Candidate], vectors: NDArray[np.float32], negatives: NDArray[np.float32]
) -> list[Candidate]:
    """Order candidates by Qdrant's recommend strategy `best_score`.

    Candidates nearer to a liked vector than to any disliked one come first, by that cosine. The others follow, those
    nearest to a disliked vector last (https://qdrant.tech/documentation/concepts/explore/, "Best score strategy").

    Args:
        candidates: with the cosine to the nearest liked vector.
        vectors: of the candidates, shape (n, d).
        negatives: the disliked vectors, shape (m, d), m at least 1.
    """
    disliked = (vectors @ negatives.T).max(axis=1)
    liked = np.array([candidate.cosine for candidate in candidates])
    worth = np.where(liked > disliked, liked, -2 - disliked)  # below every cosine
    return [candidates[row] for row in np.argsort(-worth, kind="stable")]


def likely_categories(probabilities: Sequence[tuple[str, float]]) -> tuple[str, ...] | None:
    """Return the fewest categories whose probabilities, in any order, add up to 0.9; None if that takes more than 3."""
    total, chosen = 0.0, []
    for category, probability in sorted(probabilities, key=lambda one: -one[1])[:_MAX_LIKELY]:
        chosen.append(category)
        total += probability
        if total >= _LIKELY_MASS:
            return tuple(chosen)
    return None
