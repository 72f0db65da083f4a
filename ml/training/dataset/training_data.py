"""What a training learns from."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ml.copies.items import KnownLinks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ml.labelled import LabelledPhoto
    from ml.text.classifier import Words


@dataclass(frozen=True, slots=True)
class TrainingData:
    """A catalogue to train on.

    Attributes:
        photos: with their labels, in any order.
        known: links between listings that are known before their photos are compared.
        words: of each listing that has any; they tell the category too.
    """

    photos: Sequence[LabelledPhoto]
    known: KnownLinks = KnownLinks()  # noqa: RUF009 - immutable
    words: Mapping[str, Words] = field(default_factory=dict)

    def fingerprint(self) -> list[object]:
        """Return JSON values that equal data share."""
        digest = hashlib.sha256()
        for photo in sorted(self.photos, key=lambda photo: photo.photo_id):
            written = self.words.get(photo.listing_id)
            stated = [photo.photo_id, photo.listing_id, photo.category_path, photo.sha256, written]
            digest.update(json.dumps(stated).encode())
        links = [sorted((one.listing_id, one.other_listing_id) for one in self.known.shared)]
        return [digest.hexdigest(), links, sorted(self.known.rejected)]
