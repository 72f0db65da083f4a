"""Compares an engine's hits with the oracle's, and counts the comparisons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from db.vectors.base import Filter, Hit, Vector
    from tests.contract.oracle import Oracle

SCORE_TOLERANCE = 5e-5
"""Scores are equal to 4 decimals."""

TIE = 1e-4
"""Points whose scores differ by less may change places."""


@dataclass
class ComparisonTally:
    """How many answers were compared, and how many were wrong."""

    comparisons: int = 0
    violations: int = 0

    def add(self, violations: list[str]) -> list[str]:
        """Count one comparison; hand the violations back."""
        self.comparisons += 1
        self.violations += bool(violations)
        return violations


@dataclass(frozen=True)
class Question:
    """One search."""

    vector: Vector
    k: int
    where: Filter


def violations(hits: list[Hit], question: Question, oracle: Oracle) -> list[str]:
    """Return what is wrong with `hits` as an answer to `question`: nothing, one hopes."""
    expected = oracle.search(question.vector, question.k, question.where)
    ids = [hit.photo_id for hit in hits]
    if unknown := [photo_id for photo_id in ids if photo_id not in oracle.points]:
        return [f"{question.where}: photos {unknown} are not in the collection"]
    found = [
        *_wrong_set(ids, expected),
        *(f"photo {i} does not match" for i in ids if not question.where.matches(oracle.points[i].payload)),
        *_wrong_order(hits),
        *_wrong_scores(hits, expected, question, oracle),
    ]
    return [f"k={question.k} {question.where}: {problem}" for problem in found]


def _wrong_set(ids: list[int], expected: list[Hit]) -> list[str]:
    problems = [] if len(ids) == len(expected) else [f"{len(ids)} hits, not {len(expected)}"]
    return problems if len(set(ids)) == len(ids) else [*problems, "a photo is there twice"]


def _wrong_order(hits: list[Hit]) -> list[str]:
    order = [(-hit.score, hit.photo_id) for hit in hits]
    return [] if order == sorted(order) else ["the hits are not in order"]


def _wrong_scores(hits: list[Hit], expected: list[Hit], question: Question, oracle: Oracle) -> list[str]:
    problems = []
    for place, (hit, right) in enumerate(zip(hits, expected, strict=False)):
        true_score = oracle.score(question.vector, hit.photo_id)
        if abs(hit.score - true_score) > SCORE_TOLERANCE:
            problems.append(f"photo {hit.photo_id} has score {hit.score}, not {true_score}")
        if hit.photo_id != right.photo_id and abs(true_score - right.score) > TIE:
            problems.append(f"photo {hit.photo_id} in place {place}, not {right.photo_id}")
    return problems
