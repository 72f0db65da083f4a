"""A model bundle is written whole and verified when loaded; each error names the file and the problem."""

from __future__ import annotations

import hashlib
import json
import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from ml.bundle.bundle import Bundle
from ml.bundle.canonical import TOLERANCE, CanonicalVectors
from ml.bundle.manifest import MANIFEST, BundleError, ModelDescription, PrecisionQuality
from ml.bundle.writer import staged_folder, write_manifest
from ml.photos.preprocess import Preprocessing

if TYPE_CHECKING:
    from collections.abc import Callable

CATEGORIES = ("Baby", "Phones")
INT8 = ("model-int8.xml", "model-int8.bin")
PRECISIONS = {"int8": PrecisionQuality(photos=40, recall_at_1=0.875, loss=0.5, cosine=0.995)}


def write_bundle(
    out: Path,
    *,
    weight: float = 0.5,
    categories: tuple[str, ...] = CATEGORIES,
    accuracy: float = 0.9,
    int8: tuple[str, ...] = (),
) -> Path:
    """Write a bundle with fake graphs, which nothing here opens. `int8`: names of int8 files to add."""
    with staged_folder(out) as folder:
        save_file({"head.weight": np.full((2, 4), weight, np.float32)}, folder / "weights.safetensors")
        (folder / "model.xml").write_text("<net/>")
        (folder / "model.bin").write_bytes(bytes(64))
        for name in int8:
            (folder / name).write_bytes(bytes(32))
        write_manifest(
            folder,
            ModelDescription(
                categories,
                Preprocessing(size=64),
                metrics={"accuracy": accuracy},
                record={"seed": 1, "losses": [2.5, 1.5]},
            ),
            vector_size=4,
            canonical=CanonicalVectors(((0.5, 0.5, 0.5, 0.5),) * 3, dict(TOLERANCE)),
            precisions=PRECISIONS,
        )
    return out


def edit_manifest(bundle: Path, change: Callable[[dict[str, Any]], object]) -> None:
    manifest = json.loads((bundle / MANIFEST).read_text())
    change(manifest)
    (bundle / MANIFEST).write_text(json.dumps(manifest))


def replace_weights(bundle: Path, content: bytes) -> None:
    """Replace the weights and list them in the manifest, as the author of a hostile bundle would."""
    (bundle / "weights.safetensors").write_bytes(content)
    stated = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
    edit_manifest(bundle, lambda manifest: manifest["files"].update({"weights.safetensors": stated}))


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return write_bundle(tmp_path / "model")


def test_loading_returns_the_written_values(bundle: Path) -> None:
    loaded = Bundle.load(bundle)
    assert loaded.categories == CATEGORIES
    assert loaded.vector_size == 4
    assert loaded.preprocessing == Preprocessing(size=64)
    assert loaded.metrics == {"accuracy": 0.9}
    assert loaded.record == {"seed": 1, "losses": [2.5, 1.5]}
    assert loaded.canonical.components[2] == (0.5, 0.5, 0.5, 0.5)
    assert loaded.created_at.tzinfo is not None


def test_loading_returns_the_written_precisions(bundle: Path) -> None:
    assert Bundle.load(bundle).precisions == PRECISIONS


def test_loads_a_manifest_without_precisions(bundle: Path) -> None:
    edit_manifest(bundle, lambda manifest: manifest.pop("precisions"))
    assert Bundle.load(bundle).precisions == {}


def test_loads_a_bundle_without_an_int8_graph(bundle: Path) -> None:
    assert Bundle.load(bundle).int8_graph_path is None


def test_an_int8_graph_does_not_change_the_version(bundle: Path, tmp_path: Path) -> None:
    with_int8 = Bundle.load(write_bundle(tmp_path / "int8", int8=INT8))
    assert with_int8.int8_graph_path == tmp_path / "int8" / "model-int8.xml"
    assert with_int8.version == Bundle.load(bundle).version


@pytest.mark.parametrize("name", INT8)
def test_detects_a_changed_byte_in_the_int8_graph(tmp_path: Path, name: str) -> None:
    bundle = write_bundle(tmp_path / "model", int8=INT8)
    (bundle / name).write_bytes(bytes(31) + b"1")
    with pytest.raises(BundleError, match=rf"{name}: is damaged: its SHA-256"):
        Bundle.load(bundle)


def test_reports_both_sizes_of_a_shortened_int8_graph(tmp_path: Path) -> None:
    bundle = write_bundle(tmp_path / "model", int8=INT8)
    (bundle / INT8[1]).write_bytes(bytes(31))
    with pytest.raises(BundleError, match=r"model-int8\.bin: has 31 bytes, but model\.json states 32"):
        Bundle.load(bundle)


def test_rejects_an_int8_graph_that_the_manifest_does_not_list(bundle: Path) -> None:
    for name in INT8:
        (bundle / name).write_bytes(bytes(32))
    with pytest.raises(BundleError, match=r"model-int8\.xml: is not listed in model\.json"):
        Bundle.load(bundle)


@pytest.mark.parametrize("name", INT8)
def test_writing_rejects_half_an_int8_graph(tmp_path: Path, name: str) -> None:
    with pytest.raises(BundleError, match="cannot be read"):
        write_bundle(tmp_path / "model", int8=(name,))
    assert list(tmp_path.iterdir()) == []


def test_metrics_do_not_change_the_version(tmp_path: Path) -> None:
    first = Bundle.load(write_bundle(tmp_path / "a", accuracy=0.1))
    second = Bundle.load(write_bundle(tmp_path / "b", accuracy=0.2))
    assert first.version == second.version
    assert len(first.version) == 12


def test_other_weights_or_categories_change_the_version(tmp_path: Path) -> None:
    folders = [
        write_bundle(tmp_path / "a"),
        write_bundle(tmp_path / "b", weight=0.25),
        write_bundle(tmp_path / "c", categories=tuple(reversed(CATEGORIES))),
    ]
    assert len({Bundle.load(folder).version for folder in folders}) == 3


@pytest.mark.parametrize("name", ["weights.safetensors", "model.xml", "model.bin"])
def test_detects_a_changed_byte_in_every_file(bundle: Path, name: str) -> None:
    content = bytearray((bundle / name).read_bytes())
    content[-1] ^= 1
    (bundle / name).write_bytes(content)
    with pytest.raises(BundleError, match=rf"{name}: is damaged: its SHA-256"):
        Bundle.load(bundle)


@pytest.mark.parametrize("name", ["weights.safetensors", "model.xml", "model.bin", *INT8])
def test_names_a_missing_file(tmp_path: Path, name: str) -> None:
    bundle = write_bundle(tmp_path / "model", int8=INT8)
    (bundle / name).unlink()
    with pytest.raises(BundleError, match=rf"{name}: is missing"):
        Bundle.load(bundle)


def test_reports_both_sizes_of_a_shortened_file(bundle: Path) -> None:
    (bundle / "model.bin").write_bytes(bytes(63))
    with pytest.raises(BundleError, match=r"model\.bin: has 63 bytes, but model\.json states 64"):
        Bundle.load(bundle)


def test_rejects_a_file_that_the_manifest_does_not_list(bundle: Path) -> None:
    edit_manifest(bundle, lambda manifest: manifest["files"].pop("model.bin"))
    with pytest.raises(BundleError, match=r"model\.bin: is not listed in model\.json"):
        Bundle.load(bundle)


def test_rejects_a_truncated_manifest(bundle: Path) -> None:
    content = (bundle / "model.json").read_bytes()
    (bundle / "model.json").write_bytes(content[: len(content) // 2])
    with pytest.raises(BundleError, match=r"model\.json: is not a valid manifest"):
        Bundle.load(bundle)


def test_rejects_a_manifest_with_a_field_of_the_wrong_type(bundle: Path) -> None:
    edit_manifest(bundle, lambda manifest: manifest.update(vector_size="many"))
    with pytest.raises(BundleError, match=r"not a valid manifest .*vector_size"):
        Bundle.load(bundle)


def test_names_another_format_version_even_with_unknown_fields(bundle: Path) -> None:
    (bundle / "model.json").write_text('{"format": 2, "graphs": []}')
    with pytest.raises(BundleError, match="format version 2; this release reads 1"):
        Bundle.load(bundle)


def test_rejects_another_architecture(bundle: Path) -> None:
    edit_manifest(bundle, lambda manifest: manifest.update(architecture="vgg16"))
    with pytest.raises(BundleError, match="'vgg16'"):
        Bundle.load(bundle)


def test_detects_an_edited_category(bundle: Path) -> None:
    edit_manifest(bundle, lambda manifest: manifest.update(categories=["Baby", "Boats"]))
    with pytest.raises(BundleError, match="states version"):
        Bundle.load(bundle)


def test_detects_edited_preprocessing(bundle: Path) -> None:
    edit_manifest(bundle, lambda manifest: manifest["preprocessing"].update(size=96))
    with pytest.raises(BundleError, match="states version"):
        Bundle.load(bundle)


def test_rejects_unusable_preprocessing(bundle: Path) -> None:
    edit_manifest(bundle, lambda manifest: manifest.update(preprocessing={"size": "large"}))
    with pytest.raises(BundleError, match="unusable preprocessing"):
        Bundle.load(bundle)


def test_rejects_a_folder_without_a_manifest(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"is not a model bundle .*lookalike train"):
        Bundle.load(tmp_path)


def test_rejects_a_file_in_place_of_a_folder(bundle: Path) -> None:
    with pytest.raises(BundleError, match=r"model\.bin: is not a folder"):
        Bundle.load(bundle / "model.bin")


@pytest.mark.parametrize("weight", [float("nan"), float("inf")])
def test_loading_rejects_weights_that_are_not_finite_even_if_the_manifest_lists_them(
    bundle: Path, weight: float, tmp_path: Path
) -> None:
    save_file({"head.weight": np.full((2, 4), weight, np.float32)}, tmp_path / "other")
    replace_weights(bundle, (tmp_path / "other").read_bytes())
    with pytest.raises(BundleError, match=r"weights\.safetensors: tensor 'head\.weight' has NaN or infinite"):
        Bundle.load(bundle)


class Exploit:
    """Its pickle creates a file when it is loaded."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.mark,)


def test_rejects_a_pickle_in_place_of_safetensors_without_running_it(bundle: Path, tmp_path: Path) -> None:
    replace_weights(bundle, pickle.dumps(Exploit(tmp_path / "ran")))
    with pytest.raises(BundleError, match=r"weights\.safetensors: is not a readable safetensors file"):
        Bundle.load(bundle)
    assert not (tmp_path / "ran").exists()
    pickle.loads((bundle / "weights.safetensors").read_bytes())  # the exploit works if the pickle is loaded
    assert (tmp_path / "ran").exists()


@pytest.mark.parametrize("weight", [float("nan"), float("inf")])
def test_writing_rejects_weights_that_are_not_finite_and_leaves_nothing(tmp_path: Path, weight: float) -> None:
    with pytest.raises(BundleError, match=r"tensor 'head\.weight' has NaN or infinite"):
        write_bundle(tmp_path / "model", weight=weight)
    assert list(tmp_path.iterdir()) == []


def test_writing_rejects_a_metric_that_is_not_finite(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="metric 'accuracy' is nan"):
        write_bundle(tmp_path / "model", accuracy=float("nan"))


def test_writing_rejects_a_repeated_category(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="categories must be distinct"):
        write_bundle(tmp_path / "model", categories=("Baby", "Baby"))


def test_writing_never_overwrites_a_bundle(bundle: Path) -> None:
    before = Bundle.load(bundle)
    with pytest.raises(BundleError, match="already exists"):
        write_bundle(bundle, weight=0.25)
    assert Bundle.load(bundle) == before


def test_a_failed_write_leaves_no_folder(tmp_path: Path) -> None:
    def fail_half_way() -> None:
        with staged_folder(tmp_path / "model") as folder:
            (folder / "model.bin").write_bytes(bytes(8))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail_half_way()
    assert list(tmp_path.iterdir()) == []
