"""Opens a bundle's embedder and checks it. Serving runs OpenVINO; torch is imported only for the runtime `torch`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from ml.bundle.canonical import canonical_photos, largest_difference
from ml.bundle.manifest import BundleError
from ml.embedding.openvino_embedder import OpenVINOEmbedder
from ml.network.openvino_runtime import available_cores

if TYPE_CHECKING:
    from ml.bundle.bundle import Bundle
    from ml.embedding.embedder import Embedder
    from ml.network.openvino_runtime import Precision

_EXPORT_AGAIN = "Export the model again with the installed versions of torch and OpenVINO"


def open_embedder(
    bundle: Bundle,
    *,
    runtime: Literal["openvino", "torch"] = "openvino",
    threads: int | None = None,
    precision: Precision = "auto",
    device: str = "auto",
) -> Embedder:
    """Open the bundle's embedder and check the vectors of the canonical photos.

    Args:
        threads: for OpenVINO; None uses every core that this process may use.
        precision: for OpenVINO. `auto` is int8 for an int8-only bundle, else bf16 if the CPU has it, else f32. `int8`
            needs an int8 graph; its vectors are comparable with the same bundle's bf16 and f32 vectors.
        device: for torch.

    Raises:
        BundleError: the bundle cannot run here, or the vectors differ: its files or the runtime have changed.
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
        from ml.embedding.torch_embedder import TorchEmbedder
    except ImportError as error:
        raise BundleError(bundle.path, "needs torch for the runtime 'torch'", "make install") from error
    return TorchEmbedder(bundle, device=device)


def check_canonical(embedder: Embedder) -> None:
    """Raise BundleError unless the canonical photos' vectors match the manifest, within its tolerance."""
    bundle = embedder.bundle
    try:
        embeddings = embedder.embed(canonical_photos(bundle.preprocessing.size))
    except ArithmeticError as error:
        raise BundleError(bundle.path, f"cannot embed its canonical photos ({error})", _EXPORT_AGAIN) from error
    difference = largest_difference(bundle.canonical, embeddings.vectors)
    tolerance = bundle.canonical.tolerance.get(embedder.precision, 0.0)
    if not difference <= tolerance:
        allowed = f"(allowed in {embedder.precision}: {tolerance})"
        problem = f"the vectors of its canonical photos differ by {difference:.2g} {allowed}"
        raise BundleError(bundle.path, problem, _EXPORT_AGAIN)
