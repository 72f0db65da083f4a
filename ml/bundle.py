"""A model bundle: one folder with a network's weights and all that is needed to embed photos with it.

    model.json           categories, vector size, preprocessing, metrics, training record, hashes, canonical vectors
    weights.safetensors  the weights in float32, for torch
    model.xml, model.bin the same network as an OpenVINO graph with float16 weights, for serving

It is written by `ml.bundle_writer`, verified before it is used, and never changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from ml.manifest import (
    BUNDLE_FILES,
    COPY_AGAIN,
    GRAPH,
    MANIFEST,
    WEIGHTS,
    BundleError,
    bundle_version,
    fingerprint,
    read_manifest,
)
from ml.preprocess import Preprocessing

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

    from ml.canonical import CanonicalVectors
    from ml.manifest import Fingerprint, Manifest

__all__ = ["Bundle", "BundleError"]


@dataclass(frozen=True, slots=True)
class Bundle:
    """A verified model bundle.

    Attributes:
        version: 12 hex digits over weights, preprocessing and categories: equal content has equal versions.
        categories: the names of the classes, in the order of the probabilities.
        vector_size: d, the number of components of a vector.
        metrics: measured on the held-out listings when the bundle was made, by name.
        record: how it was trained (settings, data, seed); JSON values.
    """

    path: Path
    version: str
    categories: tuple[str, ...]
    vector_size: int
    preprocessing: Preprocessing
    metrics: Mapping[str, float]
    record: Mapping[str, Any]
    canonical: CanonicalVectors
    created_at: datetime

    @property
    def weights_path(self) -> Path:
        """The safetensors file."""
        return self.path / WEIGHTS

    @property
    def graph_path(self) -> Path:
        """The OpenVINO graph; its weights lie beside it."""
        return self.path / GRAPH

    @classmethod
    def load(cls, path: Path) -> Bundle:
        """Verify the folder's files against its manifest, sizes first, and return the bundle.

        Raises:
            BundleError: a file is missing, damaged or of another format version, or the manifest was edited.
        """
        manifest = read_manifest(path)
        for name in BUNDLE_FILES:
            _verify_file(path / name, manifest.files.get(name))
        bundle = _bundle(path, manifest)
        expected = bundle_version(manifest.files[WEIGHTS].sha256, bundle.preprocessing, bundle.categories)
        if manifest.version != expected:
            raise BundleError(
                path / MANIFEST, f"states version {manifest.version} but its content is {expected}", COPY_AGAIN
            )
        return bundle


def _bundle(path: Path, manifest: Manifest) -> Bundle:
    try:
        preprocessing = Preprocessing.from_json(manifest.preprocessing)
    except (msgspec.ValidationError, ValueError) as error:
        raise BundleError(path / MANIFEST, f"holds unusable preprocessing ({error})", COPY_AGAIN) from error
    return Bundle(
        path=path,
        version=manifest.version,
        categories=manifest.categories,
        vector_size=manifest.vector_size,
        preprocessing=preprocessing,
        metrics=manifest.metrics,
        record=manifest.record,
        canonical=manifest.canonical,
        created_at=manifest.created_at,
    )


def _verify_file(file: Path, stated: Fingerprint | None) -> None:
    if stated is None:
        raise BundleError(file, f"is not listed in {MANIFEST}", COPY_AGAIN)
    if not file.is_file():
        raise BundleError(file, "is missing", COPY_AGAIN)
    size = file.stat().st_size
    if size != stated.size:
        raise BundleError(file, f"has {size} bytes where {MANIFEST} states {stated.size}", COPY_AGAIN)
    if fingerprint(file) != stated:
        raise BundleError(file, f"is damaged: its SHA-256 is not the one in {MANIFEST}", COPY_AGAIN)
