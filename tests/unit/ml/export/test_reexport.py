"""Reexported int8-only bundles: they serve in int8, are verified, and reject everything that needs float files."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ml.bundle.bundle import Bundle
from ml.bundle.manifest import FLOAT_FILES, GRAPH, GRAPH_WEIGHTS, INT8_FILES, BundleError, PrecisionQuality
from ml.bundle.writer import staged_folder, write_manifest
from ml.embedding.open_embedder import open_embedder
from ml.export.precision_photos import PrecisionPhotos
from ml.export.reexport import reexport_bundle
from tests.projection import SIZE

if TYPE_CHECKING:
    from pathlib import Path

    from ml.network.openvino_runtime import Precision

PHOTOS = np.random.default_rng(0).integers(0, 256, (5, SIZE, SIZE, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def both(tiny_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The tiny bundle with its float graph also stored as the int8 graph."""
    out = tmp_path_factory.mktemp("both") / "model"
    with staged_folder(out) as folder:
        for name in FLOAT_FILES:
            shutil.copyfile(tiny_bundle.path / name, folder / name)
        for name, int8 in zip((GRAPH, GRAPH_WEIGHTS), INT8_FILES, strict=True):
            shutil.copyfile(tiny_bundle.path / name, folder / int8)
        write_manifest(
            folder,
            tiny_bundle.description,
            vector_size=tiny_bundle.vector_size,
            canonical=tiny_bundle.canonical,
            precisions={"int8": PrecisionQuality(photos=40, recall_at_1=0.875, loss=0.5, cosine=0.995)},
        )
    return Bundle.load(out)


@pytest.fixture(scope="module")
def int8_only(both: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return reexport_bundle(both, tmp_path_factory.mktemp("int8-only") / "model", keep_float=False)


@pytest.fixture
def copied(int8_only: Bundle, tmp_path: Path) -> Path:
    return shutil.copytree(int8_only.path, tmp_path / "copy")


def test_an_int8_only_bundle_has_only_int8_files_and_its_own_version(int8_only: Bundle, both: Bundle) -> None:
    assert {file.name for file in int8_only.path.iterdir()} == {*INT8_FILES, "model.json"}
    assert (int8_only.has_float, int8_only.has_int8) == (False, True)
    assert (both.has_float, both.has_int8) == (True, True)
    assert int8_only.version != both.version


def test_an_int8_only_bundle_keeps_the_description_of_its_source(int8_only: Bundle, both: Bundle) -> None:
    for name in ("categories", "vector_size", "preprocessing", "metrics", "record", "canonical", "precisions"):
        assert getattr(int8_only, name) == getattr(both, name), name


@pytest.mark.parametrize("precision", ["auto", "int8"])
def test_an_int8_only_bundle_embeds_in_int8(int8_only: Bundle, both: Bundle, precision: Precision) -> None:
    int8_embedder = open_embedder(int8_only, threads=1, precision=precision)
    assert int8_embedder.precision == "int8"
    expected = open_embedder(both, threads=1, precision="int8").embed(PHOTOS)
    np.testing.assert_array_equal(int8_embedder.embed(PHOTOS).vectors, expected.vectors)
    np.testing.assert_array_equal(int8_embedder.embed(PHOTOS).probabilities, expected.probabilities)


@pytest.mark.parametrize("precision", ["bf16", "f32"])
def test_an_int8_only_bundle_rejects_a_float_precision(int8_only: Bundle, precision: Precision) -> None:
    with pytest.raises(BundleError, match=r"only has an int8 graph\. Use the precision 'int8' or 'auto'"):
        open_embedder(int8_only, threads=1, precision=precision)


def test_an_int8_only_bundle_rejects_the_torch_runtime(int8_only: Bundle) -> None:
    pytest.importorskip("torch", reason="the runtime 'torch' needs the extra 'train'")
    with pytest.raises(BundleError, match=r"no torch weights\. Use the runtime 'openvino'"):
        open_embedder(int8_only, runtime="torch", device="cpu")


def test_reexporting_an_int8_only_bundle_copies_it(int8_only: Bundle, tmp_path: Path) -> None:
    again = reexport_bundle(int8_only, tmp_path / "again")
    assert again.version == int8_only.version
    for name in INT8_FILES:
        assert (again.path / name).read_bytes() == (int8_only.path / name).read_bytes()


def test_rejects_an_export_without_any_graph(int8_only: Bundle, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="would have no graph left"):
        reexport_bundle(int8_only, tmp_path / "out", keep_int8=False)
    assert not (tmp_path / "out").exists()


def test_rejects_quantising_without_a_float_graph(int8_only: Bundle, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no float graph to quantise"):
        reexport_bundle(int8_only, tmp_path / "out", photos=PrecisionPhotos(PHOTOS, measure_on=None))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", INT8_FILES)
def test_detects_a_changed_byte(copied: Path, name: str) -> None:
    content = bytearray((copied / name).read_bytes())
    content[-1] ^= 1
    (copied / name).write_bytes(content)
    with pytest.raises(BundleError, match=rf"{name}: is damaged: its SHA-256"):
        Bundle.load(copied)


@pytest.mark.parametrize("name", INT8_FILES)
def test_names_a_missing_file(copied: Path, name: str) -> None:
    (copied / name).unlink()
    with pytest.raises(BundleError, match=rf"{name}: is missing"):
        Bundle.load(copied)


@pytest.mark.parametrize("name", FLOAT_FILES)
def test_rejects_a_float_file_that_the_manifest_does_not_list(copied: Path, both: Bundle, name: str) -> None:
    shutil.copyfile(both.path / name, copied / name)
    with pytest.raises(BundleError, match=r"is not listed in model\.json"):
        Bundle.load(copied)
