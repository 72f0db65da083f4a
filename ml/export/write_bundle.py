"""Writes a trained network as a model bundle. Importing this imports torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from safetensors.torch import save

from ml.bundle.bundle import Bundle
from ml.bundle.canonical import CanonicalVectors, canonical_photos
from ml.bundle.manifest import GRAPH, WEIGHTS, BundleError
from ml.bundle.writer import staged_folder, write_manifest
from ml.embedding.embedder import Embeddings
from ml.export.precisions import measure_precisions
from ml.export.quantize import add_int8_graph
from ml.network.openvino_runtime import available_cores, compile_graph, load_openvino

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from ml.bundle.manifest import ModelDescription
    from ml.export.precision_photos import PrecisionPhotos
    from ml.network.model import LookalikeNet

VECTOR_TOLERANCE, PROBABILITY_TOLERANCE = 5e-3, 1e-2
"""Largest allowed differences between the f32 graph and eager torch, in a vector component and in a probability.

The graph's float16 weights cause up to 3e-4 and 1.1e-3 in a real model (probabilities differ more because the category
head includes the whitening and has large weights). They cause 2.6e-3 and 7e-3 where whitening amplifies most: with a
dozen photos and a trunk that hardly separates them. A graph with other weights differs by 0.1 and more.
"""


def export_bundle(
    net: LookalikeNet,
    out: Path,
    *,
    description: ModelDescription,
    photos: PrecisionPhotos | None = None,
) -> Bundle:
    """Write the network as a model bundle at `out`, whole or not at all, and load the bundle from there.

    Leaves the network in evaluation mode on the CPU.

    Args:
        photos: photos to quantise with and to measure on; they add an int8 graph, and the quality of each precision.

    Raises:
        BundleError: `out` exists, a weight is not finite, or a graph's outputs differ from the network's.
        QuantizerMissing: the int8 graph needs NNCF, which is not installed.
        ValueError: the categories or metrics are not valid.
    """
    net = net.eval().cpu()
    size = description.preprocessing.size
    with staged_folder(out) as folder:
        # Not with `save_file`, whose files only their owner may read: the service runs as another user.
        (folder / WEIGHTS).write_bytes(save({name: values.contiguous() for name, values in net.state_dict().items()}))
        expected = _eager(net, canonical_photos(size))
        canonical = CanonicalVectors.of(expected.vectors)
        _write_graph(net, folder / GRAPH, size=size)
        _check_graph(folder / GRAPH, canonical_photos(size), expected)
        if photos is not None:
            add_int8_graph(folder, photos.quantize_with, canonical=canonical)
        write_manifest(
            folder,
            description,
            vector_size=expected.vectors.shape[1],
            canonical=canonical,
            precisions=measure_precisions(folder, photos.measure_on) if photos and photos.measure_on else None,
        )
    return Bundle.load(out)


def _eager(net: LookalikeNet, photos: NDArray[np.uint8]) -> Embeddings:
    with torch.inference_mode():
        vectors, probabilities = net(torch.from_numpy(photos))
    return Embeddings(vectors.numpy(), probabilities.numpy())


def _write_graph(net: LookalikeNet, graph: Path, *, size: int) -> None:
    """Write an OpenVINO graph with float16 weights, for batches of any size of `size` x `size` photos."""
    openvino = load_openvino()
    example = torch.zeros((2, size, size, 3), dtype=torch.uint8)
    # dynamo: uses torch.export. The default uses torch.jit, which torch 2.15 deprecates.
    converted = openvino.convert_model(net, example_input=example, input=[-1, size, size, 3], dynamo=True)
    openvino.save_model(converted, graph, compress_to_fp16=True)


def _check_graph(graph: Path, photos: NDArray[np.uint8], expected: Embeddings) -> None:
    """Raise BundleError unless the graph, read from its file, gives the network's outputs."""
    request = compile_graph(graph, threads=available_cores(), precision="f32").create_infer_request()
    request.infer([photos], share_inputs=True)
    in_vectors, in_probabilities = (
        float(np.abs(request.get_output_tensor(i).data - values).max())
        for i, values in enumerate((expected.vectors, expected.probabilities))
    )
    if not (in_vectors <= VECTOR_TOLERANCE and in_probabilities <= PROBABILITY_TOLERANCE):  # also true for NaN
        problem = (
            f"differs from torch by {in_vectors:.2g} in vectors (allowed: {VECTOR_TOLERANCE}) and "
            f"{in_probabilities:.2g} in probabilities (allowed: {PROBABILITY_TOLERANCE})"
        )
        raise BundleError(graph, problem, "Train again, or report this as a bug")
