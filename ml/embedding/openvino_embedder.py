"""Runs a bundle's graph with OpenVINO on the CPU, as serving does."""

from __future__ import annotations

import queue
import threading
from concurrent.futures import ThreadPoolExecutor
from textwrap import shorten
from typing import TYPE_CHECKING, Any

import numpy as np

from ml.bundle.manifest import INT8_GRAPH, MANIFEST, BundleError
from ml.embedding.embedder import Embeddings, Photos, embed_in_chunks
from ml.network.openvino_runtime import Precision, PrecisionUnsupported, compile_graph, compiled_precision

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from ml.bundle.bundle import Bundle

OPENVINO_BATCH = 16
"""Maximum photos of one inference with all threads; more photos are bulk work, in parallel chunks."""

_BULK_CHUNK = 8
"""Photos per inference of bulk work. Larger chunks need more memory and give no more throughput on CPUs."""


class OpenVINOEmbedder:
    """A bundle's graph on the CPU, compiled for single requests and for bulk work.

    For up to `OPENVINO_BATCH` photos all threads share one inference, for the lowest latency. For more photos each
    thread computes its own chunks, so that it never waits for a thread that a decoder has interrupted: 5 % less
    processor time in bf16, 14 % in int8. The bulk graph is compiled on first use; it needs the weights' memory again.
    """

    def __init__(self, bundle: Bundle, *, threads: int, precision: Precision = "auto") -> None:
        """Compile the graph.

        Raises:
            BundleError: the graph cannot be read, its shapes differ from the manifest, or the bundle or the CPU does
                not support the precision.
        """
        self.bundle = bundle
        if precision == "auto" and not bundle.has_float:
            precision = "int8"
        self._graph, self._precision, self._threads = _graph_for(bundle, precision), precision, threads
        compiled = self._compile(streams=1)
        _check_shapes(bundle, compiled, self._graph)
        self.precision = "int8" if precision == "int8" else compiled_precision(compiled)
        # Two requests suffice: one computes while the other's arrays are copied.
        self._single = _RequestPool(compiled, 2)
        self._bulk: tuple[_RequestPool, ThreadPoolExecutor] | None = None
        self._bulk_lock = threading.Lock()

    def embed(self, photos: Photos) -> Embeddings:
        """See `Embedder.embed`."""
        if len(photos) <= OPENVINO_BATCH or self._threads == 1:
            return embed_in_chunks(photos, self.bundle, chunk=OPENVINO_BATCH, infer=self._single.infer)
        requests, executor = self._open_bulk()
        chunk = min(_BULK_CHUNK, -(-len(photos) // self._threads))
        return embed_in_chunks(photos, self.bundle, chunk=chunk, infer=requests.infer, over=executor.map)

    def _open_bulk(self) -> tuple[_RequestPool, ThreadPoolExecutor]:
        with self._bulk_lock:
            if self._bulk is None:
                requests = _RequestPool(self._compile(streams=self._threads), self._threads)
                self._bulk = requests, ThreadPoolExecutor(self._threads, thread_name_prefix="infer")
            return self._bulk

    def _compile(self, *, streams: int) -> Any:
        try:
            return compile_graph(self._graph, threads=self._threads, precision=self._precision, streams=streams)
        except PrecisionUnsupported as error:
            problem = f"cannot run in this precision: {error}"
            raise BundleError(self.bundle.path, problem, "Use the precision 'f32' or 'auto'") from error
        except RuntimeError as error:
            reason = shorten(str(error), 300)  # OpenVINO's messages have many lines
            raise BundleError(self._graph, f"OpenVINO cannot read it ({reason})", "Export the model again") from error


class _RequestPool:
    """A pool of inference requests of a compiled graph; each serves one caller at a time."""

    def __init__(self, compiled: Any, count: int) -> None:
        self._free: queue.SimpleQueue[Any] = queue.SimpleQueue()
        for _ in range(count):
            self._free.put(compiled.create_infer_request())

    def infer(self, photos: Photos) -> tuple[NDArray[np.float32], ...]:
        """Return copies of the graph's outputs."""
        request = self._free.get()
        try:
            # Always shared: a request that once shared its input rejects a larger, copied input later.
            request.infer([np.ascontiguousarray(photos)], share_inputs=True)
            return tuple(request.get_output_tensor(output).data.copy() for output in (0, 1))
        finally:
            self._free.put(request)


def _graph_for(bundle: Bundle, precision: Precision) -> Path:
    if precision != "int8":
        if not bundle.has_float:
            raise BundleError(bundle.path, "only has an int8 graph", "Use the precision 'int8' or 'auto'")
        return bundle.graph_path
    if bundle.int8_graph_path is None:
        remedy = "Export one with `lookalike export OUT --int8`, or use the precision 'auto'"
        raise BundleError(bundle.path, f"has no int8 graph ({INT8_GRAPH})", remedy)
    return bundle.int8_graph_path


def _check_shapes(bundle: Bundle, compiled: Any, graph: Path) -> None:
    size = bundle.preprocessing.size
    expected = ([-1, size, size, 3], [-1, bundle.vector_size], [-1, len(bundle.categories)])
    actual = tuple(_dimensions(port) for port in (*compiled.inputs, *compiled.outputs))
    if actual != expected:
        problem = f"has input and outputs of shapes {actual}, but {MANIFEST} states {expected}"
        raise BundleError(graph, problem, "Export the model again")


def _dimensions(port: Any) -> list[int]:
    """Return a graph port's shape, with -1 for a dynamic dimension."""
    return [-1 if dimension.is_dynamic else dimension.get_length() for dimension in port.partial_shape]
