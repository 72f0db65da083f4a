"""Fits the text model to the words of the training listings, and joins it with the photos. Imports torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from ml.bundle.fusion import TextModel, basis_of, fit_fusion, joined
from ml.metrics import accuracy
from ml.text.classifier import Words
from ml.text.fitting import fit_text_classifier

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from ml.labelled import LabelledPhoto
    from ml.network.model import LookalikeNet
    from ml.text.classifier import TextClassifier
    from ml.training.dataset.labels import SplitLabels
    from ml.training.dataset.split import Split

_CASES = tuple((photos, words) for photos in (0, 1, 2) for words in ("", "title", "text") if photos or words)
"""What may be known of a listing: no photo, one, or all of several; and no words, its title, or its whole text."""

_NO_WORDS = Words()


class _Known(NamedTuple):
    """The log-probabilities of n listings by photos and by words, (n, c) or None, and the correct columns, (n,)."""

    photos: NDArray[np.float64] | None
    words: NDArray[np.float64] | None
    actual: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Listings:
    """The m listings of one side of the split.

    Attributes:
        counts: (m,), the number of photos.
        by_photos: log-probabilities (m, c): of the first photo under 1, the mean of all photos under 2.
        by_words: log-probabilities (m, c): of the title, and of the whole text.
        has: (m,), whether it has a title, and whether it has a description.
        actual: (m,), the correct columns.
    """

    counts: NDArray[np.int64]
    by_photos: Mapping[int, NDArray[np.float64]]
    by_words: Mapping[str, NDArray[np.float64]]
    has: Mapping[str, NDArray[np.bool_]]
    actual: NDArray[np.int64]

    def known(self, photos: int, words: str) -> _Known:
        """Return what is known of the listings that have this many photos and these words."""
        rows = self.counts >= photos
        if words:
            rows &= self.has[words]
        return _Known(
            self.by_photos[photos][rows] if photos else None,
            self.by_words[words][rows] if words else None,
            self.actual[rows],
        )


def fit_text_model(
    network: LookalikeNet,
    descriptors: NDArray[np.float32],
    labels: SplitLabels,
    split: Split,
    *,
    words: Mapping[str, Words],
    categories: Sequence[str],
) -> tuple[TextModel | None, dict[str, float]]:
    """Fit the classifier to training listings and the fusion to validation listings, and measure both on held-out ones.

    Args:
        words: of each listing that has any.

    Returns:
        None if the training listings have no words in common; and the accuracy of each basis, by name.
    """
    classifier = _fit_classifier(split.train, words, categories)
    if classifier is None:
        return None, {}
    validation, held_out = (
        _listings(
            photos, _log_probabilities(network, descriptors[rows]), words, classifier=classifier, categories=categories
        )
        for photos, rows in ((split.validation, labels.validation.rows), (split.held_out, labels.held_out.rows))
    )
    fitted = {_basis(*case): fit_fusion(*validation.known(*case)) for case in _CASES}
    model = TextModel(classifier, {basis: weights for basis, weights in fitted.items() if weights is not None})
    accuracies = {case: _accuracy(model, held_out, case) for case in _CASES}
    return model, {
        f"accuracy_{_basis(*case)}".replace(" ", "_"): value for case, value in accuracies.items() if value is not None
    }


def _fit_classifier(
    train: Sequence[LabelledPhoto], words: Mapping[str, Words], categories: Sequence[str]
) -> TextClassifier | None:
    category_of = {photo.listing_id: categories.index(photo.category) for photo in train if photo.listing_id in words}
    texts = [words[listing] for listing in category_of]
    return fit_text_classifier(texts, np.array(list(category_of.values()), np.int64), count=len(categories))


@torch.inference_mode()
def _log_probabilities(network: LookalikeNet, descriptors: NDArray[np.float32]) -> NDArray[np.float64]:
    if not len(descriptors):
        return np.empty((0, network.category_of_class.shape[1]))
    probabilities = network.predict(torch.from_numpy(np.array(descriptors)))[1].numpy().astype(np.float64)
    return np.log(np.maximum(probabilities, np.finfo(np.float32).tiny))


def _listings(
    photos: Sequence[LabelledPhoto],
    seen: NDArray[np.float64],
    words: Mapping[str, Words],
    *,
    classifier: TextClassifier,
    categories: Sequence[str],
) -> _Listings:
    """Group the photos, with their log-probabilities `seen` (n, c), by listing."""
    names, first, listing_of, counts = np.unique(
        [photo.listing_id for photo in photos], return_index=True, return_inverse=True, return_counts=True
    )
    total = np.zeros((len(names), len(categories)))
    np.add.at(total, listing_of, seen)
    written = [words.get(str(name), _NO_WORDS) for name in names]
    empty = np.empty((0, len(categories)))
    return _Listings(
        counts=counts,
        by_photos={1: seen[first], 2: total / counts[:, None]},
        by_words={
            "title": classifier.log_probabilities([one.title for one in written]) if written else empty,
            "text": classifier.log_probabilities([one.text for one in written]) if written else empty,
        },
        has={
            "title": np.array([one.has_title for one in written], np.bool_),
            "text": np.array([one.has_description for one in written], np.bool_),
        },
        actual=np.array([categories.index(photos[row].category) for row in first], np.int64),
    )


def _basis(photos: int, words: str) -> str:
    return basis_of(photos, has_title=words == "title", has_description=words == "text")


def _accuracy(model: TextModel, listings: _Listings, case: tuple[int, str]) -> float | None:
    known = listings.known(*case)
    if not len(known.actual):
        return None
    found = joined(known.photos, known.words, model.weights(_basis(*case)))
    return accuracy(found.argmax(axis=1), known.actual)
