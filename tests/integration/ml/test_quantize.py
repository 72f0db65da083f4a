"""An int8 graph embeds nearly like f32, is verified by its bundle, and is used only on request."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ml.bundle.bundle import Bundle
from ml.bundle.canonical import CanonicalVectors, canonical_photos
from ml.bundle.manifest import BundleError
from ml.embedding.open_embedder import open_embedder
from ml.embedding.openvino_embedder import OPENVINO_BATCH
from ml.export.precision_photos import PrecisionPhotos
from ml.export.precisions import ListingPhotos
from ml.export.quantize import add_int8_graph, quantize_graph
from ml.export.reexport import reexport_bundle
from ml.network.openvino_runtime import load_openvino

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

# Not "nncf": it reports its usage unless `ml.export.quantize` imports it first.
pytest.importorskip("torch", reason="quantising needs the extra 'train'")
pytestmark = [pytest.mark.train, pytest.mark.usefixtures("small_trunks")]


@pytest.fixture(scope="module")
def photos() -> NDArray[np.uint8]:
    """Twelve pairs of photos: a ramp, a checkerboard or rings, each with two different noises."""
    rng = np.random.default_rng(7)
    noise = rng.integers(0, 64, (24, 64, 64, 3), dtype=np.uint8)
    tints = np.repeat(rng.integers(0, 64, (12, 1, 1, 3), dtype=np.uint8), 2, axis=0)
    return noise + tints + canonical_photos(64)[np.arange(24) // 2 % 3] // 2


@pytest.fixture(scope="module")
def int8_bundle(resnet_bundle: Bundle, photos: NDArray[np.uint8], tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return reexport_bundle(
        resnet_bundle,
        tmp_path_factory.mktemp("int8") / "model",
        photos=PrecisionPhotos(photos, ListingPhotos(photos, np.arange(24) // 2)),
    )


def test_int8_vectors_are_close_to_f32_vectors(int8_bundle: Bundle, photos: NDArray[np.uint8]) -> None:
    in_int8, in_f32 = (open_embedder(int8_bundle, threads=2, precision=name).embed(photos) for name in ("int8", "f32"))
    cosines = (in_int8.vectors * in_f32.vectors).sum(axis=1)
    assert np.median(cosines) > 0.99
    assert not np.array_equal(in_int8.vectors, in_f32.vectors)
    np.testing.assert_allclose(in_int8.probabilities, in_f32.probabilities, atol=0.05)


def test_an_int8_embedder_reports_its_precision(int8_bundle: Bundle) -> None:
    assert open_embedder(int8_bundle, threads=2, precision="int8").precision == "int8"


def test_auto_never_chooses_int8_for_a_bundle_with_a_float_graph(int8_bundle: Bundle) -> None:
    assert open_embedder(int8_bundle, threads=2, precision="auto").precision in {"bf16", "f32"}


def test_bulk_and_single_photos_have_equal_int8_vectors(int8_bundle: Bundle, photos: NDArray[np.uint8]) -> None:
    embedder = open_embedder(int8_bundle, threads=2, precision="int8")
    assert len(photos) > OPENVINO_BATCH
    alone = np.concatenate([embedder.embed(photos[row : row + 1]).vectors for row in range(len(photos))])
    np.testing.assert_allclose(embedder.embed(photos).vectors, alone, atol=1e-3)


def test_only_the_trunk_is_quantised(int8_bundle: Bundle) -> None:
    assert int8_bundle.int8_graph_path is not None
    model = load_openvino().Core().read_model(int8_bundle.int8_graph_path)
    convolutions = [operation for operation in model.get_ops() if operation.get_type_name() == "Convolution"]
    quantised = [operation for operation in model.get_ops() if operation.get_type_name() == "FakeQuantize"]
    readers = {target.get_node().get_type_name() for one in quantised for target in one.output(0).get_target_inputs()}
    assert len(quantised) >= len(convolutions) > 0  # one for each convolution's input at least
    assert "MatMul" not in readers
    assert all(len(one.get_output_partial_shape(0)) == 4 for one in quantised)


def test_weights_use_half_of_their_range_so_that_products_fit_into_16_bits(int8_bundle: Bundle) -> None:
    assert int8_bundle.int8_graph_path is not None
    model = load_openvino().Core().read_model(int8_bundle.int8_graph_path)
    weights = [
        operation.data
        for operation in model.get_ops()
        if operation.get_type_name() == "Constant" and operation.get_element_type().get_type_name() == "i8"
    ]
    assert len(weights) == sum(operation.get_type_name() == "Convolution" for operation in model.get_ops())
    assert 32 < max(np.abs(one.astype(int)).max() for one in weights) <= 64


def test_the_int8_graph_is_about_half_the_size(int8_bundle: Bundle) -> None:
    sizes = [(int8_bundle.path / name).stat().st_size for name in ("model-int8.bin", "model.bin")]
    assert sizes[0] < 0.6 * sizes[1]


def test_adding_an_int8_graph_keeps_the_version(int8_bundle: Bundle, resnet_bundle: Bundle) -> None:
    assert int8_bundle.version == resnet_bundle.version


def test_the_manifest_records_the_quality_of_each_precision(int8_bundle: Bundle) -> None:
    assert {"f32", "int8"} <= int8_bundle.precisions.keys()
    assert int8_bundle.precisions["f32"].loss == 0
    int8, f32 = int8_bundle.precisions["int8"], int8_bundle.precisions["f32"]
    assert int8.photos == 24
    assert int8.loss == pytest.approx(100 * (f32.recall_at_1 - int8.recall_at_1))
    assert 0.98 < int8.cosine < 1


def test_requesting_int8_without_its_graph_names_the_export_command(resnet_bundle: Bundle) -> None:
    with pytest.raises(BundleError, match=r"has no int8 graph \(model-int8\.xml\)\. .*`lookalike export OUT --int8`"):
        open_embedder(resnet_bundle, threads=2, precision="int8")


def test_rejects_an_int8_graph_whose_canonical_vectors_differ(int8_bundle: Bundle, tmp_path: Path) -> None:
    copy = shutil.copytree(int8_bundle.path, tmp_path / "copy")
    manifest = json.loads((copy / "model.json").read_text())
    manifest["canonical"]["components"][1][0] += 0.2  # quantisation already causes a small difference
    (copy / "model.json").write_text(json.dumps(manifest))
    with pytest.raises(BundleError, match=r"its canonical photos differ by 0\.[12].* \(allowed in int8: 0\.06\)"):
        open_embedder(Bundle.load(copy), threads=2, precision="int8")


def test_rejects_int8_if_the_manifest_has_no_tolerance_for_it(int8_bundle: Bundle, tmp_path: Path) -> None:
    copy = shutil.copytree(int8_bundle.path, tmp_path / "copy")
    manifest = json.loads((copy / "model.json").read_text())
    del manifest["canonical"]["tolerance"]["int8"]
    (copy / "model.json").write_text(json.dumps(manifest))
    with pytest.raises(BundleError, match=r"\(allowed in int8: 0\.0\)"):
        open_embedder(Bundle.load(copy), threads=2, precision="int8")


def test_quantising_rejects_a_graph_that_would_not_open(
    resnet_bundle: Bundle, tmp_path: Path, photos: NDArray[np.uint8]
) -> None:
    folder = shutil.copytree(resnet_bundle.path, tmp_path / "copy")
    rows = tuple(tuple(-value for value in row) for row in resnet_bundle.canonical.components)
    with pytest.raises(BundleError, match=r"model-int8\.xml: the vectors of the canonical photos differ"):
        add_int8_graph(folder, photos, canonical=CanonicalVectors(rows, dict(resnet_bundle.canonical.tolerance)))


def test_rejects_quantising_without_photos(resnet_bundle: Bundle, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no photos"):
        quantize_graph(resnet_bundle.graph_path, tmp_path / "out.xml", np.empty((0, 64, 64, 3), np.uint8))


def test_reexporting_keeps_the_int8_graph_and_its_measurements(int8_bundle: Bundle, tmp_path: Path) -> None:
    again = reexport_bundle(int8_bundle, tmp_path / "again")
    assert again.int8_graph_path is not None
    assert again.int8_graph_path.read_bytes() == (int8_bundle.path / "model-int8.xml").read_bytes()
    assert again.precisions == int8_bundle.precisions


def test_reexporting_without_int8_removes_its_files_and_measurements(int8_bundle: Bundle, tmp_path: Path) -> None:
    again = reexport_bundle(int8_bundle, tmp_path / "again", keep_int8=False)
    assert not again.has_int8
    assert "int8" not in again.precisions
    assert sorted(path.name for path in again.path.iterdir()) == [
        "model.bin",
        "model.json",
        "model.xml",
        "weights.safetensors",
    ]


@pytest.mark.slow
def test_quantising_prints_nothing_and_reports_no_usage(
    resnet_bundle: Bundle, photos: NDArray[np.uint8], tmp_path: Path
) -> None:
    program = """
import socket, sys
from pathlib import Path
import numpy as np
def refuse(*arguments): raise AssertionError(f"reached for the network: {arguments}")
socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = socket.create_connection = refuse
from ml.export.quantize import quantize_graph
quantize_graph(Path(sys.argv[1]), Path(sys.argv[2]), np.load(sys.argv[3]))
import nncf.telemetry.wrapper as wrapper
assert sys.modules["openvino_telemetry"] is None
assert not isinstance(wrapper.telemetry, wrapper.NNCFTelemetry)
"""
    np.save(tmp_path / "photos.npy", photos[:4])
    arguments = [str(resnet_bundle.graph_path), str(tmp_path / "out.xml"), str(tmp_path / "photos.npy")]
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert (tmp_path / "out.bin").exists()
