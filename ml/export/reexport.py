"""Writes a bundle again for serving elsewhere: with an int8 graph, or without some of its files."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from ml.bundle.bundle import Bundle
from ml.bundle.canonical import TOLERANCE, CanonicalVectors
from ml.bundle.manifest import BundleError, bundle_files
from ml.bundle.writer import staged_folder, write_manifest
from ml.export.precisions import measure_precisions
from ml.export.quantize import add_int8_graph

if TYPE_CHECKING:
    from pathlib import Path

    from ml.export.precision_photos import PrecisionPhotos


def reexport_bundle(
    bundle: Bundle,
    out: Path,
    *,
    keep_float: bool = True,
    keep_int8: bool = True,
    photos: PrecisionPhotos | None = None,
) -> Bundle:
    """Write the bundle again at `out`, whole or not at all, and load it from there.

    The version stays the same with the float files; without them, the int8 graph determines it.

    Args:
        keep_float: whether to copy the torch weights and the float graph.
        keep_int8: whether to copy an existing int8 graph.
        photos: photos to quantise with and to measure on, for a new int8 graph; without, measurements are copied.

    Raises:
        BundleError: `out` exists, the bundle lacks files to copy or quantise, or the int8 graph's outputs differ from
            the network's.
        QuantizerMissing: quantising needs NNCF, which is not installed.
    """
    measure_on = None if photos is None else photos.measure_on
    keep_float = keep_float and bundle.has_float
    keep_int8 = keep_int8 and bundle.has_int8 and photos is None
    _check_graphs(bundle, keep_float=keep_float, keep_int8=keep_int8, needs_float=photos is not None)
    canonical = CanonicalVectors(bundle.canonical.components, TOLERANCE | bundle.canonical.tolerance)
    with staged_folder(out) as folder:
        for name in bundle_files(has_float=keep_float, has_int8=keep_int8):
            shutil.copyfile(bundle.path / name, folder / name)
        if photos is not None:
            add_int8_graph(folder, photos.quantize_with, canonical=canonical)
        copied = {name: quality for name, quality in bundle.precisions.items() if name != "int8" or keep_int8}
        precisions = copied if measure_on is None else measure_precisions(folder, measure_on)
        write_manifest(
            folder, bundle.description, vector_size=bundle.vector_size, canonical=canonical, precisions=precisions
        )
    return Bundle.load(out)


def _check_graphs(bundle: Bundle, *, keep_float: bool, keep_int8: bool, needs_float: bool) -> None:
    if needs_float and not keep_float:
        raise BundleError(bundle.path, "has no float graph to quantise or compare with", "Only copy its int8 graph")
    if not (keep_float or keep_int8):
        raise BundleError(bundle.path, "would have no graph left", "Keep the only graph that it has")
