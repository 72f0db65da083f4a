"""A model bundle is written whole, verified when loaded, and every refusal says which file and why."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from ml.bundle import Bundle, BundleError
from ml.bundle_writer import staged_folder, write_manifest
from ml.canonical import TOLERANCE, CanonicalVectors
from ml.preprocess import Preprocessing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CATEGORIES = ("Baby", "Phones")


def write_bundle(
    out: Path, *, weight: float = 0.5, categories: tuple[str, ...] = CATEGORIES, accuracy: float = 0.9
) -> Path:
    """Write a bundle whose graph is not a real one: nothing here opens it."""
    with staged_folder(out) as folder:
        save_file({"head.weight": np.full((2, 4), weight, np.float32)}, folder / "weights.safetensors")
        (folder / "model.xml").write_text("<net/>")
        (folder / "model.bin").write_bytes(bytes(64))
        write_manifest(
            folder,
            categories=categories,
            vector_size=4,
            preprocessing=Preprocessing(size=64),
            metrics={"accuracy": accuracy},
            record={"seed": 1, "losses": [2.5, 1.5]},
            canonical=CanonicalVectors(((0.5, 0.5, 0.5, 0.5),) * 3, dict(TOLERANCE)),
        )
    return out


def edit_manifest(bundle: Path, change: Callable[[dict[str, Any]], object]) -> None:
    manifest = json.loads((bundle / "model.json").read_text())
    change(manifest)
    (bundle / "model.json").write_text(json.dumps(manifest))


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return write_bundle(tmp_path / "model")


def test_a_bundle_loads_with_what_was_written(bundle: Path) -> None:
    loaded = Bundle.load(bundle)
    assert loaded.categories == CATEGORIES
    assert loaded.vector_size == 4
    assert loaded.preprocessing == Preprocessing(size=64)
    assert loaded.metrics == {"accuracy": 0.9}
    assert loaded.record == {"seed": 1, "losses": [2.5, 1.5]}
    assert loaded.canonical.components[2] == (0.5, 0.5, 0.5, 0.5)
    assert loaded.created_at.tzinfo is not None


def test_equal_content_has_equal_versions_whatever_it_scored(tmp_path: Path) -> None:
    first = Bundle.load(write_bundle(tmp_path / "a", accuracy=0.1))
    second = Bundle.load(write_bundle(tmp_path / "b", accuracy=0.2))
    assert first.version == second.version
    assert len(first.version) == 12


def test_other_weights_or_categories_have_another_version(tmp_path: Path) -> None:
    folders = [
        write_bundle(tmp_path / "a"),
        write_bundle(tmp_path / "b", weight=0.25),
        write_bundle(tmp_path / "c", categories=tuple(reversed(CATEGORIES))),
    ]
    assert len({Bundle.load(folder).version for folder in folders}) == 3


@pytest.mark.parametrize("name", ["weights.safetensors", "model.xml", "model.bin"])
def test_a_changed_byte_is_found_in_every_file(bundle: Path, name: str) -> None:
    content = bytearray((bundle / name).read_bytes())
    content[-1] ^= 1
    (bundle / name).write_bytes(content)
    with pytest.raises(BundleError, match=rf"{name}: is damaged: its SHA-256"):
        Bundle.load(bundle)


@pytest.mark.parametrize("name", ["weights.safetensors", "model.xml", "model.bin"])
def test_a_missing_file_is_named(bundle: Path, name: str) -> None:
    (bundle / name).unlink()
    with pytest.raises(BundleError, match=rf"{name}: is missing"):
        Bundle.load(bundle)


def test_a_shortened_file_is_refused_with_both_sizes(bundle: Path) -> None:
    (bundle / "model.bin").write_bytes(bytes(63))
    with pytest.raises(BundleError, match=r"model\.bin: has 63 bytes where model\.json states 64"):
        Bundle.load(bundle)


def test_a_file_that_the_manifest_does_not_list_is_refused(bundle: Path) -> None:
    edit_manifest(bundle, lambda manifest: manifest["files"].pop("model.bin"))
    with pytest.raises(BundleError, match=r"model\.bin: is not listed in model\.json"):
        Bundle.load(bundle)


def test_a_truncated_manifest_is_refused(bundle: Path) -> None:
    content = (bundle / "model.json").read_bytes()
    (bundle / "model.json").write_bytes(content[: len(content) // 2])
    with pytest.raises(BundleError, match=r"model\.json: is not a valid manifest"):
        Bundle.load(bundle)


def test_a_manifest_with_a_field_of_the_wrong_type_is_refused(bundle: Path) -> None:
    edit_manifest(bundle, lambda manifest: manifest.update(vector_size="many"))
    with pytest.raises(BundleError, match=r"not a valid manifest .*vector_size"):
        Bundle.load(bundle)


def test_another_format_version_is_named_even_when_its_other_fields_are_unknown(bundle: Path) -> None:
    (bundle / "model.json").write_text('{"format": 2, "graphs": []}')
    with pytest.raises(BundleError, match="format version 2, and this release reads 1"):
        Bundle.load(bundle)


def test_another_architecture_is_refused(bundle: Path) -> None:
    edit_manifest(bundle, lambda manifest: manifest.update(architecture="vgg16"))
    with pytest.raises(BundleError, match="'vgg16'"):
        Bundle.load(bundle)


def test_an_edited_category_is_found(bundle: Path) -> None:
    edit_manifest(bundle, lambda manifest: manifest.update(categories=["Baby", "Boats"]))
    with pytest.raises(BundleError, match="states version"):
        Bundle.load(bundle)


def test_edited_preprocessing_is_found(bundle: Path) -> None:
    edit_manifest(bundle, lambda manifest: manifest["preprocessing"].update(size=96))
    with pytest.raises(BundleError, match="states version"):
        Bundle.load(bundle)


def test_unusable_preprocessing_is_refused(bundle: Path) -> None:
    edit_manifest(bundle, lambda manifest: manifest.update(preprocessing={"size": "large"}))
    with pytest.raises(BundleError, match="unusable preprocessing"):
        Bundle.load(bundle)


def test_a_folder_without_a_manifest_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"is not a model bundle .*lookalike train"):
        Bundle.load(tmp_path)


def test_a_file_is_no_bundle(bundle: Path) -> None:
    with pytest.raises(BundleError, match=r"model\.bin: is not a folder"):
        Bundle.load(bundle / "model.bin")


@pytest.mark.parametrize("weight", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused_and_nothing_is_left(tmp_path: Path, weight: float) -> None:
    with pytest.raises(BundleError, match=r"tensor 'head\.weight' holds NaN or infinite"):
        write_bundle(tmp_path / "model", weight=weight)
    assert list(tmp_path.iterdir()) == []


def test_a_metric_that_is_not_finite_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="metric 'accuracy' is not a finite number"):
        write_bundle(tmp_path / "model", accuracy=float("nan"))


def test_a_category_given_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="categories must be distinct"):
        write_bundle(tmp_path / "model", categories=("Baby", "Baby"))


def test_a_bundle_is_never_overwritten(bundle: Path) -> None:
    before = Bundle.load(bundle)
    with pytest.raises(BundleError, match="exists already"):
        write_bundle(bundle, weight=0.25)
    assert Bundle.load(bundle) == before


def test_writing_that_fails_leaves_no_folder(tmp_path: Path) -> None:
    def fail_half_way() -> None:
        with staged_folder(tmp_path / "model") as folder:
            (folder / "model.bin").write_bytes(bytes(8))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail_half_way()
    assert list(tmp_path.iterdir()) == []
