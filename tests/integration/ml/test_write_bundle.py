"""Exporting writes a bundle whose graph matches the network, or nothing."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from ml.bundle.bundle import Bundle
from ml.bundle.manifest import BundleError
from tests.networks import export_tiny, tiny_net
from tests.projection import CATEGORIES

if TYPE_CHECKING:
    from pathlib import Path

torch = pytest.importorskip("torch", reason="exporting needs the extra 'train'")
pytestmark = [pytest.mark.train, pytest.mark.usefixtures("small_trunks")]


def test_the_bundle_records_the_description(resnet_bundle: Bundle) -> None:
    assert resnet_bundle.categories == CATEGORIES
    assert resnet_bundle.vector_size == 32
    assert resnet_bundle.preprocessing.size == 64
    assert Bundle.load(resnet_bundle.path) == resnet_bundle


def test_exporting_the_same_network_again_gives_the_same_version(resnet_bundle: Bundle, tmp_path: Path) -> None:
    assert export_tiny(tiny_net(seed=0), tmp_path / "again").version == resnet_bundle.version


def test_rejects_a_graph_with_other_outputs(
    resnet_bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_graph_of_another_network(_net: object, graph: Path, *, size: int) -> None:
        for name in ("model.xml", "model.bin"):
            shutil.copy(resnet_bundle.path / name, graph.with_name(name))

    monkeypatch.setattr("ml.export.write_bundle._write_graph", write_graph_of_another_network)
    with pytest.raises(BundleError, match=r"model\.xml: differs from torch by"):
        export_tiny(tiny_net(seed=1), tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_never_overwrites_an_existing_folder(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "notes.txt").write_text("keep me")
    with pytest.raises(BundleError, match="already exists"):
        export_tiny(tiny_net(seed=0), tmp_path / "model")
    assert [path.name for path in (tmp_path / "model").iterdir()] == ["notes.txt"]
