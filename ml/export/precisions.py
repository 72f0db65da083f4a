"""Measures the quality of each precision against float32, with the same graphs on the same photos."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ml.bundle.manifest import GRAPH, INT8_GRAPH, PrecisionQuality
from ml.metrics import nearest
from ml.network.openvino_runtime import available_cores, compile_graph, processor_capabilities

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from ml.network.openvino_runtime import Precision

_BATCH = 16


@dataclass(frozen=True, slots=True)
class ListingPhotos:
    """Distinct preprocessed photos and their listings.

    Attributes:
        pixels: uint8 (n, S, S, 3).
        listings: int64 (n,), a code for each photo's listing.
    """

    pixels: NDArray[np.uint8]
    listings: NDArray[np.int64]


def rows_with_siblings(listings: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the rows, (q,), of photos that share their listing, (n,), with another photo."""
    _, listing_of, counts = np.unique(listings, return_inverse=True, return_counts=True)
    return np.flatnonzero(counts[listing_of] > 1)


def same_listing_recall(vectors: NDArray[np.float32], listings: NDArray[np.int64]) -> float:
    """Return recall@1: the share of photos with siblings whose nearest other photo shows the same listing.

    Args:
        vectors: (n, d), unit length.
        listings: (n,), with at least two equal.
    """
    queries = rows_with_siblings(listings)
    neighbours = nearest(vectors[queries], vectors, 1, exclude=queries)[:, 0]
    return float((listings[neighbours] == listings[queries]).mean())


def compare_precisions(
    vectors: Mapping[str, NDArray[np.float32]], listings: NDArray[np.int64]
) -> dict[str, PrecisionQuality]:
    """Return the quality of each precision against f32, by name; empty if no listing has two photos.

    Args:
        vectors: by precision, including f32: (n, d), unit length.
        listings: (n,), of the photos.
    """
    queries = len(rows_with_siblings(listings))
    if not queries:
        return {}
    recalls = {name: same_listing_recall(rows, listings) for name, rows in vectors.items()}
    return {
        name: PrecisionQuality(
            photos=queries,
            recall_at_1=recalls[name],
            loss=100 * (recalls["f32"] - recalls[name]),
            cosine=float(np.median((rows * vectors["f32"]).sum(axis=1))),
        )
        for name, rows in vectors.items()
    }


def measure_precisions(folder: Path, photos: ListingPhotos) -> dict[str, PrecisionQuality]:
    """Measure each precision of the graphs in a bundle's folder: f32, bf16 if the CPU has it, int8 if there is one."""
    graphs: dict[Precision, Path] = {"f32": folder / GRAPH}
    if "BF16" in processor_capabilities():
        graphs["bf16"] = folder / GRAPH
    if (folder / INT8_GRAPH).exists():
        graphs["int8"] = folder / INT8_GRAPH
    vectors: dict[str, NDArray[np.float32]] = {
        name: graph_vectors(graph, photos.pixels, precision=name) for name, graph in graphs.items()
    }
    return compare_precisions(vectors, photos.listings)


def graph_vectors(graph: Path, photos: NDArray[np.uint8], *, precision: Precision) -> NDArray[np.float32]:
    """Embed photos, uint8 (n, S, S, 3), with a graph: float32 (n, d), unit length."""
    request = compile_graph(graph, threads=available_cores(), precision=precision).create_infer_request()
    outputs = []
    for start in range(0, len(photos), _BATCH):
        request.infer([np.ascontiguousarray(photos[start : start + _BATCH])], share_inputs=True)
        outputs.append(request.get_output_tensor(0).data.copy())
    vectors = np.concatenate(outputs)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)
