"""Runs a model's graph with one more output: the logits of its category head, which serving does not need."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from more_itertools import chunked

from ml.network.openvino_runtime import compile_graph, load_openvino
from ml.photos.decode import PhotoError
from services.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from ml.bundle.bundle import Bundle

_BATCH = 16


@dataclass(frozen=True, slots=True)
class NetworkOutputs:
    """A network's outputs for n photos, in float32.

    Attributes:
        vectors: (n, d), unit length.
        probabilities: (n, c), of the categories, as served.
        logits: (n, classes), before any softmax; a category has one or more classes.
    """

    vectors: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    logits: NDArray[np.float32]


class LogitsNetwork:
    """A bundle's graph on the CPU, in int8 if it has no float graph."""

    def __init__(self, bundle: Bundle, *, threads: int) -> None:
        """Raise BadInput if the graph has no category head of the known kind."""
        self._preprocessing, self._threads = bundle.preprocessing, threads
        path = bundle.graph_path if bundle.has_float else bundle.int8_graph_path
        graph = load_openvino().Core().read_model(path)
        graph.add_outputs(_logits(graph, classes=bundle.record.get("classes"), model_version=bundle.version))
        precision: Any = "auto" if bundle.has_float else "int8"
        self._request = compile_graph(graph, threads=threads, precision=precision).create_infer_request()

    def run(self, contents: Iterable[bytes]) -> NetworkOutputs:
        """Return the outputs for photos, without those that cannot be decoded.

        Raises:
            BadInput: none can be decoded.
        """
        with ThreadPoolExecutor(self._threads) as pool:
            pixels = [one for one in pool.map(self._load, contents) if one is not None]
        if not pixels:
            raise BadInput("None of these files is a photo that can be read.")
        vectors, probabilities, logits = (
            np.concatenate(parts) for parts in zip(*map(self._infer, chunked(pixels, _BATCH)), strict=True)
        )
        return NetworkOutputs(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), probabilities, logits)

    def _load(self, content: bytes) -> NDArray[np.uint8] | None:
        try:
            return self._preprocessing.load(content)
        except PhotoError:
            return None

    def _infer(self, pixels: Sequence[NDArray[np.uint8]]) -> tuple[NDArray[np.float32], ...]:
        self._request.infer([np.stack(pixels)])
        return tuple(self._request.get_output_tensor(output).data.copy() for output in range(3))


def _logits(graph: Any, *, classes: int | None, model_version: str) -> Any:
    """Return the input of the graph's first softmax over the classes."""
    for node in graph.get_ordered_ops():
        if node.get_type_name() == "Softmax":
            width = node.output(0).get_partial_shape()[-1]
            if classes is None or (not width.is_dynamic and width.get_length() == classes):
                return node.input_value(0)
    raise BadInput(f"The graph of model {model_version} has no softmax over its classes, so it has no logits.")
