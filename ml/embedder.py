"""From photos to vectors and category probabilities. Serving runs OpenVINO; torch is imported only when asked for."""

from __future__ import annotations

import os
import queue
from textwrap import shorten
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ml.bundle import BundleError
from ml.canonical import canonical_photos, largest_difference
from ml.embeddings import Embedder, Embeddings, Photos, embed_in_chunks
from ml.manifest import MANIFEST
from ml.openvino_runtime import Precision, PrecisionUnsupported, compile_graph, compiled_precision

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ml.bundle import Bundle

__all__ = ["Embedder", "Embeddings", "OpenVINOEmbedder", "available_cores", "check_canonical", "open_embedder"]

OPENVINO_BATCH = 16
"""Photos per inference; more are cut into chunks. On processors throughput is flat from 8 on, memory is not."""

_EXPORT_AGAIN = "Export the model again with the releases that serve it"


class OpenVINOEmbedder:
    """The bundle's graph on the processor, `threads` threads working on one request at a time."""

    def __init__(self, bundle: Bundle, *, threads: int, precision: Precision = "auto") -> None:
        """Compile the graph.

        Raises:
            BundleError: the graph cannot be read, its outputs do not have the sizes that the manifest states, or the
                processor lacks the precision asked for.
        """
        self.bundle = bundle
        try:
            compiled = compile_graph(bundle.graph_path, threads=threads, precision=precision)
        except PrecisionUnsupported as error:
            raise BundleError(
                bundle.path, f"cannot be run as asked: {error}", "Use the precision 'f32', or 'auto'"
            ) from error
        except RuntimeError as error:
            gist = shorten(str(error), 300)  # OpenVINO's messages run over many lines
            raise BundleError(bundle.graph_path, f"OpenVINO cannot read it ({gist})", "Export it again") from error
        _check_sizes(bundle, compiled)
        self.precision = compiled_precision(compiled)
        # A request serves one caller at a time. Two are enough: one computes while the other's arrays are copied.
        self._requests: queue.SimpleQueue[Any] = queue.SimpleQueue()
        for _ in range(2):
            self._requests.put(compiled.create_infer_request())

    def embed(self, photos: Photos) -> Embeddings:
        """See `Embedder.embed`."""
        return embed_in_chunks(photos, self.bundle, chunk=OPENVINO_BATCH, infer=self._infer)

    def _infer(self, photos: Photos) -> tuple[NDArray[np.float32], ...]:
        request = self._requests.get()
        try:
            # Shared, always: a request that once shared its input refuses a later, larger input by copy.
            request.infer([np.ascontiguousarray(photos)], share_inputs=True)
            return tuple(request.get_output_tensor(output).data.copy() for output in (0, 1))
        finally:
            self._requests.put(request)


def open_embedder(
    bundle: Bundle,
    *,
    runtime: Literal["openvino", "torch"] = "openvino",
    threads: int | None = None,
    precision: Precision = "auto",
    device: str = "auto",
) -> Embedder:
    """Open the bundle and check that it embeds the canonical photos as it did when it was made.

    Args:
        threads: for OpenVINO; every core that this process may use when None.
        precision: for OpenVINO; `auto` is bf16 where the processor has it.
        device: for torch.

    Raises:
        BundleError: the vectors differ (the weights, the graph or the runtime is not what it should be), or the
            bundle cannot be run here at all.
    """
    embedder: Embedder
    if runtime == "torch":
        embedder = _torch_embedder(bundle, device)
    else:
        embedder = OpenVINOEmbedder(bundle, threads=threads or available_cores(), precision=precision)
    check_canonical(embedder)
    return embedder


def _torch_embedder(bundle: Bundle, device: str) -> Embedder:
    try:
        from ml.torch_embedder import TorchEmbedder
    except ImportError as error:
        raise BundleError(bundle.path, "the runtime 'torch' needs torch", "pip install 'lookalike[train]'") from error
    return TorchEmbedder(bundle, device=device)


def check_canonical(embedder: Embedder) -> None:
    """Raise BundleError unless the canonical photos' vectors are those of the manifest, within its tolerance."""
    bundle = embedder.bundle
    try:
        embeddings = embedder.embed(canonical_photos(bundle.preprocessing.size))
    except ArithmeticError as error:
        raise BundleError(bundle.path, f"it cannot embed its canonical photos ({error})", _EXPORT_AGAIN) from error
    difference = largest_difference(bundle.canonical, embeddings)
    tolerance = bundle.canonical.tolerance.get(embedder.precision, 0.0)
    if not difference <= tolerance:
        problem = (
            f"its canonical photos' vectors differ by {difference:.2g} (allowed in {embedder.precision}: {tolerance})"
        )
        raise BundleError(bundle.path, problem, _EXPORT_AGAIN)


def available_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _check_sizes(bundle: Bundle, compiled: Any) -> None:
    size = bundle.preprocessing.size
    stated = ([-1, size, size, 3], [-1, bundle.vector_size], [-1, len(bundle.categories)])
    found = tuple(_dimensions(port) for port in (*compiled.inputs, *compiled.outputs))
    if found != stated:
        problem = f"its input and outputs have the shapes {found}, but {MANIFEST} states {stated}"
        raise BundleError(bundle.graph_path, problem, "Export the model again")


def _dimensions(port: Any) -> list[int]:
    """Return a graph port's shape, -1 for a dimension that is free."""
    return [-1 if dimension.is_dynamic else dimension.get_length() for dimension in port.partial_shape]
