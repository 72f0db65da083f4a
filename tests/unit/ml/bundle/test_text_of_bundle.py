"""The text model's part of a bundle."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pytest
from safetensors.numpy import save

from ml.bundle.bundle import Bundle
from ml.bundle.fusion import FusionWeights, TextModel
from ml.bundle.manifest import TEXT, BundleError, fingerprint
from ml.bundle.writer import staged_folder, write_manifest
from ml.text.classifier import TextClassifier, Words
from ml.text.fitting import fit_text_classifier
from tests.unit.ml.bundle.test_bundle import edit_manifest, write_bundle

if TYPE_CHECKING:
    from pathlib import Path

FUSION = {"title": FusionWeights(0.0, 1.5, 0.8, 40)}


def text_model(categories: int, thing: str = "lamp") -> TextModel:
    listings = [Words(f"{name} {n}") for name in (thing, "phone") for n in range(3)]
    classifier = fit_text_classifier(listings, np.repeat([0, 1], 3), count=categories)
    assert classifier is not None
    return TextModel(classifier, FUSION)


def write(out: Path, plain: Bundle, text: TextModel) -> Path:
    with staged_folder(out) as folder:
        for name in plain.files:
            (folder / name).write_bytes((plain.path / name).read_bytes())
        description = replace(plain.description, text=text)
        write_manifest(folder, description, vector_size=plain.vector_size, canonical=plain.canonical)
    return out


@pytest.fixture
def plain(tmp_path: Path) -> Bundle:
    return Bundle.load(write_bundle(tmp_path / "plain"))


@pytest.fixture
def bundle(tmp_path: Path, plain: Bundle) -> Path:
    return write(tmp_path / "model", plain, text_model(len(plain.categories)))


def test_a_bundle_keeps_its_text_model(bundle: Path, plain: Bundle) -> None:
    text = Bundle.load(bundle).text
    assert text is not None
    assert text.fusion == FUSION
    expected = text_model(len(plain.categories)).classifier.log_probabilities(["a lamp"])
    np.testing.assert_array_equal(text.classifier.log_probabilities(["a lamp"]), expected)


def test_other_words_make_another_version(bundle: Path, plain: Bundle, tmp_path: Path) -> None:
    other = write(tmp_path / "other", plain, text_model(len(plain.categories), "sofa"))
    assert len({plain.version, Bundle.load(bundle).version, Bundle.load(other).version}) == 3


def test_other_fusion_weights_make_another_version(bundle: Path, plain: Bundle, tmp_path: Path) -> None:
    classifier = text_model(len(plain.categories)).classifier
    other = write(tmp_path / "other", plain, TextModel(classifier, {"title": FusionWeights(0.0, 1.0, 0.8, 40)}))
    assert Bundle.load(bundle).version != Bundle.load(other).version


def test_detects_a_missing_or_damaged_file(bundle: Path) -> None:
    content = (bundle / TEXT).read_bytes()
    (bundle / TEXT).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(BundleError, match=f"{TEXT}: is damaged"):
        Bundle.load(bundle)
    (bundle / TEXT).unlink()
    with pytest.raises(BundleError, match=f"{TEXT}: is missing"):
        Bundle.load(bundle)


def test_refuses_arrays_that_do_not_fit_the_categories(bundle: Path) -> None:
    classifier = text_model(5).classifier
    (bundle / TEXT).write_bytes(save(TextClassifier.of(classifier.arrays, categories=5).arrays))
    stated = msgspec.to_builtins(fingerprint(bundle / TEXT))
    edit_manifest(bundle, lambda manifest: manifest["files"].update({TEXT: stated}))
    with pytest.raises(BundleError):
        Bundle.load(bundle)
