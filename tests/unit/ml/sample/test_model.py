"""The model that the package carries: whole, for int8 alone, and with a card that speaks of it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from ml.bundle.bundle import Bundle
from ml.bundle.manifest import INT8_FILES, MANIFEST, BundleError, read_manifest
from ml.sample import CARD, CATEGORIES, MODEL

if TYPE_CHECKING:
    from pathlib import Path


def test_its_files_are_those_that_its_manifest_names() -> None:
    manifest = read_manifest(MODEL)
    assert set(manifest.files) == set(INT8_FILES)
    assert {file.name for file in MODEL.iterdir()} == {*manifest.files, MANIFEST, CARD}
    assert Bundle.load(MODEL).version == manifest.version


def test_a_changed_file_is_refused(tmp_path: Path) -> None:
    copy = tmp_path / "model"
    shutil.copytree(MODEL, copy)
    graph = copy / INT8_FILES[0]
    graph.write_bytes(graph.read_bytes().replace(b"Convolution", b"Confolution", 1))
    with pytest.raises(BundleError, match="damaged"):
        Bundle.load(copy)


def test_it_knows_the_categories_of_the_sample() -> None:
    assert sorted(Bundle.load(MODEL).categories) == sorted(CATEGORIES)


def test_its_card_states_the_figures_of_its_manifest() -> None:
    bundle = Bundle.load(MODEL)
    card = (MODEL / CARD).read_text(encoding="utf-8")
    for name in ("category_accuracy", "same_listing_recall_at_1"):
        assert f"| {name.replace('_', ' ')} | {bundle.metrics[name]:.3f} |" in card
    assert "python -m ml.sample.pretrain" in card


def test_it_says_which_drawn_listings_it_was_trained_on() -> None:
    bundle = Bundle.load(MODEL)
    assert bundle.split is not None
    drawn = len(bundle.split.train) + len(bundle.split.validation) + len(bundle.split.held_out)
    assert drawn == bundle.record["drawn_listings"]
