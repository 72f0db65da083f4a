"""Predicts the category of an item from its photos and from what the seller wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from ml.bundle.calibration import NEVER_CONFIDENT, logarithms
from ml.bundle.fusion import Basis, FusionWeights, joined
from ml.bundle.ood import is_in_distribution
from services import wire
from services.errors import BadQuery, Conflict, PhotoRejected
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
        distinct = list(dict.fromkeys(photos))
        seen, vectors = self._seen(distinct, crop, version, times) if photos else (None, [])
        kind, said = _said(bundle, words, has_photos=bool(photos))
        basis = Basis.of(len(distinct), kind)
        weights = _weights(bundle, basis)
        probabilities = np.exp(joined(seen, said, weights)[0])
        order = np.argsort(-probabilities, kind="stable")[:k]
        ood_score = max(map(bundle.ood.score, vectors)) if bundle.ood and vectors else None
        in_distribution = None if ood_score is None else is_in_distribution(ood_score)
        return wire.Classification(
            [wire.CategoryProbability(bundle.categories[i], round(float(probabilities[i]), 4)) for i in order],
            confident=bool(probabilities[order[0]] >= weights.confident_from) and in_distribution is not False,
            based_on=basis.name,
            evidence=_evidence(bundle, basis, seen=seen, said=said),
            in_distribution=in_distribution,
            ood_score=ood_score,
            model_version=bundle.version,
        )

    def _seen(
        self, photos: Sequence[bytes], crop: Crop, version: str, times: StageTimes
    ) -> tuple[NDArray[np.float64], list[NDArray[np.float32]]]:
        """Return the mean log-probabilities of the photos, (1, c), and the vector of each."""
        found = []
        for number, photo in enumerate(photos, start=1):
            try:
                found.append(self._embedder.embed(photo, crop, version, wait_s=times.left_s()))
            except PhotoRejected as error:
                if len(photos) == 1:
                    raise
                raise PhotoRejected(error.reason, f"Photo {number} of {len(photos)}: {error}") from error
        seen = logarithms(np.concatenate([one.probabilities for one in found]))
        return seen.mean(axis=0, keepdims=True), [one.vectors[0] for one in found]


def _said(
    bundle: Bundle, words: Words, *, has_photos: bool
) -> tuple[Literal["", "title", "text"], NDArray[np.float64] | None]:
    """Return which words can be used, and their log-probabilities, (1, c).

    Without photos, words that the model does not know give the frequencies of the categories.

    Raises:
        BadQuery: there are neither photos nor words.
        Conflict: there are only words, and the model knows none at all.
    """
    if not has_photos and not words.text.strip():
        raise BadQuery("image", "is missing. Send a photo, a `title`, a `description`, or several of these")
    if bundle.text is None:
        if has_photos:
            return "", None
        raise Conflict(
            f"Model {bundle.version} tells no category from words alone. Send a photo, or train a model on listings "
            "with titles: lookalike train"
        )
    if not bundle.text.classifier.knows(words.text):
        return "", None if has_photos else bundle.text.classifier.log_probabilities([""])
    return "text" if words.description.strip() else "title", bundle.text.classifier.log_probabilities([words.text])


def _weights(bundle: Bundle, basis: Basis) -> FusionWeights:
    """Return the weights of a basis. The network calibrates one photo, and several where no weights were fitted."""
    if basis.words == "" and (bundle.text is None or basis.name not in bundle.text.fusion):
        threshold = bundle.calibration.confident_from if bundle.calibration and basis.photos else NEVER_CONFIDENT
        return FusionWeights(1.0, 1.0, threshold, 0)
    assert bundle.text is not None, "only a text model joins words"
    return bundle.text.weights(basis)


def _evidence(
    bundle: Bundle, basis: Basis, *, seen: NDArray[np.float64] | None, said: NDArray[np.float64] | None
) -> list[wire.Evidence]:
    """Return the most probable category by the photos alone, and by the words alone."""
    found = []
    if seen is not None:
        by_photos = joined(seen, None, _weights(bundle, Basis(basis.photos, "")))
        found.append(wire.Evidence("photos", *_first(bundle, by_photos)))
    if said is not None and basis.words:
        by_words = joined(None, said, _weights(bundle, Basis(0, basis.words)))
        found.append(wire.Evidence("words", *_first(bundle, by_words)))
    return found


def _first(bundle: Bundle, joint: NDArray[np.float64]) -> tuple[str, float]:
    best = int(joint[0].argmax())
    return bundle.categories[best], round(float(np.exp(joint[0, best])), 4)
