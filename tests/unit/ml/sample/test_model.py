"""The demo's model in the package: its files, categories, split and model card."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from ml.bundle.bundle import Bundle
from ml.bundle.manifest import INT8_FILES, MANIFEST, REFERENCES, BundleError, read_manifest
from ml.sample import CARD, CATEGORIES, MODEL
from ml.sample.card import model_card

if TYPE_CHECKING:
    from pathlib import Path


def test_has_the_files_of_its_manifest_and_a_card() -> None:
    manifest = read_manifest(MODEL)
    assert set(manifest.files) == {*INT8_FILES, REFERENCES}
    assert {file.name for file in MODEL.iterdir()} == {*manifest.files, MANIFEST, CARD}
    assert Bundle.load(MODEL).version == manifest.version


def test_rejects_a_changed_file(tmp_path: Path) -> None:
    copy = tmp_path / "model"
    shutil.copytree(MODEL, copy)
    graph = copy / INT8_FILES[0]
    graph.write_bytes(graph.read_bytes().replace(b"Convolution", b"Confolution", 1))
    with pytest.raises(BundleError, match="damaged"):
        Bundle.load(copy)


def test_knows_the_categories_of_the_sample() -> None:
    assert sorted(Bundle.load(MODEL).categories) == sorted(CATEGORIES)


def test_its_card_is_written_from_its_manifest() -> None:
    bundle = Bundle.load(MODEL)
    card = (MODEL / CARD).read_text(encoding="utf-8")
    assert card == model_card(bundle)
    assert f"| same listing recall at 1 | {bundle.metrics['same_listing_recall_at_1']:.3f} |" in card
    assert "`python -m ml.sample.pretrain` makes it" in card


def test_its_split_lists_the_drawn_listings() -> None:
    bundle = Bundle.load(MODEL)
    assert bundle.split is not None
    drawn = len(bundle.split.train) + len(bundle.split.validation) + len(bundle.split.held_out)
    assert drawn == bundle.record["drawn_listings"]
