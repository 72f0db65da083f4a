"""Exporting writes a bundle whose graph is the network, or nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ml.bundle import Bundle, BundleError
from ml.preprocess import Preprocessing

if TYPE_CHECKING:
    from pathlib import Path

    from ml.model import LookalikeNet

torch = pytest.importorskip("torch", reason="exporting needs the extra 'train'")
pytestmark = pytest.mark.train

PREPROCESSING = Preprocessing(size=32)


@pytest.fixture
def net() -> LookalikeNet:
    from ml.model import LookalikeNet

    torch.manual_seed(3)
    return LookalikeNet(2, 16, mean=PREPROCESSING.mean, std=PREPROCESSING.std)


def export(net: LookalikeNet, out: Path) -> Bundle:
    from ml.export import export_bundle

    return export_bundle(
        net, categories=("Baby", "Phones"), preprocessing=PREPROCESSING, metrics={}, record={"seed": 3}, out=out
    )


def test_exporting_twice_gives_the_same_version(net: LookalikeNet, tmp_path: Path) -> None:
    first, second = export(net, tmp_path / "a"), export(net, tmp_path / "b")
    assert first.version == second.version
    assert first.vector_size == 16


def test_a_network_with_a_weight_that_is_not_a_number_is_refused(net: LookalikeNet, tmp_path: Path) -> None:
    with torch.no_grad():
        net.projection.weight[0, 0] = float("nan")
    with pytest.raises(BundleError, match="NaN"):
        export(net, tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_a_graph_that_computes_something_else_is_refused(
    net: LookalikeNet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ml import export as exporting

    write_graph = exporting._write_graph

    def write_other_graph(net: LookalikeNet, graph: Path, *, size: int) -> None:
        with torch.no_grad():
            net.projection.weight.mul_(torch.linspace(0.5, 1.5, 16)[:, None])
        write_graph(net, graph, size=size)

    monkeypatch.setattr(exporting, "_write_graph", write_other_graph)
    with pytest.raises(BundleError, match=r"model\.xml: differs from torch by"):
        export(net, tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_an_existing_bundle_is_not_overwritten(net: LookalikeNet, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "notes.txt").write_text("keep me")
    with pytest.raises(BundleError, match="exists already"):
        export(net, tmp_path / "model")
    assert [path.name for path in (tmp_path / "model").iterdir()] == ["notes.txt"]
