"""Fits the text model to the words of the training listings, and joins it with the photos. Imports torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from ml.bundle.calibration import logarithms
from ml.bundle.fusion import BASES, Basis, TextModel, fit_fusion, joined
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

_ONE_PHOTO = Basis(1, "")
"""Calibrated by the network's temperature."""

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
        has: (m,), whether its title, and its text with a description, has a known word.
        actual: (m,), the correct columns.
    """

    counts: NDArray[np.int64]
    by_photos: Mapping[int, NDArray[np.float64]]
    by_words: Mapping[str, NDArray[np.float64]]
    has: Mapping[str, NDArray[np.bool_]]
    actual: NDArray[np.int64]

    def known(self, basis: Basis) -> _Known:
        """Return what is known of the listings that have at least that much."""
        photos, words = basis
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
    fitted = {basis.name: fit_fusion(*validation.known(basis)) for basis in BASES if basis != _ONE_PHOTO}
    model = TextModel(classifier, {basis: weights for basis, weights in fitted.items() if weights is not None})
    accuracies = {basis.name: _accuracy(model, held_out.known(basis), basis) for basis in BASES}
    named = {f"accuracy_{name.replace(' ', '_')}": value for name, value in accuracies.items() if value is not None}
    return model, named


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
    return logarithms(network.predict(torch.from_numpy(np.array(descriptors)))[1].numpy())


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
    return _Listings(
        counts=counts,
        by_photos={1: seen[first], 2: total / counts[:, None]},
        by_words={
            "title": classifier.log_probabilities([one.title for one in written]),
            "text": classifier.log_probabilities([one.text for one in written]),
        },
        has={
            "title": np.array([classifier.knows(one.title) for one in written], np.bool_),
            "text": np.array([bool(one.description) and classifier.knows(one.text) for one in written], np.bool_),
        },
        actual=np.array([categories.index(photos[row].category) for row in first], np.int64),
    )


def _accuracy(model: TextModel, known: _Known, basis: Basis) -> float | None:
    if not len(known.actual):
        return None
    found = joined(known.photos, known.words, model.weights(basis))
    return accuracy(found.argmax(axis=1), known.actual)
