"""Measures whether ranking listings of the predicted categories first improves searches, on held-out listings.

    python -m tests.benchmarks.category_aware DATA_DIR

It compares the plain ranking with the ranking that puts listings of the likely categories first
(`services.search.results.ranking`): same-listing recall and category precision, as in `lookalike evaluate`.
"""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from db.rows import embeddings
from ml.embedding.bulk import embed_all
from ml.evaluation.retrieval import gallery_of, search_all
from ml.metrics import precision_at_k, recall_at_k
from services.ingest.models.bundles import find_bundle
from services.ingest.models.held_out import split_of
from services.ingest.models.labelled import labelled_photos
from services.resources import Resources
from services.search.results.ranking import likely_categories
from services.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from ml.labelled import LabelledPhoto

BONUS = 2.0
"""Added to the inner product of listings in a likely category; two cosines differ by at most 2."""


def main(data_dir: Path) -> None:
    """Measure both rankings and print the results.

    Raises:
        SystemExit: the model held out no stored listing that has two different photos.
    """
    resources = Resources(Settings(_env_file=None, data_dir=data_dir))
    with closing(resources):
        bundle = find_bundle(resources, None)
        photos, vectors = embedded_photos(resources, bundle.version)
        held_out = set(split_of(bundle).held_out)
        rows = np.array([row for row, photo in enumerate(photos) if photo.listing_id in held_out], np.int64)
        gallery = gallery_of(photos)
        queries = gallery.rows_with_match(rows)
        if not len(queries):
            raise SystemExit(
                f"Model {bundle.version} held out none of the listings in {data_dir} that have two different photos. "
                "Train a model on these listings first: `lookalike train`."
            )
        likely = likely_categories_of(resources, [photos[row] for row in queries], bundle.categories)
    names = sorted({photo.category for photo in photos})
    plain = search_all(gallery, vectors, queries)
    own = np.array([[photo.category == name for name in names] for photo in photos], dtype=np.float32)
    preferred = np.zeros_like(own)
    preferred[queries] = [[BONUS * (name in (categories or ())) for name in names] for categories in likely]
    aware = search_all(gallery, np.hstack([vectors, own]), queries, query_vectors=np.hstack([vectors, preferred]))
    sure = np.array([categories is not None for categories in likely])
    print(f"{len(queries)} queries among {len(gallery)}; the model is sure of {sure.mean():.1%}")
    for name, ranking in (("plain", plain), ("category-aware", aware)):
        print(
            f"{name:15} R@1 {recall_at_k(ranking.same_listing, 1):.4f}  "
            f"R@10 {recall_at_k(ranking.same_listing, 10):.4f}  "
            f"P@5 {precision_at_k(ranking.same_category, 5):.4f}"
        )


def embedded_photos(resources: Resources, version: str) -> tuple[list[LabelledPhoto], NDArray[np.float32]]:
    """Return the labelled photos that the model has embedded, and their vectors, shape (n, d)."""
    labelled = {photo.photo_id: photo for photo in labelled_photos(resources.database, resources.photo_files)}
    with resources.database.read() as session:
        points = [point for batch in embeddings.all_points(session, model_version=version) for point in batch]
    labelled_points = [point for point in points if point.photo_id in labelled]
    return [labelled[point.photo_id] for point in labelled_points], np.stack(
        [point.vector for point in labelled_points]
    )


def likely_categories_of(
    resources: Resources, photos: Sequence[LabelledPhoto], categories: Sequence[str]
) -> list[tuple[str, ...] | None]:
    """Return the likely categories of each photo; None if the model is unsure."""

    def contents() -> Iterator[tuple[int, bytes]]:
        for row, photo in enumerate(photos):
            yield row, photo.path.read_bytes()

    categories_of: list[tuple[str, ...] | None] = [None] * len(photos)
    with closing(embed_all(contents(), resources.embedder())) as outcomes:
        for row, outcome in outcomes:
            probabilities = list(zip(categories, map(float, outcome.probabilities), strict=True))
            categories_of[row] = likely_categories(probabilities)
    return categories_of


if __name__ == "__main__":
    main(Path(sys.argv[1]))
