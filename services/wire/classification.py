"""What is asked and answered about an item's category."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from services.wire.fields import described, example
from services.wire.search import MAX_K
from services.wire.search_answers import (  # noqa: TC001  (msgspec reads the annotations at run time)
    CategoryProbability,
    InDistribution,
    ModelVersion,
)

MAX_CLASSIFIED_PHOTOS = 12
"""Photos of one item that are classified together."""


class WordsToClassify(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What a seller wrote about an item, to predict its category."""

    title: Annotated[
        str, described("Title of the listing; with a description, its first 1,000 characters count.", "Brass lamp")
    ] = ""
    description: Annotated[
        str, described("Its description; the first 10,000 characters of both together count.", "Used, 40 cm high.")
    ] = ""
    k: Annotated[int, described("Number of categories.", 5, minimum=1, maximum=MAX_K)] = 5


class Evidence(msgspec.Struct):
    """The category that photos or words alone make most probable."""

    source: Annotated[Literal["photos", "words"], example("photos", "words")]
    category: Annotated[str, example("Home & Garden", "Electronics")]
    probability: Annotated[float, example(0.914, 0.052)]


class Classification(msgspec.Struct):
    """The most probable categories of an item."""

    categories: Annotated[list[CategoryProbability], described("Likeliest first.")]
    confident: Annotated[
        bool,
        described(
            "Whether to fill in the first category automatically: it is likely enough, and no photo is out of "
            "distribution.",
            True,
        ),
    ]
    based_on: Annotated[
        str,
        described(
            "What the answer rests on: `photo` or `photos`, `title`, `text` (with a description), or both, such as "
            "`photos and title`. Words of which the model knows none do not count. `none`: it knows nothing, and the "
            "probabilities are the frequencies of the categories.",
            "photo and title",
        ),
    ]
    evidence: Annotated[list[Evidence], described("What photos and words say, each by itself.")]
    in_distribution: InDistribution
    ood_score: Annotated[
        float | None,
        described(
            "Out-of-distribution score, 0 or more: how unlike the nearest training photos the most unlike photo is. "
            "Above 1, `in_distribution` is false. Null without photos, or if the model cannot tell.",
            0.6127,
        ),
    ]
    model_version: ModelVersion
