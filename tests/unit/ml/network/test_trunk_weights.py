"""Trunk weights are loaded from files and checked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ml.network.trunk_weights import WeightsError, batch_norms_are_folded, load_state_dict

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

SHARED = Path(__file__).parents[5] / "shared" / "weights" / "resnet50-imagenet-pqf.safetensors"


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    torch = pytest.importorskip("torch", reason="reading weights needs the extra 'train'")
    from torchvision.models import resnet50

    torch.manual_seed(0)
    return dict(resnet50(weights=None).state_dict())


def save(state: dict[str, Tensor], path: Path) -> Path:
    import torch
    from safetensors.torch import save_file

    if path.suffix == ".safetensors":
        save_file(state, path)
    else:
        torch.save(state, path)
    return path


@pytest.mark.parametrize("name", ["weights.safetensors", "weights.pth"])
def test_loads_saved_weights(state: dict[str, Tensor], tmp_path: Path, name: str) -> None:
    loaded = load_state_dict(save(state, tmp_path / name))
    assert loaded.keys() == state.keys()
    assert all((loaded[name] == value).all() for name, value in state.items())


def test_converts_half_precision_to_float32(state: dict[str, Tensor], tmp_path: Path) -> None:
    import torch

    half = {name: value.half() if value.is_floating_point() else value for name, value in state.items()}
    loaded = load_state_dict(save(half, tmp_path / "weights.safetensors"))
    assert loaded["conv1.weight"].dtype == torch.float32
    assert loaded["bn1.num_batches_tracked"].dtype == torch.int64
    assert torch.allclose(loaded["conv1.weight"], state["conv1.weight"], atol=1e-3)


def test_loads_weights_without_a_classifier(state: dict[str, Tensor], tmp_path: Path) -> None:
    trunk = {name: value for name, value in state.items() if not name.startswith("fc.")}
    assert load_state_dict(save(trunk, tmp_path / "weights.pth")).keys() == trunk.keys()


def test_rejects_weights_of_another_network(state: dict[str, Tensor], tmp_path: Path) -> None:
    missing = {name: value for name, value in state.items() if name != "layer4.2.conv3.weight"}
    with pytest.raises(WeightsError, match=r"'layer4\.2\.conv3\.weight' is missing"):
        load_state_dict(save(missing, tmp_path / "missing.pth"))
    narrow = {**state, "conv1.weight": state["conv1.weight"][:, :1].contiguous()}
    with pytest.raises(WeightsError, match=r"'conv1\.weight' has shape \(64, 1, 7, 7\), not \(64, 3, 7, 7\)"):
        load_state_dict(save(narrow, tmp_path / "narrow.safetensors"))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_rejects_weights_that_are_not_finite(state: dict[str, Tensor], tmp_path: Path, value: float) -> None:
    broken = {**state, "bn1.weight": state["bn1.weight"].clone().fill_(value)}
    with pytest.raises(WeightsError, match=r"'bn1\.weight' has NaN or infinite"):
        load_state_dict(save(broken, tmp_path / "weights.safetensors"))


@pytest.mark.parametrize("name", ["weights.safetensors", "weights.pth"])
@pytest.mark.parametrize("content", [b"", b"<html>not weights</html>", b"PK\3\4" + bytes(100)])
def test_rejects_a_file_without_weights(tmp_path: Path, name: str, content: bytes) -> None:
    pytest.importorskip("torch", reason="reading weights needs the extra 'train'")
    (tmp_path / name).write_bytes(content)
    with pytest.raises(WeightsError, match="not a readable weights file"):
        load_state_dict(tmp_path / name)


def test_rejects_a_pickle_with_code_without_running_it(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="reading weights needs the extra 'train'")

    class Bomb:
        def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
            return Path(tmp_path / "ran").write_text, ("it ran",)  # type: ignore[return-value]

    torch.save({"conv1.weight": Bomb()}, tmp_path / "weights.pth")
    with pytest.raises(WeightsError):
        load_state_dict(tmp_path / "weights.pth")
    assert not (tmp_path / "ran").exists()


def test_rejects_a_file_with_other_content_than_weights(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="reading weights needs the extra 'train'")
    torch.save([1, 2, 3], tmp_path / "weights.pth")
    with pytest.raises(WeightsError, match="is not a dictionary of weights by name"):
        load_state_dict(tmp_path / "weights.pth")


def test_names_a_missing_file(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="reading weights needs the extra 'train'")
    for name in ("weights.safetensors", "weights.pth"):
        with pytest.raises(WeightsError, match="does not exist"):
            load_state_dict(tmp_path / name)


def test_recognises_folded_batch_norms(state: dict[str, Tensor]) -> None:
    assert batch_norms_are_folded(state)
    trained = {**state, "layer1.0.bn1.running_mean": state["layer1.0.bn1.running_mean"] + 0.1}
    assert not batch_norms_are_folded(trained)
    scaled = {**state, "layer1.0.bn1.running_var": state["layer1.0.bn1.running_var"] * 2}
    assert not batch_norms_are_folded(scaled)
    assert not batch_norms_are_folded({})


@pytest.mark.shared
def test_loads_the_shared_imagenet_weights() -> None:
    if not SHARED.is_file():
        pytest.skip(f"the ImageNet weights {SHARED} are not part of the repository")
    torch = pytest.importorskip("torch", reason="reading weights needs the extra 'train'")
    loaded = load_state_dict(SHARED)
    assert loaded["conv1.weight"].dtype == torch.float32
    assert loaded["fc.weight"].shape == (1000, 2048)
    assert batch_norms_are_folded(loaded)
