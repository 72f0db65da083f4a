"""Trunk weights read from a bundle's graph give the same descriptors as the exported network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="reading weights into a network needs the extra 'train'")

from torchvision.models.resnet import Bottleneck, ResNet  # noqa: E402

from ml.bundle.canonical import canonical_photos  # noqa: E402
from ml.bundle.manifest import ModelDescription  # noqa: E402
from ml.export.precision_photos import PrecisionPhotos  # noqa: E402
from ml.export.reexport import reexport_bundle  # noqa: E402
from ml.export.write_bundle import export_bundle  # noqa: E402
from ml.network.graph_weights import load_graph_weights  # noqa: E402
from ml.network.model import DescriptorPart, LookalikeNet  # noqa: E402
from ml.network.trunk_weights import WeightsError, batch_norms_are_folded, load_state_dict, weights_sha256  # noqa: E402
from ml.photos.preprocess import IMAGENET_MEAN, IMAGENET_STD, Preprocessing  # noqa: E402
from tests.networks import one_thread  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ml.bundle.bundle import Bundle

pytestmark = pytest.mark.train

SIZE = 64


@pytest.fixture(
    scope="module",
    autouse=True,
    params=[
        pytest.param((2, 1, 1, 1), id="one stage of two blocks"),
        pytest.param((3, 4, 6, 3), id="all blocks of a ResNet-50", marks=pytest.mark.slow),
    ],
)
def blocks(request: pytest.FixtureRequest) -> Iterator[tuple[int, ...]]:
    """Make every network 16 times narrower inside than a ResNet-50; yield the number of blocks in its stages."""

    def narrow_resnet50(weights: None = None) -> ResNet:
        return ResNet(Bottleneck, list(request.param), width_per_group=4)

    with one_thread(), pytest.MonkeyPatch.context() as patch:
        if request.param != (3, 4, 6, 3):  # the program's own
            patch.setattr("ml.network.graph_weights._BLOCKS", request.param)
        for place in ("ml.network.model.resnet50", "torchvision.models.resnet50"):
            patch.setattr(place, narrow_resnet50)
        yield request.param


def new_network(seed: int, blocks: tuple[int, ...]) -> LookalikeNet:
    torch.manual_seed(seed)
    parts = tuple(DescriptorPart(stage, count - 1) for stage, count in enumerate(blocks, start=1) if stage > 1)
    return LookalikeNet(2, 32, mean=IMAGENET_MEAN, std=IMAGENET_STD, parts=parts).eval()


@pytest.fixture(scope="module")
def network(blocks: tuple[int, ...]) -> LookalikeNet:
    """A network whose batch norms have statistics, weights and biases, as after training."""
    network = new_network(0, blocks)
    for module in network.trunk.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.7, 1.3)
            torch.nn.init.uniform_(module.bias, -0.3, 0.3)
            module.running_mean.uniform_(-0.3, 0.3)
            module.running_var.uniform_(0.7, 1.3)
    return network


@pytest.fixture(scope="module")
def photos() -> np.ndarray:
    noise = np.random.default_rng(7).integers(0, 64, (9, SIZE, SIZE, 3), dtype=np.uint8)
    return noise + canonical_photos(SIZE)[np.arange(9) % 3] // 2


@pytest.fixture(scope="module")
def bundle(network: LookalikeNet, photos: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The network, exported with an int8 graph."""
    return export_bundle(
        network,
        tmp_path_factory.mktemp("graph-trunk") / "bundle",
        description=ModelDescription(("plain", "striped"), Preprocessing(size=SIZE), metrics={}, record={}),
        photos=PrecisionPhotos(photos, measure_on=None),
    )


@pytest.fixture(scope="module")
def int8_only(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return reexport_bundle(bundle, tmp_path_factory.mktemp("int8-only") / "bundle", keep_float=False)


def descriptors(network: LookalikeNet, photos: np.ndarray) -> np.ndarray:
    with torch.inference_mode():
        array: np.ndarray = network.describe(torch.from_numpy(photos)).numpy()
    return array


@pytest.mark.parametrize(("graph", "tolerance"), [("model.xml", 0.01), ("model-int8.xml", 0.1)])
def test_weights_from_a_graph_give_the_networks_descriptors(
    graph: str,
    tolerance: float,
    bundle: Bundle,
    network: LookalikeNet,
    photos: np.ndarray,
    blocks: tuple[int, ...],
) -> None:
    state = load_graph_weights(bundle.path / graph)
    assert batch_norms_are_folded(state)
    other = new_network(1, blocks)
    expected = descriptors(network, photos)
    apart = np.linalg.norm(descriptors(other, photos) - expected) / np.linalg.norm(expected)
    other.trunk.load_state_dict(state)
    difference = np.linalg.norm(descriptors(other, photos) - expected) / np.linalg.norm(expected)
    assert difference < tolerance < apart / 2


def test_loads_the_weights_of_a_bundle(bundle: Bundle, network: LookalikeNet) -> None:
    loaded = load_state_dict(bundle.path)
    expected = network.trunk.state_dict()
    assert loaded.keys() == expected.keys()
    assert all(torch.equal(value, expected[name].float()) for name, value in loaded.items())
    assert weights_sha256(bundle.path) == bundle.version


def test_loads_the_weights_of_an_int8_only_bundle(int8_only: Bundle) -> None:
    loaded, expected = load_state_dict(int8_only.path), load_graph_weights(int8_only.path / "model-int8.xml")
    assert loaded.keys() == expected.keys()
    assert all(torch.equal(value.float(), expected[name].float()) for name, value in loaded.items())
    assert weights_sha256(int8_only.path) == int8_only.version


def test_rejects_the_graph_of_another_network(resnet_bundle: Bundle, blocks: tuple[int, ...]) -> None:
    expected = 1 + sum(3 * count + 1 for count in blocks)
    with pytest.raises(ValueError, match=rf"the graph has \d+ convolutions, but a ResNet-50 has {expected}"):
        load_graph_weights(resnet_bundle.graph_path)


def test_rejects_a_folder_without_a_bundle(tmp_path: Path) -> None:
    for read in (load_state_dict, weights_sha256):
        with pytest.raises(WeightsError, match="is not a usable model bundle"):
            read(tmp_path)


def test_rejects_a_damaged_bundle(int8_only: Bundle, tmp_path: Path) -> None:
    for file in int8_only.path.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "model-int8.bin").write_bytes(b"damaged")
    with pytest.raises(WeightsError, match=r"has 7 bytes, but model\.json states"):
        load_state_dict(tmp_path)
