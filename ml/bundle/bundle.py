"""A model bundle: one folder with a network's weights and everything needed to embed photos with it.

    model.json           categories, vector size, preprocessing, metrics, training record, hashes, canonical vectors
    weights.safetensors  float32 weights for torch
    model.xml, model.bin the same network as an OpenVINO graph with float16 weights, for serving
    model-int8.*         the same graph with an int8 trunk, for faster serving (optional)
    text.safetensors     a classifier of words (optional)
    ood-references.safetensors   vectors of training photos: what resembles none is out of distribution (optional)

`ml.bundle.writer` writes a bundle. It is verified when it is loaded, and never changes.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import msgspec
from safetensors import SafetensorError
from safetensors.numpy import load_file

from ml.bundle.fusion import TextModel
from ml.bundle.manifest import (
    COPY_AGAIN,
    FLOAT_FILES,
    GRAPH,
    INT8_FILES,
    INT8_GRAPH,
    MANIFEST,
    REFERENCES,
    TEXT,
    WEIGHTS,
    BundleError,
    ModelDescription,
    bundle_files,
    bundle_version,
    check_finite,
    fingerprint,
    read_manifest,
)
from ml.bundle.ood import OodDetector
from ml.photos.preprocess import Preprocessing
from ml.text.classifier import TextClassifier

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from ml.bundle.calibration import Calibration
    from ml.bundle.canonical import CanonicalVectors
    from ml.bundle.manifest import Fingerprint, Manifest, PrecisionQuality, SplitRecord


@dataclass(frozen=True, slots=True)
class Bundle:
    """A verified model bundle.

    Attributes:
        version: 12 hex digits, a hash of weights, preprocessing and categories.
        categories, metrics, record, calibration, split: see `ml.bundle.manifest.ModelDescription`.
        vector_size: d, the number of components of a vector.
        has_float: whether the bundle has torch weights and a float graph. Without them it serves in int8 only, on the
            CPU.
        has_int8: whether the bundle has an int8 graph. Its vectors belong to the same version: an int8 query can search
            bf16 vectors, at the loss in `precisions`.
        precisions: quality of each precision compared with float32, by name; empty if not measured.
        ood: tells photos that resemble no training photo; None if it was not fitted.
        text: tells the category from words; None if it was not fitted.
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
    ood: OodDetector | None = None
    text: TextModel | None = None

    @property
    def description(self) -> ModelDescription:
        """The model's description, to write it into another bundle."""
        return ModelDescription(
            categories=self.categories,
            preprocessing=self.preprocessing,
            metrics=self.metrics,
            record=self.record,
            calibration=self.calibration,
            split=self.split,
            ood=self.ood,
            text=self.text,
        )

    @property
    def files(self) -> tuple[str, ...]:
        """Names of the bundle's files, without the manifest."""
        return bundle_files(
            has_float=self.has_float,
            has_int8=self.has_int8,
            has_ood=self.ood is not None,
            has_text=self.text is not None,
        )

    @property
    def weights_path(self) -> Path:
        """The safetensors file; exists if `has_float`."""
        return self.path / WEIGHTS

    @property
    def graph_path(self) -> Path:
        """The OpenVINO graph with float weights; exists if `has_float`."""
        return self.path / GRAPH

    @property
    def int8_graph_path(self) -> Path | None:
        """The int8 OpenVINO graph, if the bundle has one."""
        return self.path / INT8_GRAPH if self.has_int8 else None

    @classmethod
    def load(cls, path: Path) -> Bundle:
        """Load a bundle and verify its files against the manifest, sizes first.

        Raises:
            BundleError: a file is missing, damaged or has another format version; the manifest was edited; or the
                weights are not finite or not a safetensors file. A pickle is never loaded.
        """
        manifest = read_manifest(path)
        bundle = _from_manifest(path, manifest)
        has_ood = manifest.ood is not None or _mentions_any((REFERENCES,), path, manifest)
        has_text = manifest.fusion is not None or _mentions_any((TEXT,), path, manifest)
        for name in bundle_files(
            has_float=bundle.has_float, has_int8=bundle.has_int8, has_ood=has_ood, has_text=has_text
        ):
            _verify_file(path / name, manifest.files.get(name))
        if bundle.has_float:
            check_finite(path / WEIGHTS)
        expected = bundle_version(manifest.files, bundle.preprocessing, bundle.categories, fusion=manifest.fusion)
        if manifest.version != expected:
            problem = f"states version {manifest.version}, but the files have version {expected}"
            raise BundleError(path / MANIFEST, problem, COPY_AGAIN)
        return replace(
            bundle,
            ood=_ood_detector(path, manifest) if has_ood else None,
            text=_text_model(path, manifest) if has_text else None,
        )


def _from_manifest(path: Path, manifest: Manifest) -> Bundle:
    try:
        preprocessing = Preprocessing.from_json(manifest.preprocessing)
    except (msgspec.ValidationError, ValueError) as error:
        raise BundleError(path / MANIFEST, f"has unusable preprocessing ({error})", COPY_AGAIN) from error
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
        has_int8=_mentions_any(INT8_FILES, path, manifest),
        precisions=manifest.precisions,
    )


def _ood_detector(path: Path, manifest: Manifest) -> OodDetector:
    """Load the OOD detector from its verified file.

    Raises:
        BundleError: the manifest has no threshold, or the references or the threshold cannot be used.
    """
    if manifest.ood is None:
        raise BundleError(path / MANIFEST, f"has no threshold for {REFERENCES}", COPY_AGAIN)
    try:
        references = load_file(path / REFERENCES)["references"]
        return OodDetector.of(references, manifest.ood, vector_size=manifest.vector_size)
    except (SafetensorError, OSError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise BundleError(path / REFERENCES, f"cannot be used ({error})", COPY_AGAIN) from error


def _text_model(path: Path, manifest: Manifest) -> TextModel:
    """Load the text model from its verified file.

    Raises:
        BundleError: the manifest has no fusion weights, or they or the arrays cannot be used.
    """
    if manifest.fusion is None:
        raise BundleError(path / MANIFEST, f"has no fusion weights for {TEXT}", COPY_AGAIN)
    try:
        classifier = TextClassifier.of(load_file(path / TEXT), categories=len(manifest.categories))
        return TextModel.of(classifier, manifest.fusion)
    except (SafetensorError, OSError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise BundleError(path / TEXT, f"cannot be used ({error})", COPY_AGAIN) from error


def _has_float(path: Path, manifest: Manifest) -> bool:
    """Return whether the bundle must have the float files: it has one of them, or it has no int8 graph."""
    return _mentions_any(FLOAT_FILES, path, manifest) or not _mentions_any(INT8_FILES, path, manifest)


def _mentions_any(names: Sequence[str], path: Path, manifest: Manifest) -> bool:
    """Return whether any of the files exists or is listed; then all of them must exist and be listed."""
    return any(name in manifest.files or (path / name).exists() for name in names)


def _verify_file(file: Path, stated: Fingerprint | None) -> None:
    if stated is None:
        raise BundleError(file, f"is not listed in {MANIFEST}", COPY_AGAIN)
    if not file.is_file():
        raise BundleError(file, "is missing", COPY_AGAIN)
    size = file.stat().st_size
    if size != stated.size:
        raise BundleError(file, f"has {size} bytes, but {MANIFEST} states {stated.size}", COPY_AGAIN)
    if fingerprint(file) != stated:
        raise BundleError(file, f"is damaged: its SHA-256 differs from {MANIFEST}", COPY_AGAIN)
