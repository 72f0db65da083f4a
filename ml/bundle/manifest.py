"""model.json: what a model bundle's manifest holds, and how it is read."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime  # noqa: TC003 - msgspec reads the annotation
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from safetensors import SafetensorError, safe_open

from ml.bundle.calibration import Calibration  # noqa: TC001 - msgspec reads the annotation
from ml.bundle.canonical import CanonicalVectors  # noqa: TC001 - msgspec reads the annotation

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from ml.photos.preprocess import Preprocessing


FORMAT = 1
ARCHITECTURE = "resnet50"
MANIFEST = "model.json"
WEIGHTS = "weights.safetensors"
GRAPH = "model.xml"
GRAPH_WEIGHTS = "model.bin"
INT8_GRAPH = "model-int8.xml"
INT8_GRAPH_WEIGHTS = "model-int8.bin"
FLOAT_FILES = (WEIGHTS, GRAPH, GRAPH_WEIGHTS)
"""The torch weights and the graph with float weights: a bundle has all of them or none."""

INT8_FILES = (INT8_GRAPH, INT8_GRAPH_WEIGHTS)
"""The int8 graph: a bundle has both files or none, and without the float files it has these."""

COPY_AGAIN = "Copy the bundle again from where it was made, or export it again"


class BundleError(ValueError):
    """A folder is not a model bundle that can be used: which file, what is wrong with it, what to do."""

    def __init__(self, path: Path, problem: str, remedy: str) -> None:
        super().__init__(f"{path}: {problem}. {remedy}.")
        self.path, self.problem = path, problem


class Fingerprint(msgspec.Struct, frozen=True):
    """A file's content: `size` in bytes, `sha256` in hex."""

    sha256: str
    size: int


class SplitRecord(msgspec.Struct, frozen=True):
    """The listings that a network was made and measured with, as ascending ids: no listing is on two sides.

    All sides are spelt out, so that anyone can tell whether the network has seen a listing.

    Attributes:
        seed, validation_share, held_out_share: what the split was drawn with; shares of each category's listings.
        train: what the weights were fitted to.
        validation: what decisions were made on: when to stop, and the calibration.
        held_out: what the metrics were measured on, and nothing else was done with.
    """

    seed: int
    validation_share: float
    held_out_share: float
    train: tuple[str, ...]
    validation: tuple[str, ...]
    held_out: tuple[str, ...]


class PrecisionQuality(msgspec.Struct, frozen=True):
    """What a precision is worth beside float32, on the same photos. See `ml.export.precisions`.

    Attributes:
        photos: how many were measured on, of listings with at least two photos.
        recall_at_1: same-listing recall@1, in [0, 1].
        loss: of recall@1 against float32, in percentage points; negative where this precision finds more.
        cosine: median over the photos of the cosine between this precision's vector and the float32 one.
    """

    photos: int
    recall_at_1: float
    loss: float
    cosine: float


class Manifest(msgspec.Struct, frozen=True):
    """model.json, as it stands in the file. The fields are those of `ml.bundle.bundle.Bundle`."""

    format: int
    version: str
    architecture: str
    categories: tuple[str, ...]
    vector_size: int
    preprocessing: Any
    metrics: dict[str, float]
    record: dict[str, Any]
    canonical: CanonicalVectors
    created_at: datetime
    files: dict[str, Fingerprint]
    calibration: Calibration | None = None
    split: SplitRecord | None = None
    precisions: dict[str, PrecisionQuality] = {}


class _BundleFormat(msgspec.Struct, frozen=True):
    """The one field that every format version has."""

    format: int


def bundle_version(files: Mapping[str, Fingerprint], preprocessing: Preprocessing, categories: Sequence[str]) -> str:
    """Return the version id: the first 12 hex digits of a SHA-256 over what decides an embedding.

    That is the torch weights, or the int8 graph's two files in a bundle without the float files.
    """
    decisive = files[WEIGHTS].sha256 if WEIGHTS in files else [files[name].sha256 for name in INT8_FILES]
    content = json.dumps([decisive, preprocessing.to_json(), list(categories)], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:12]


def bundle_files(*, has_float: bool, has_int8: bool) -> tuple[str, ...]:
    """Return the names of a bundle's files, beside its manifest."""
    return (*(FLOAT_FILES if has_float else ()), *(INT8_FILES if has_int8 else ()))


def fingerprint(file: Path) -> Fingerprint:
    """Return the file's fingerprint.

    Raises:
        BundleError: the file cannot be read.
    """
    try:
        with file.open("rb") as opened:
            return Fingerprint(hashlib.file_digest(opened, "sha256").hexdigest(), file.stat().st_size)
    except OSError as error:
        raise _unreadable(file, error) from error


def read_manifest(path: Path) -> Manifest:
    """Return the manifest of the bundle at `path`.

    Raises:
        BundleError: there is none, it is not valid, or it is of another format version or architecture.
    """
    file = path / MANIFEST
    if not file.is_file():
        problem = f"is not a model bundle ({MANIFEST} is missing)" if path.is_dir() else "is not a folder"
        raise BundleError(path, problem, "Name a folder that `lookalike train` or `lookalike export` has written")
    try:
        content = file.read_bytes()
        found = msgspec.json.decode(content, type=_BundleFormat).format
        if found != FORMAT:
            raise BundleError(
                file, f"has format version {found}, and this release reads {FORMAT}", "Export the model again"
            )
        manifest = msgspec.json.decode(content, type=Manifest)
    except OSError as error:
        raise _unreadable(file, error) from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise BundleError(file, f"is not a valid manifest ({error})", COPY_AGAIN) from error
    if manifest.architecture != ARCHITECTURE:
        raise BundleError(
            file, f"describes the architecture {manifest.architecture!r}", f"This release runs {ARCHITECTURE} only"
        )
    return manifest


def _unreadable(file: Path, error: OSError) -> BundleError:
    return BundleError(file, f"cannot be read ({error.strerror})", "Make sure that it is there and may be read")


def check_finite(weights: Path) -> None:
    """Raise unless the file is safetensors and all of its numbers are finite; 0.1 s for a ResNet-50.

    Raises:
        BundleError: a weight is NaN or infinite, or the file is of another kind. A pickle is one, and is not loaded:
            that would run the code in it.
    """
    try:
        with safe_open(weights, framework="numpy") as tensors:
            for name in tensors.keys():  # noqa: SIM118 - a safetensors file is no mapping
                if not np.isfinite(tensors.get_tensor(name)).all():
                    remedy = "The training diverged: train again with a lower learning rate"
                    raise BundleError(weights, f"tensor {name!r} holds NaN or infinite values", remedy)
    except (SafetensorError, OSError, TypeError, AttributeError) as error:  # the last two: types that numpy lacks
        raise BundleError(weights, f"is not a readable safetensors file ({error})", "Export the model again") from error
