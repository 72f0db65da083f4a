"""A graph in int8, by post-training quantisation: twice as fast as bf16, for a little recall. Needs the extra `train`.

NNCF finds the range of each activation on photos, and corrects the biases for what rounding shifts (Nagel et al. 2019,
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
"""As many as NNCF takes by default; the ranges settle well before."""

_QUANTISED = frozenset({"Convolution", "Add", "Relu", "MaxPool"})
"""What the trunk consists of. All else stays in float."""


class QuantizerMissing(ImportError):
    """NNCF is not installed."""

    def __init__(self) -> None:
        super().__init__("Quantising needs nncf. Install it: pip install -e '.[train]'")


def add_int8_graph(folder: Path, photos: NDArray[np.uint8], *, canonical: CanonicalVectors) -> None:
    """Quantise the graph in a bundle's folder with photos that were trained on, and check what the outcome computes.

    Raises:
        BundleError: the canonical photos' vectors differ by more than int8 may: the bundle would not open.
        QuantizerMissing, ValueError: see `quantize_graph`.
    """
    quantize_graph(folder / GRAPH, folder / INT8_GRAPH, photos)
    size = photos.shape[1]
    vectors = graph_vectors(folder / INT8_GRAPH, canonical_photos(size), precision="int8")
    difference, tolerance = largest_difference(canonical, vectors), canonical.tolerance.get("int8", 0.0)
    if not difference <= tolerance:
        problem = f"its canonical photos' vectors differ by {difference:.2g} (allowed in int8: {tolerance})"
        raise BundleError(folder / INT8_GRAPH, problem, "Quantise with other, or more, photos; or do without int8")


def quantize_graph(graph: Path, out: Path, photos: NDArray[np.uint8]) -> None:
    """Write the graph with its trunk in int8, per channel, to `out`, an .xml with its weights beside it.

    The head stays in float: it costs nothing there, while its roots, its unit length and the whitened projection
    enlarge what rounding loses. With an integer head the median cosine to float32 was 0.958 on 1,600 photos and
    same-listing recall@1 fell by 2.1 points; with a float head it was 0.995, and 0.4 points.

    Args:
        graph: an OpenVINO graph with float weights.
        out: where to write.
        photos: preprocessed photos that were trained on, uint8 (n, S, S, 3), at least one; the first
            `CALIBRATION_PHOTOS` are used.

    Raises:
        QuantizerMissing: NNCF is not installed.
        ValueError: there are no photos.
    """
    if not len(photos):
        raise ValueError("there are no photos to quantise with")
    openvino, nncf = load_openvino(), _load_nncf()
    model = openvino.Core().read_model(graph)
    sample = [photo[None] for photo in photos[:CALIBRATION_PHOTOS]]
    with contextlib.redirect_stdout(io.StringIO()):  # its progress bars, which standard output is not for
        quantised = nncf.quantize(
            model,
            nncf.Dataset(sample),
            subset_size=len(sample),
            preset=nncf.QuantizationPreset.MIXED,
            ignored_scope=nncf.IgnoredScope(names=_float_operations(model), validate=False),
            # Half the range for the weights of every layer: processors without VNNI add products in 16 bits, where
            # full-range weights saturate: recall@1 is 6 points lower there without it.
            advanced_parameters=nncf.AdvancedQuantizationParameters(overflow_fix=nncf.OverflowFix.ENABLE),
        )
    openvino.save_model(quantised, out, compress_to_fp16=True)


def _float_operations(model: Any) -> list[str]:
    """Return the names of the operations that are not the trunk's, which are on maps (n, channels, height, width)."""
    return [
        operation.get_friendly_name()
        for operation in model.get_ordered_ops()
        if operation.get_output_size()
        and not (operation.get_type_name() in _QUANTISED and len(operation.get_output_partial_shape(0)) == 4)
        and operation.get_type_name() not in {"Constant", "Convert", "Parameter"}
    ]


def _load_nncf() -> Any:
    """Import NNCF, quietly. It reports usage through the same package as OpenVINO, which `load_openvino` has hidden."""
    load_openvino()
    logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)  # warns where there is no CUDA compiler
    try:
        import nncf
    except ModuleNotFoundError as error:
        raise QuantizerMissing from error
    nncf.set_log_level(logging.ERROR)
    return nncf
