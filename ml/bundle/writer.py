"""Writes model bundles: whole or not at all, and never over an existing one."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import uuid4

import msgspec
import numpy as np
from safetensors.numpy import save

from ml.bundle.manifest import (
    ARCHITECTURE,
    FLOAT_FILES,
    FORMAT,
    INT8_FILES,
    MANIFEST,
    REFERENCES,
    TEXT,
    WEIGHTS,
    BundleError,
    Manifest,
    bundle_files,
    bundle_version,
    check_finite,
    fingerprint,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from ml.bundle.canonical import CanonicalVectors
    from ml.bundle.manifest import Fingerprint, ModelDescription, PrecisionQuality


@contextmanager
def staged_folder(out: Path) -> Iterator[Path]:
    """Yield a folder next to `out`. It becomes `out`, durably, if the block succeeds, and is removed if it fails.

    Raises:
        BundleError: `out` exists and is not an empty folder.
    """
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise BundleError(out, "already exists, and bundles are never overwritten", "Name a folder that does not exist")
    out.parent.mkdir(parents=True, exist_ok=True)
    folder = out.parent / f".{out.name}.{uuid4().hex[:8]}.partial"
    folder.mkdir()
    try:
        yield folder
        for written in [*folder.iterdir(), folder]:
            sync(written)
        folder.rename(out)
        sync(out.parent)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def write_manifest(
    folder: Path,
    description: ModelDescription,
    *,
    vector_size: int,
    canonical: CanonicalVectors,
    precisions: Mapping[str, PrecisionQuality] | None = None,
) -> None:
    """Write model.json for the weights and graphs in `folder`: the float files, the int8 graph, or both.

    Writes the references of the description's OOD detector and its text classifier, too.

    Raises:
        BundleError: a weight is NaN or infinite, or a file is missing.
        ValueError: a metric is NaN or infinite, there are no categories, or a category occurs twice.
    """
    _check_description(description)
    _write_arrays(folder, description)
    files = _fingerprints(folder, description)
    fusion = None if description.text is None else dict(description.text.fusion)
    manifest = Manifest(
        format=FORMAT,
        version=bundle_version(files, description.preprocessing, description.categories, fusion=fusion),
        architecture=ARCHITECTURE,
        categories=tuple(description.categories),
        vector_size=vector_size,
        preprocessing=description.preprocessing.to_json(),
        metrics={name: float(value) for name, value in description.metrics.items()},
        record=dict(description.record),
        canonical=canonical,
        created_at=datetime.now(UTC),
        files=files,
        calibration=description.calibration,
        split=description.split,
        precisions=dict(precisions or {}),
        ood=None if description.ood is None else description.ood.calibration,
        fusion=fusion,
    )
    (folder / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=2))


def _write_arrays(folder: Path, description: ModelDescription) -> None:
    if description.ood is not None:
        (folder / REFERENCES).write_bytes(save({"references": description.ood.references}))
    if description.text is not None:
        (folder / TEXT).write_bytes(save(description.text.classifier.arrays))


def _fingerprints(folder: Path, description: ModelDescription) -> dict[str, Fingerprint]:
    """Return the fingerprint of each file of the bundle in `folder`, by name, after checking the weights."""
    has_int8 = any((folder / name).exists() for name in INT8_FILES)
    has_float = not has_int8 or any((folder / name).exists() for name in FLOAT_FILES)
    if has_float:
        check_finite(folder / WEIGHTS)
    names = bundle_files(
        has_float=has_float,
        has_int8=has_int8,
        has_ood=description.ood is not None,
        has_text=description.text is not None,
    )
    return {name: fingerprint(folder / name) for name in names}


def _check_description(description: ModelDescription) -> None:
    for name, value in description.metrics.items():
        if not np.isfinite(value):
            raise ValueError(f"metric {name!r} is {value}; it must be a finite number")
    categories = description.categories
    if not categories or len(set(categories)) != len(categories):
        raise ValueError(f"categories must be distinct, and at least one, not {list(categories)}")


def sync(path: Path) -> None:
    """Flush a file, or a folder's directory entries, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
