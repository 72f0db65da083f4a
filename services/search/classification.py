"""Predicts the category of an item from its photos and from what the seller wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from ml.bundle.calibration import NEVER_CONFIDENT
from ml.bundle.fusion import FusionWeights, basis_of, joined
from ml.bundle.ood import is_in_distribution
from services import wire
from services.errors import BadQuery, Conflict
from services.search.query.parsing import check_k

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ml.bundle.bundle import Bundle
    from ml.photos.crops import Crop
    from ml.text.classifier import Words
    from services.resources import Resources
    from services.search.query.photo_embedder import QueryPhotoEmbedder
    from services.search.stage_times import StageTimes


class Classifier:
    """Predicts categories with the live model. Thread-safe."""

    def __init__(self, resources: Resources, embedder: QueryPhotoEmbedder) -> None:
        self._resources, self._embedder = resources, embedder

    def classify(
        self, photos: Sequence[bytes], words: Words, *, k: int, crop: Crop, times: StageTimes
    ) -> wire.Classification:
        """Return the `k` most probable categories of an item; see `SearchService.classify`."""
        check_k(k)
        if len(photos) > wire.MAX_CLASSIFIED_PHOTOS:
            raise BadQuery("image", f"has {len(photos)} photos; send at most {wire.MAX_CLASSIFIED_PHOTOS}")
        version = self._resources.live.current().generation.model_version
        bundle = self._resources.embedder_for(version).bundle
        seen, vectors = self._seen(photos, crop, version, times) if photos else (None, None)
        said = _said(bundle, words, has_photos=bool(photos))
        has_words = said is not None
        basis = basis_of(
            len(photos), has_title=has_words and words.has_title, has_description=has_words and words.has_description
        )
        weights = _weights(bundle, basis)
        probabilities = np.exp(joined(seen, said, weights)[0])
        order = np.argsort(-probabilities, kind="stable")[:k]
        ood_score = None if bundle.ood is None or vectors is None else max(map(bundle.ood.score, vectors))
        in_distribution = None if ood_score is None else is_in_distribution(ood_score)
        return wire.Classification(
            [wire.CategoryProbability(bundle.categories[i], round(float(probabilities[i]), 4)) for i in order],
            confident=bool(probabilities[order[0]] >= weights.confident_from) and in_distribution is not False,
            based_on=basis,
            evidence=_evidence(bundle, photos=seen, words=said),
            in_distribution=in_distribution,
            ood_score=ood_score,
            model_version=bundle.version,
        )

    def _seen(
        self, photos: Sequence[bytes], crop: Crop, version: str, times: StageTimes
    ) -> tuple[NDArray[np.float64], list[NDArray[np.float32]]]:
        """Return the mean log-probabilities of the photos, (1, c), and the vector of each."""
        found = [self._embedder.embed(photo, crop, version, wait_s=times.left_s()) for photo in photos]
        probabilities = np.concatenate([one.probabilities for one in found]).astype(np.float64)
        logarithms = np.log(np.maximum(probabilities, np.finfo(np.float32).tiny))
        return logarithms.mean(axis=0, keepdims=True), [one.vectors[0] for one in found]


def _said(bundle: Bundle, words: Words, *, has_photos: bool) -> NDArray[np.float64] | None:
    """Return the log-probabilities of the words, (1, c); None without words, or if only the photos can be used.

    Raises:
        BadQuery: there are neither photos nor words.
        Conflict: there are only words, and the model knows none.
    """
    if not (words.has_title or words.has_description):
        if has_photos:
            return None
        raise BadQuery("image", "is missing. Send a photo, a `title` with a word, or both")
    if bundle.text is not None:
        return bundle.text.classifier.log_probabilities([words.text])
    if has_photos:
        return None
    raise Conflict(
        f"Model {bundle.version} tells no category from words alone. Send a photo, or train a model on listings with "
        "titles: lookalike train"
    )


def _weights(bundle: Bundle, basis: str) -> FusionWeights:
    """Return the weights of a basis; one photo is calibrated by the network, as several are where none were fitted."""
    if basis == "photo" or (basis == "photos" and (bundle.text is None or basis not in bundle.text.fusion)):
        threshold = bundle.calibration.confident_from if bundle.calibration else NEVER_CONFIDENT
        return FusionWeights(1.0, 0.0, threshold, 0)
    assert bundle.text is not None, "only a text model joins words"
    return bundle.text.weights(basis)


def _evidence(bundle: Bundle, **sources: NDArray[np.float64] | None) -> list[wire.Evidence]:
    """Return the most probable category by each source alone; None stands for what is not known."""
    found = []
    for source, logarithms in sources.items():
        if logarithms is not None:
            probabilities = np.exp(logarithms[0] - np.logaddexp.reduce(logarithms[0]))
            best = int(probabilities.argmax())
            fields = {"source": source, "category": bundle.categories[best]}
            found.append(msgspec.convert(fields | {"probability": round(float(probabilities[best]), 4)}, wire.Evidence))
    return found
