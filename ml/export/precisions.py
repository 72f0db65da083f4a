"""What a precision loses: the same graphs on the same photos, each precision against float32."""

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
    """Preprocessed photos of distinct contents, and whose they are.

    Attributes:
        pixels: uint8 (n, S, S, 3).
        listings: int64 (n,), equal where the listing is the same.
    """

    pixels: NDArray[np.uint8]
    listings: NDArray[np.int64]

    @property
    def queries(self) -> NDArray[np.int64]:
        """The rows of photos whose listing has another one."""
        return paired(self.listings)


def paired(listings: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the rows, (q,), of those of n photos whose listing has another one."""
    _, listing_of, counts = np.unique(listings, return_inverse=True, return_counts=True)
    return np.flatnonzero(counts[listing_of] > 1)


def same_listing_recall(vectors: NDArray[np.float32], listings: NDArray[np.int64]) -> float:
    """Return the share of `paired` photos whose nearest other photo, of all n, is of the same listing.

    Args:
        vectors: (n, d), unit length.
        listings: (n,), with at least two equal.
    """
    queries = paired(listings)
    found = nearest(vectors[queries], vectors, 1, exclude=queries)[:, 0]
    return float((listings[found] == listings[queries]).mean())


def compare_precisions(
    vectors: Mapping[str, NDArray[np.float32]], listings: NDArray[np.int64], *, reference: str = "f32"
) -> dict[str, PrecisionQuality]:
    """Return what each precision is worth beside the reference, by name; nothing when no listing has two photos.

    Args:
        vectors: by precision, the reference's among them: (n, d), unit length.
        listings: (n,), whose photos they are.
    """
    if not len(paired(listings)):
        return {}
    recalls = {name: same_listing_recall(found, listings) for name, found in vectors.items()}
    return {
        name: PrecisionQuality(
            photos=len(paired(listings)),
            recall_at_1=recalls[name],
            loss=100 * (recalls[reference] - recalls[name]),
            cosine=float(np.median((found * vectors[reference]).sum(axis=1))),
        )
        for name, found in vectors.items()
    }


def measure_precisions(folder: Path, photos: ListingPhotos) -> dict[str, PrecisionQuality]:
    """Return what the precisions of the graphs in a bundle's folder are worth on the photos.

    bf16 is measured where the processor has it, int8 where the folder has its graph.
    """
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
    """Return the vectors that the graph gives of the photos, uint8 (n, S, S, 3): float32 (n, d) of unit length."""
    request = compile_graph(graph, threads=available_cores(), precision=precision).create_infer_request()
    found = []
    for start in range(0, len(photos), _BATCH):
        request.infer([np.ascontiguousarray(photos[start : start + _BATCH])], share_inputs=True)
        found.append(request.get_output_tensor(0).data.copy())
    vectors = np.concatenate(found)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)
