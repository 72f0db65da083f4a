"""Post-training quantisation of a graph to int8: twice as fast as bf16, at a small loss of recall. Needs `train`.

NNCF measures the range of each activation on photos and corrects the biases for rounding (Nagel et al. 2019,
arXiv:1906.04721).
"""

from __future__ import annotations

import contextlib
import io
import logging
from typing import TYPE_CHECKING, Any

from ml.bundle.canonical import canonical_photos, largest_difference
from ml.bundle.manifest import GRAPH, INT8_GRAPH, BundleError
from ml.export.precisions import graph_vectors
from ml.network.openvino_runtime import load_openvino

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from ml.bundle.canonical import CanonicalVectors

CALIBRATION_PHOTOS = 300
"""NNCF's default; the ranges converge with far fewer."""

_TRUNK_OPERATIONS = frozenset({"Convolution", "Add", "Relu", "MaxPool"})
"""Operations of the trunk. All others stay in float."""


class QuantizerMissing(ImportError):
    """NNCF is not installed."""

    def __init__(self) -> None:
        super().__init__("Quantising to int8 needs nncf. Install it: make install")


def add_int8_graph(folder: Path, photos: NDArray[np.uint8], *, canonical: CanonicalVectors) -> None:
    """Quantise the graph in a bundle's folder with training photos, and check the canonical photos' vectors.

    Raises:
        BundleError: the vectors differ by more than the int8 tolerance, so the bundle would not open.
        QuantizerMissing, ValueError: see `quantize_graph`.
    """
    quantize_graph(folder / GRAPH, folder / INT8_GRAPH, photos)
    size = photos.shape[1]
    vectors = graph_vectors(folder / INT8_GRAPH, canonical_photos(size), precision="int8")
    difference, tolerance = largest_difference(canonical, vectors), canonical.tolerance.get("int8", 0.0)
    if not difference <= tolerance:
        problem = f"the vectors of the canonical photos differ by {difference:.2g} (allowed in int8: {tolerance})"
        raise BundleError(folder / INT8_GRAPH, problem, "Quantise with other or more photos, or export without int8")


def quantize_graph(graph: Path, out: Path, photos: NDArray[np.uint8]) -> None:
    """Write the graph with an int8 trunk, quantised per channel.

    The head stays in float. It costs little time, and its square roots, normalisation and whitened projection amplify
    rounding errors. On 1,600 photos, an int8 head has a median cosine to float32 of 0.958 and loses 2.1 points of
    same-listing recall@1; a float head has 0.995 and loses 0.4 points.

    Args:
        graph: an OpenVINO graph with float weights.
        out: the .xml file to write; its weights go next to it.
        photos: preprocessed training photos, uint8 (n, S, S, 3), at least one; the first `CALIBRATION_PHOTOS` count.

    Raises:
        QuantizerMissing: NNCF is not installed.
        ValueError: there are no photos.
    """
    if not len(photos):
        raise ValueError("there are no photos to quantise with")
    openvino, nncf = load_openvino(), _load_nncf()
    model = openvino.Core().read_model(graph)
    sample = [photo[None] for photo in photos[:CALIBRATION_PHOTOS]]
    with contextlib.redirect_stdout(io.StringIO()):  # hides NNCF's progress bars
        quantised = nncf.quantize(
            model,
            nncf.Dataset(sample),
            subset_size=len(sample),
            preset=nncf.QuantizationPreset.MIXED,
            ignored_scope=nncf.IgnoredScope(names=_float_operations(model), validate=False),
            # Halves the weights' range in every layer. CPUs without VNNI add products in 16 bits, where full-range
            # weights saturate: recall@1 drops by 6 points there without this.
            advanced_parameters=nncf.AdvancedQuantizationParameters(overflow_fix=nncf.OverflowFix.ENABLE),
        )
    openvino.save_model(quantised, out, compress_to_fp16=True)


def _float_operations(model: Any) -> list[str]:
    """Return the names of the operations outside the trunk, which works on maps (n, channels, height, width)."""
    return [
        operation.get_friendly_name()
        for operation in model.get_ordered_ops()
        if operation.get_output_size()
        and not (operation.get_type_name() in _TRUNK_OPERATIONS and len(operation.get_output_partial_shape(0)) == 4)
        and operation.get_type_name() not in {"Constant", "Convert", "Parameter"}
    ]


def _load_nncf() -> Any:
    """Import NNCF without its log output. `load_openvino` hides the telemetry package that NNCF also uses."""
    load_openvino()
    logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)  # warns without a CUDA compiler
    try:
        import nncf
    except ModuleNotFoundError as error:
        raise QuantizerMissing from error
    logging.getLogger("nncf").setLevel(logging.ERROR)  # nncf.set_log_level would also change handlers of others
    return nncf
