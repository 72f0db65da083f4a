"""The OpenVINO embedder matches torch, is thread-safe, and rejects a bundle that differs from its manifest."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ml.bundle.bundle import Bundle
from ml.bundle.canonical import canonical_photos
from ml.bundle.manifest import BundleError
from ml.embedding.open_embedder import open_embedder
from ml.embedding.openvino_embedder import OPENVINO_BATCH, OpenVINOEmbedder
from ml.network.openvino_runtime import processor_capabilities

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

pytestmark = [pytest.mark.train, pytest.mark.usefixtures("small_trunks")]


@pytest.fixture(scope="module")
def photos() -> NDArray[np.uint8]:
    """More distinct photos than fit into one inference: canonical photos with noise."""
    noise = np.random.default_rng(7).integers(0, 64, (OPENVINO_BATCH + 5, 64, 64, 3), dtype=np.uint8)
    return noise + canonical_photos(64)[np.arange(len(noise)) % 3] // 2


@pytest.fixture(scope="module")
def embedder(resnet_bundle: Bundle) -> OpenVINOEmbedder:
    return OpenVINOEmbedder(resnet_bundle, threads=2, precision="f32")


@pytest.fixture
def copied_bundle(resnet_bundle: Bundle, tmp_path: Path) -> Path:
    return shutil.copytree(resnet_bundle.path, tmp_path / "copy")


def test_openvino_in_f32_equals_eager_torch(
    resnet_bundle: Bundle, embedder: OpenVINOEmbedder, photos: NDArray[np.uint8]
) -> None:
    ours, eager = embedder.embed(photos), open_embedder(resnet_bundle, runtime="torch", device="cpu").embed(photos)
    np.testing.assert_allclose(ours.vectors, eager.vectors, atol=1e-3)
    np.testing.assert_allclose(ours.probabilities, eager.probabilities, atol=1e-3)


def test_bf16_agrees_with_f32(resnet_bundle: Bundle, embedder: OpenVINOEmbedder, photos: NDArray[np.uint8]) -> None:
    if "BF16" not in processor_capabilities():
        pytest.skip("this CPU does not support bf16")
    in_bf16 = OpenVINOEmbedder(resnet_bundle, threads=2, precision="bf16")
    assert in_bf16.precision == "bf16"
    cosines = (in_bf16.embed(photos).vectors * embedder.embed(photos).vectors).sum(axis=1)
    assert cosines.min() > 0.999


def test_computes_in_the_requested_precision(embedder: OpenVINOEmbedder) -> None:
    assert embedder.precision == "f32"


def test_auto_chooses_bf16_if_and_only_if_the_cpu_has_it(resnet_bundle: Bundle) -> None:
    expected = "bf16" if "BF16" in processor_capabilities() else "f32"
    assert OpenVINOEmbedder(resnet_bundle, threads=2, precision="auto").precision == expected


def test_vectors_have_unit_length_and_probabilities_sum_to_one(
    embedder: OpenVINOEmbedder, photos: NDArray[np.uint8]
) -> None:
    embeddings = embedder.embed(photos)
    assert embeddings.vectors.dtype == embeddings.probabilities.dtype == np.float32
    assert embeddings.vectors.shape == (len(photos), 32)
    np.testing.assert_allclose(np.linalg.norm(embeddings.vectors, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(embeddings.probabilities.sum(axis=1), 1, atol=1e-5)


def test_no_photos_give_empty_arrays_of_the_right_width(embedder: OpenVINOEmbedder) -> None:
    embeddings = embedder.embed(np.empty((0, 64, 64, 3), np.uint8))
    assert embeddings.vectors.shape == (0, 32)
    assert embeddings.probabilities.shape == (0, 3)


def test_a_photo_embeds_equally_alone_and_in_a_batch(embedder: OpenVINOEmbedder, photos: NDArray[np.uint8]) -> None:
    together = embedder.embed(photos).vectors
    alone = np.concatenate([embedder.embed(photos[i : i + 1]).vectors for i in range(len(photos))])
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_parallel_callers_get_their_own_results(embedder: OpenVINOEmbedder, photos: NDArray[np.uint8]) -> None:
    calls = [photos[start : start + 1 + start % 4] for start in range(16)] * 4
    serial = [embedder.embed(call) for call in calls]
    with ThreadPoolExecutor(8) as pool:
        parallel = list(pool.map(embedder.embed, calls))
    for one, other in zip(serial, parallel, strict=True):
        np.testing.assert_array_equal(one.vectors, other.vectors)
        np.testing.assert_array_equal(one.probabilities, other.probabilities)


def test_parallel_callers_with_more_than_a_batch_get_their_own_results(
    embedder: OpenVINOEmbedder, photos: NDArray[np.uint8]
) -> None:
    calls = [np.roll(photos, shift, axis=0) for shift in range(6)]
    serial = [embedder.embed(call).vectors for call in calls]
    with ThreadPoolExecutor(6) as pool:
        parallel = list(pool.map(lambda call: embedder.embed(call).vectors, calls))
    np.testing.assert_allclose(parallel, serial, atol=1e-5)


def test_later_calls_do_not_change_earlier_results(embedder: OpenVINOEmbedder, photos: NDArray[np.uint8]) -> None:
    first = embedder.embed(photos[:1])
    before = first.vectors.copy(), first.probabilities.copy()
    for start in range(1, 5):
        embedder.embed(photos[start : start + 1])
    np.testing.assert_array_equal(first.vectors, before[0])
    np.testing.assert_array_equal(first.probabilities, before[1])


@pytest.mark.parametrize("shape", [(1, 32, 32, 3), (64, 64, 3), (1, 3, 64, 64)])
def test_rejects_photos_of_another_shape(embedder: OpenVINOEmbedder, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"uint8 of shape \(n, 64, 64, 3\)"):
        embedder.embed(np.zeros(shape, np.uint8))


def test_rejects_photos_of_another_type(embedder: OpenVINOEmbedder) -> None:
    with pytest.raises(ValueError, match="not float32"):
        embedder.embed(np.zeros((1, 64, 64, 3), np.float32))


def test_opens_a_bundle_in_both_runtimes(resnet_bundle: Bundle) -> None:
    assert open_embedder(resnet_bundle, threads=2).bundle is resnet_bundle
    assert open_embedder(resnet_bundle, runtime="torch", device="cpu").precision == "f32"


def test_rejects_a_bundle_whose_canonical_vectors_differ(copied_bundle: Path) -> None:
    manifest = json.loads((copied_bundle / "model.json").read_text())
    manifest["canonical"]["components"][1][0] += 0.05
    (copied_bundle / "model.json").write_text(json.dumps(manifest))
    with pytest.raises(BundleError, match=r"vectors of its canonical photos differ by 0\.0[45]"):
        open_embedder(Bundle.load(copied_bundle), threads=2)


def test_rejects_a_manifest_with_another_vector_size(copied_bundle: Path) -> None:
    manifest = json.loads((copied_bundle / "model.json").read_text())
    manifest["vector_size"] = 64
    (copied_bundle / "model.json").write_text(json.dumps(manifest))
    with pytest.raises(BundleError, match=r"\[-1, 32\].* but model\.json states .*\[-1, 64\]"):
        open_embedder(Bundle.load(copied_bundle), threads=2)


def test_rejects_a_graph_damaged_after_loading(copied_bundle: Path) -> None:
    bundle = Bundle.load(copied_bundle)
    bundle.graph_path.write_text("<net/>")
    with pytest.raises(BundleError, match=r"model\.xml: OpenVINO cannot read it [^\n]*$"):
        open_embedder(bundle, threads=2)


def test_embedding_with_openvino_imports_no_torch_and_no_telemetry(resnet_bundle: Bundle) -> None:
    program = """
import sys
from pathlib import Path
import numpy as np
import ml.embedding.bulk
from ml.bundle.bundle import Bundle
from ml.embedding.open_embedder import open_embedder
open_embedder(Bundle.load(Path(sys.argv[1])), threads=2).embed(np.zeros((1, 64, 64, 3), np.uint8))
print(sorted({"torch", "torchvision", "openvino_telemetry"} & {n for n, m in sys.modules.items() if m is not None}))
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(resnet_bundle.path)], capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "[]", done.stderr
