"""From a model bundle to another one that embeds alike, for serving elsewhere: with an int8 graph, or without."""

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

    import numpy as np
    from numpy.typing import NDArray

    from ml.export.precisions import ListingPhotos


def reexport_bundle(
    bundle: Bundle,
    out: Path,
    *,
    keep_float: bool = True,
    keep_int8: bool = True,
    quantize_with: NDArray[np.uint8] | None = None,
    measure_on: ListingPhotos | None = None,
) -> Bundle:
    """Write the bundle again at `out`, whole or not at all, and return it as loaded from there.

    It has the same version, as the weights, preprocessing and categories are the same; without the float files it has
    another one, that of its int8 graph.

    Args:
        bundle: what is copied.
        out: a folder that does not exist.
        keep_float: copy the torch weights and the float graph.
        keep_int8: copy the int8 graph that the bundle has.
        quantize_with: make a new int8 graph, with photos that were trained on, uint8 (n, S, S, 3).
        measure_on: photos that were not trained on, to measure each precision on; without, what was measured is kept
            of the precisions that are kept.

    Raises:
        BundleError: `out` exists, the int8 graph computes something else than the network, or the bundle lacks what is
            to be kept or quantised.
        QuantizerMissing: NNCF is needed and not installed.
    """
    if (quantize_with is not None or measure_on is not None) and not (keep_float and bundle.has_float):
        raise BundleError(bundle.path, "has no float graph to quantise or to compare with", "Keep its int8 graph alone")
    keep_float = keep_float and bundle.has_float
    canonical = CanonicalVectors(bundle.canonical.components, TOLERANCE | bundle.canonical.tolerance)
    keep_int8 = keep_int8 and bundle.has_int8 and quantize_with is None
    if not (keep_float or keep_int8):
        raise BundleError(bundle.path, "has no other graph, so nothing would be left", "Keep the graph that it has")
    with staged_folder(out) as folder:
        for name in bundle_files(has_float=keep_float, has_int8=keep_int8):
            shutil.copyfile(bundle.path / name, folder / name)
        if quantize_with is not None:
            add_int8_graph(folder, quantize_with, canonical=canonical)
        kept = {name: found for name, found in bundle.precisions.items() if name != "int8" or keep_int8}
        write_manifest(
            folder,
            categories=bundle.categories,
            vector_size=bundle.vector_size,
            preprocessing=bundle.preprocessing,
            metrics=bundle.metrics,
            record=bundle.record,
            canonical=canonical,
            calibration=bundle.calibration,
            split=bundle.split,
            precisions=measure_precisions(folder, measure_on) if measure_on else kept,
        )
    return Bundle.load(out)
