"""From a trained network to a model bundle: the training side's last step. Importing this imports torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors.torch import save

from ml.bundle.bundle import Bundle
from ml.bundle.canonical import canonical_photos, pin
from ml.bundle.manifest import GRAPH, WEIGHTS, BundleError
from ml.bundle.writer import staged_folder, write_manifest
from ml.embedding.embedder import Embeddings
from ml.export.precisions import measure_precisions
from ml.export.quantize import add_int8_graph
from ml.network.openvino_runtime import available_cores, compile_graph, load_openvino

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from ml.bundle.calibration import Calibration
    from ml.bundle.manifest import SplitRecord
    from ml.export.precisions import ListingPhotos
    from ml.network.model import LookalikeNet
    from ml.photos.preprocess import Preprocessing

VECTOR_TOLERANCE, PROBABILITY_TOLERANCE = 5e-3, 1e-2
"""Largest differences allowed between the graph in f32 and eager torch, in a vector's component and a probability.

The graph's float16 weights account for up to 3e-4 and 1.1e-3 in a real model (a category head that whitening is folded
into has large weights, so probabilities move more), and for 2.6e-3 and 7e-3 where whitening magnifies most: with a
trunk that tells the photos hardly apart, and a dozen of them. A graph of other weights differs by 0.1 and more.
"""


def export_bundle(
    net: LookalikeNet,
    *,
    categories: Sequence[str],
    preprocessing: Preprocessing,
    metrics: Mapping[str, float],
    record: Mapping[str, Any],
    out: Path,
    calibration: Calibration | None = None,
    split: SplitRecord | None = None,
    quantize_with: NDArray[np.uint8] | None = None,
    measure_on: ListingPhotos | None = None,
) -> Bundle:
    """Write the network as a model bundle at `out`, whole or not at all, and return the bundle as loaded from there.

    The network is left in evaluation mode on the processor.

    Args:
        metrics: measured on held-out listings, by name; finite.
        record: how it was trained; JSON values.
        calibration: what its probabilities and similarities are worth, if measured.
        split: which listings it was trained, calibrated and measured on, if recorded.
        quantize_with: preprocessed photos that were trained on, uint8 (n, S, S, 3), a few hundred: the bundle gets an
            int8 graph as well.
        measure_on: photos that were not trained on: the manifest states what each precision loses on them.

    Raises:
        BundleError: `out` exists, a weight is not finite, or a graph does not compute what the network computes.
        QuantizerMissing: the int8 graph is asked for, and NNCF is not installed.
        ValueError: the categories or metrics cannot be used.
    """
    net = net.eval().cpu()
    with staged_folder(out) as folder:
        # Not `save_file`, whose files nobody else may read: a service has a user of its own.
        weights = save({name: tensor.contiguous() for name, tensor in net.state_dict().items()})
        (folder / WEIGHTS).write_bytes(weights)
        photos = canonical_photos(preprocessing.size)
        expected = _eager(net, photos)
        _write_graph(net, folder / GRAPH, size=preprocessing.size)
        _check_graph(folder / GRAPH, photos, expected)
        if quantize_with is not None:
            add_int8_graph(folder, quantize_with, canonical=pin(expected.vectors))
        write_manifest(
            folder,
            categories=categories,
            vector_size=expected.vectors.shape[1],
            preprocessing=preprocessing,
            metrics=metrics,
            record=record,
            canonical=pin(expected.vectors),
            calibration=calibration,
            split=split,
            precisions=measure_precisions(folder, measure_on) if measure_on else {},
        )
    return Bundle.load(out)


def _eager(net: LookalikeNet, photos: NDArray[np.uint8]) -> Embeddings:
    with torch.inference_mode():
        vectors, probabilities = net(torch.from_numpy(photos))
    return Embeddings(vectors.numpy(), probabilities.numpy())


def _write_graph(net: LookalikeNet, graph: Path, *, size: int) -> None:
    """Write the network as an OpenVINO graph with float16 weights for any number of photos of `size` pixels."""
    openvino = load_openvino()
    example = torch.zeros((2, size, size, 3), dtype=torch.uint8)
    # dynamo: through torch.export. The default traces with torch.jit, which torch 2.15 calls deprecated.
    converted = openvino.convert_model(net, example_input=example, input=[-1, size, size, 3], dynamo=True)
    openvino.save_model(converted, graph, compress_to_fp16=True)


def _check_graph(graph: Path, photos: NDArray[np.uint8], expected: Embeddings) -> None:
    """Raise BundleError unless the graph, read back from its file, computes what the network computed."""
    request = compile_graph(graph, threads=available_cores(), precision="f32").create_infer_request()
    request.infer([photos], share_inputs=True)
    vectors, probabilities = (
        float(np.abs(request.get_output_tensor(i).data - values).max())
        for i, values in enumerate((expected.vectors, expected.probabilities))
    )
    if not (vectors <= VECTOR_TOLERANCE and probabilities <= PROBABILITY_TOLERANCE):  # so that NaN is refused too
        problem = (
            f"differs from torch by {vectors:.2g} in vectors (allowed: {VECTOR_TOLERANCE}) and "
            f"{probabilities:.2g} in probabilities (allowed: {PROBABILITY_TOLERANCE})"
        )
        raise BundleError(graph, problem, "Train again, or report this as a bug")
