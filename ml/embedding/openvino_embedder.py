"""From photos to vectors and category probabilities. Serving runs OpenVINO; torch is imported only when asked for."""

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
"""Photos that are computed together at once; more are bulk, and computed in parallel chunks."""

_BULK_CHUNK = 8
"""Photos per inference of bulk. On processors throughput is flat from here on, memory is not."""


class OpenVINOEmbedder:
    """The bundle's graph on the processor, compiled in two ways.

    All threads work together on up to `OPENVINO_BATCH` photos, for the lowest latency. Of more photos each thread
    computes chunks on its own, so that it never waits for one that a decoder has displaced: 5 % less processor time in
    bf16, 14 % in int8. That second compilation takes the weights' size in memory once more, and is made when needed.
    """

    def __init__(self, bundle: Bundle, *, threads: int, precision: Precision = "auto") -> None:
        """Compile the graph.

        Raises:
            BundleError: the graph cannot be read, its outputs do not have the sizes that the manifest states, or the
                bundle or the processor lacks the precision asked for.
        """
        self.bundle = bundle
        asked: Precision = "int8" if precision == "auto" and not bundle.has_float else precision
        self._graph, self._asked, self._threads = _graph_for(bundle, asked), asked, threads
        compiled = self._compile(streams=1)
        _check_sizes(bundle, compiled, self._graph)
        self.precision = "int8" if asked == "int8" else compiled_precision(compiled)
        # Two requests are enough: one computes while the other's arrays are copied.
        self._together = _Requests(compiled, 2)
        self._bulk: tuple[_Requests, ThreadPoolExecutor] | None = None
        self._bulk_lock = threading.Lock()

    def embed(self, photos: Photos) -> Embeddings:
        """See `Embedder.embed`."""
        if len(photos) <= OPENVINO_BATCH or self._threads == 1:
            return embed_in_chunks(photos, self.bundle, chunk=OPENVINO_BATCH, infer=self._together.infer)
        requests, executor = self._open_bulk()
        chunk = min(_BULK_CHUNK, -(-len(photos) // self._threads))
        return embed_in_chunks(photos, self.bundle, chunk=chunk, infer=requests.infer, over=executor.map)

    def _open_bulk(self) -> tuple[_Requests, ThreadPoolExecutor]:
        with self._bulk_lock:
            if self._bulk is None:
                requests = _Requests(self._compile(streams=self._threads), self._threads)
                self._bulk = requests, ThreadPoolExecutor(self._threads, thread_name_prefix="infer")
            return self._bulk

    def _compile(self, *, streams: int) -> Any:
        try:
            return compile_graph(self._graph, threads=self._threads, precision=self._asked, streams=streams)
        except PrecisionUnsupported as error:
            problem = f"cannot be run as asked: {error}"
            raise BundleError(self.bundle.path, problem, "Use the precision 'f32', or 'auto'") from error
        except RuntimeError as error:
            gist = shorten(str(error), 300)  # OpenVINO's messages run over many lines
            raise BundleError(self._graph, f"OpenVINO cannot read it ({gist})", "Export it again") from error


class _Requests:
    """Inference requests of one compiled graph, each of which serves one caller at a time."""

    def __init__(self, compiled: Any, count: int) -> None:
        self._free: queue.SimpleQueue[Any] = queue.SimpleQueue()
        for _ in range(count):
            self._free.put(compiled.create_infer_request())

    def infer(self, photos: Photos) -> tuple[NDArray[np.float32], ...]:
        """Return the graph's outputs, copied."""
        request = self._free.get()
        try:
            # Shared, always: a request that once shared its input refuses a later, larger input by copy.
            request.infer([np.ascontiguousarray(photos)], share_inputs=True)
            return tuple(request.get_output_tensor(output).data.copy() for output in (0, 1))
        finally:
            self._free.put(request)


def _graph_for(bundle: Bundle, precision: Precision) -> Path:
    if precision != "int8":
        if not bundle.has_float:
            raise BundleError(bundle.path, "has an int8 graph only", "Use the precision 'int8', or 'auto'")
        return bundle.graph_path
    if bundle.int8_graph_path is None:
        remedy = "Make a bundle with one: lookalike export OUT --int8; or use the precision 'auto'"
        raise BundleError(bundle.path, f"has no int8 graph ({INT8_GRAPH})", remedy)
    return bundle.int8_graph_path


def _check_sizes(bundle: Bundle, compiled: Any, graph: Path) -> None:
    size = bundle.preprocessing.size
    stated = ([-1, size, size, 3], [-1, bundle.vector_size], [-1, len(bundle.categories)])
    found = tuple(_dimensions(port) for port in (*compiled.inputs, *compiled.outputs))
    if found != stated:
        problem = f"its input and outputs have the shapes {found}, but {MANIFEST} states {stated}"
        raise BundleError(graph, problem, "Export the model again")


def _dimensions(port: Any) -> list[int]:
    """Return a graph port's shape, -1 for a dimension that is free."""
    return [-1 if dimension.is_dynamic else dimension.get_length() for dimension in port.partial_shape]
