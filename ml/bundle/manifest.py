"""model.json, the manifest of a model bundle: its fields, and how it is read and checked."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime  # noqa: TC003 - msgspec reads the annotation
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from safetensors import SafetensorError, safe_open

from ml.bundle.calibration import Calibration  # noqa: TC001 - msgspec reads the annotation
from ml.bundle.canonical import CanonicalVectors  # noqa: TC001 - msgspec reads the annotation
from ml.bundle.fusion import FusionWeights  # noqa: TC001 - msgspec reads the annotation
from ml.bundle.ood import OodCalibration  # noqa: TC001 - msgspec reads the annotation

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from ml.bundle.fusion import TextModel
    from ml.bundle.ood import OodDetector
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
"""The torch weights and the graph with float weights: a bundle has all or none."""

INT8_FILES = (INT8_GRAPH, INT8_GRAPH_WEIGHTS)
"""The int8 graph: a bundle has both files or none. A bundle without the float files has both."""

REFERENCES = "ood-references.safetensors"
"""The reference vectors of the OOD detector: a bundle has the file and the manifest's `ood`, or neither."""

TEXT = "text.safetensors"
"""The text classifier: a bundle has the file and the manifest's `fusion`, or neither."""

COPY_AGAIN = "Copy the bundle again from where it was made, or export it again"


class BundleError(ValueError):
    """A model bundle cannot be used or written. The message names the file, the problem and the remedy."""

    def __init__(self, path: Path, problem: str, remedy: str) -> None:
        super().__init__(f"{path}: {problem}. {remedy}.")
        self.path, self.problem = path, problem


class Fingerprint(msgspec.Struct, frozen=True):
    """Identifies a file's content: `size` in bytes, `sha256` in hex."""

    sha256: str
    size: int


class SplitRecord(msgspec.Struct, frozen=True):
    """The listings of each side of the split, as ascending ids. No listing is on two sides.

    All sides are recorded, so that anyone can check whether the network has seen a listing.

    Attributes:
        seed: of the random split.
        validation_share, held_out_share: of each category's listings.
        train: listings that the weights were fitted to.
        validation: listings used for early stopping and calibration.
        held_out: listings used only to measure the metrics.
    """

    seed: int
    validation_share: float
    held_out_share: float
    train: tuple[str, ...]
    validation: tuple[str, ...]
    held_out: tuple[str, ...]


class PrecisionQuality(msgspec.Struct, frozen=True):
    """Quality of a precision compared with float32 on the same photos. See `ml.export.precisions`.

    Attributes:
        photos: number of queries: photos of listings with at least two photos.
        recall_at_1: same-listing recall@1, in [0, 1].
        loss: of recall@1 against float32, in percentage points; negative if this precision finds more.
        cosine: median cosine between a photo's vector in this precision and in float32.
    """

    photos: int
    recall_at_1: float
    loss: float
    cosine: float


@dataclass(frozen=True, slots=True)
class ModelDescription:
    """Facts about a model that its bundle records in addition to the weights.

    Attributes:
        categories: names of the categories, in the order of the probabilities.
        metrics: measured on the held-out listings, by name; finite.
        record: how the model was trained (settings, data, seed); JSON values.
        calibration: fitted on the validation listings; None if not fitted.
        split: listings of training, validation and measurement; None if not recorded.
        ood: tells photos that resemble no training photo; None if not fitted.
        text: tells the category from words; None if not fitted.
    """

    categories: Sequence[str]
    preprocessing: Preprocessing
    metrics: Mapping[str, float]
    record: Mapping[str, Any]
    calibration: Calibration | None = None
    split: SplitRecord | None = None
    ood: OodDetector | None = None
    text: TextModel | None = None


class Manifest(msgspec.Struct, frozen=True):
    """The content of model.json. For the fields see `ml.bundle.bundle.Bundle`."""

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
    ood: OodCalibration | None = None
    fusion: dict[str, FusionWeights] | None = None


class _BundleFormat(msgspec.Struct, frozen=True):
    """The only field that every format version has."""

    format: int


def bundle_version(
    files: Mapping[str, Fingerprint],
    preprocessing: Preprocessing,
    categories: Sequence[str],
    *,
    fusion: Mapping[str, FusionWeights] | None = None,
) -> str:
    """Return the version id: the first 12 hex digits of a SHA-256 over everything that determines an answer.

    Weights count by the safetensors file, or by the int8 graph's two files in a bundle without float files.
    """
    decisive = files[WEIGHTS].sha256 if WEIGHTS in files else [files[name].sha256 for name in INT8_FILES]
    words = [files[TEXT].sha256, msgspec.to_builtins(fusion)] if TEXT in files else []
    content = json.dumps([decisive, preprocessing.to_json(), list(categories), *words], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:12]


def bundle_files(*, has_float: bool, has_int8: bool, has_ood: bool = False, has_text: bool = False) -> tuple[str, ...]:
    """Return the names of a bundle's files, without the manifest."""
    graphs = (*(FLOAT_FILES if has_float else ()), *(INT8_FILES if has_int8 else ()))
    return (*graphs, *([REFERENCES] if has_ood else []), *([TEXT] if has_text else []))


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
    """Read the manifest of the bundle at `path`.

    Raises:
        BundleError: the manifest is missing or not valid, or has another format version or architecture.
    """
    file = path / MANIFEST
    if not file.is_file():
        problem = f"is not a model bundle ({MANIFEST} is missing)" if path.is_dir() else "is not a folder"
        raise BundleError(path, problem, "Name a folder written by `lookalike train` or `lookalike export`")
    try:
        content = file.read_bytes()
        version = msgspec.json.decode(content, type=_BundleFormat).format
        if version != FORMAT:
            problem = f"has format version {version}; this release reads {FORMAT}"
            raise BundleError(file, problem, "Export the model again")
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
    return BundleError(file, f"cannot be read ({error.strerror})", "Check that it exists and that you may read it")


def check_finite(weights: Path) -> None:
    """Check that a safetensors file can be read and that every weight is finite; 0.1 s for a ResNet-50.

    Raises:
        BundleError: a weight is NaN or infinite, or the file is not safetensors. A pickle is never loaded: loading
            runs the code in it.
    """
    try:
        with safe_open(weights, framework="numpy") as tensors:
            for name in tensors.keys():  # noqa: SIM118 - not a mapping
                if not np.isfinite(tensors.get_tensor(name)).all():
                    remedy = "The training diverged. Train again with a lower learning rate"
                    raise BundleError(weights, f"tensor {name!r} has NaN or infinite values", remedy)
    except (SafetensorError, OSError, TypeError, AttributeError) as error:  # the last two: types unknown to numpy
        raise BundleError(weights, f"is not a readable safetensors file ({error})", "Export the model again") from error
