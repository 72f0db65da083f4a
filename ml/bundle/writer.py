"""Writing a model bundle: whole or not at all, and never over one that is there."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import msgspec
import numpy as np

from ml.bundle.manifest import (
    ARCHITECTURE,
    FLOAT_FILES,
    FORMAT,
    INT8_FILES,
    MANIFEST,
    WEIGHTS,
    BundleError,
    Manifest,
    bundle_files,
    bundle_version,
    check_finite,
    fingerprint,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from ml.bundle.calibration import Calibration
    from ml.bundle.canonical import CanonicalVectors
    from ml.bundle.manifest import PrecisionQuality, SplitRecord
    from ml.photos.preprocess import Preprocessing


@contextmanager
def staged_folder(out: Path) -> Iterator[Path]:
    """Yield a folder beside `out` that becomes `out`, durably, if the block succeeds, and is removed if it fails.

    Raises:
        BundleError: `out` exists and is not an empty folder.
    """
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise BundleError(out, "exists already, and a bundle is never overwritten", "Name a folder that does not exist")
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
    *,
    categories: Sequence[str],
    vector_size: int,
    preprocessing: Preprocessing,
    metrics: Mapping[str, float],
    record: Mapping[str, Any],
    canonical: CanonicalVectors,
    calibration: Calibration | None = None,
    split: SplitRecord | None = None,
    precisions: Mapping[str, PrecisionQuality] | None = None,
) -> None:
    """Write model.json for the weights and graphs that lie in `folder`: the float files, the int8 graph, or both.

    Raises:
        BundleError: a weight is NaN or infinite, or a file is missing.
        ValueError: a metric is NaN or infinite, or there are no categories or the same one twice.
    """
    has_int8 = any((folder / name).exists() for name in INT8_FILES)
    has_float = not has_int8 or any((folder / name).exists() for name in FLOAT_FILES)
    if has_float:
        check_finite(folder / WEIGHTS)
    if wrong := [name for name, value in metrics.items() if not np.isfinite(value)]:
        raise ValueError(f"metric {wrong[0]!r} is not a finite number")
    if not categories or len(set(categories)) != len(categories):
        raise ValueError(f"categories must be distinct and at least one, not {list(categories)}")
    files = {name: fingerprint(folder / name) for name in bundle_files(has_float=has_float, has_int8=has_int8)}
    manifest = Manifest(
        format=FORMAT,
        version=bundle_version(files, preprocessing, categories),
        architecture=ARCHITECTURE,
        categories=tuple(categories),
        vector_size=vector_size,
        preprocessing=preprocessing.to_json(),
        metrics={name: float(value) for name, value in metrics.items()},
        record=dict(record),
        canonical=canonical,
        created_at=datetime.now(UTC),
        files=files,
        calibration=calibration,
        split=split,
        precisions=dict(precisions or {}),
    )
    (folder / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=2))


def sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
