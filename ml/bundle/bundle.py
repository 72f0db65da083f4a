"""A model bundle: one folder with a network's weights and all that is needed to embed photos with it.

    model.json           categories, vector size, preprocessing, metrics, training record, hashes, canonical vectors
    weights.safetensors  the weights in float32, for torch
    model.xml, model.bin the same network as an OpenVINO graph with float16 weights, for serving
    model-int8.*         the same again with the trunk quantised to int8, for faster serving; not in every bundle

It is written by `ml.bundle.writer`, verified before it is used, and never changed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from ml.bundle.manifest import (
    COPY_AGAIN,
    FLOAT_FILES,
    GRAPH,
    INT8_FILES,
    INT8_GRAPH,
    MANIFEST,
    WEIGHTS,
    BundleError,
    bundle_files,
    bundle_version,
    check_finite,
    fingerprint,
    read_manifest,
)
from ml.photos.preprocess import Preprocessing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from ml.bundle.calibration import Calibration
    from ml.bundle.canonical import CanonicalVectors
    from ml.bundle.manifest import Fingerprint, Manifest, PrecisionQuality, SplitRecord

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
        calibration: what its probabilities and similarities are worth; None where that was not measured.
        split: which listings it was trained, calibrated and measured on; None where that was not recorded.
        has_float: whether there are the torch weights and the float graph. Without them the bundle serves in int8
            only, on the processor.
        has_int8: whether there is an int8 graph. Its vectors belong to the same version: a query in int8 may be
            searched for among vectors in bf16, at the loss that `precisions` states.
        precisions: what the precisions lose against float32, by name; empty where that was not measured.
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
    calibration: Calibration | None = None
    split: SplitRecord | None = None
    has_float: bool = True
    has_int8: bool = False
    precisions: Mapping[str, PrecisionQuality] = field(default_factory=dict)

    @property
    def files(self) -> tuple[str, ...]:
        """The names of the bundle's files, beside its manifest."""
        return bundle_files(has_float=self.has_float, has_int8=self.has_int8)

    @property
    def weights_path(self) -> Path:
        """The safetensors file, where `has_float`."""
        return self.path / WEIGHTS

    @property
    def graph_path(self) -> Path:
        """The OpenVINO graph with float weights, where `has_float`; its weights lie beside it."""
        return self.path / GRAPH

    @property
    def int8_graph_path(self) -> Path | None:
        """The OpenVINO graph in int8; None where the bundle has none."""
        return self.path / INT8_GRAPH if self.has_int8 else None

    @classmethod
    def load(cls, path: Path) -> Bundle:
        """Verify the folder's files against its manifest, sizes first, and return the bundle.

        Raises:
            BundleError: a file is missing, damaged or of another format version, the manifest was edited, or the
                weights are no safetensors file (a pickle, say, which is never opened as one) or not finite.
        """
        manifest = read_manifest(path)
        bundle = _bundle(path, manifest)
        for name in bundle.files:
            _verify_file(path / name, manifest.files.get(name))
        if bundle.has_float:
            check_finite(path / WEIGHTS)
        expected = bundle_version(manifest.files, bundle.preprocessing, bundle.categories)
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
        calibration=manifest.calibration,
        split=manifest.split,
        has_float=_has_float(path, manifest),
        has_int8=_has_any(INT8_FILES, path, manifest),
        precisions=manifest.precisions,
    )


def _has_float(path: Path, manifest: Manifest) -> bool:
    """Return whether the float files must be there: where one is, and where there is no int8 graph."""
    return _has_any(FLOAT_FILES, path, manifest) or not _has_any(INT8_FILES, path, manifest)


def _has_any(names: Sequence[str], path: Path, manifest: Manifest) -> bool:
    """Return whether any of the files is there or listed: then all must be both."""
    return any(name in manifest.files or (path / name).exists() for name in names)


def _verify_file(file: Path, stated: Fingerprint | None) -> None:
    if stated is None:
        raise BundleError(file, f"is not listed in {MANIFEST}", COPY_AGAIN)
    if not file.is_file():
        raise BundleError(file, "is missing", COPY_AGAIN)
    size = file.stat().st_size
    if size != stated.size:
        raise BundleError(file, f"has {size} bytes where {MANIFEST} states {stated.size}", COPY_AGAIN)
    try:
        found = fingerprint(file)
    except OSError as error:
        raise BundleError(file, f"cannot be read ({error.strerror})", "Let the user of the service read it") from error
    if found != stated:
        raise BundleError(file, f"is damaged: its SHA-256 is not the one in {MANIFEST}", COPY_AGAIN)
