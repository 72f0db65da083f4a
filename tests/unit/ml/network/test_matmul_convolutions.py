"""Convolutions over small maps as matrix products: the same results and weights, and restored afterwards."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from ml.network.matmul_convolutions import LARGEST_MAP, MatmulConv2d, small_maps_by_matmul  # noqa: E402
from ml.network.model import LookalikeNet  # noqa: E402

pytestmark = pytest.mark.train


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("side", [1, 3])
@pytest.mark.parametrize("map_side", [1, 2, 3, LARGEST_MAP, 2 * LARGEST_MAP])
def test_outputs_and_gradients_equal_the_convolutions(side: int, stride: int, map_side: int) -> None:
    generator = torch.Generator().manual_seed(map_side)
    convolution = torch.nn.Conv2d(5, 7, side, stride, padding=side // 2, bias=False)
    actual, expected = [], []
    for module, results in ((MatmulConv2d(convolution), actual), (convolution, expected)):
        maps = torch.randn(2, 5, map_side, map_side, generator=generator.manual_seed(1), requires_grad=True)
        convolution.weight.grad = None
        output = module(maps)
        output.square().sum().backward()
        results += [output.detach(), maps.grad, convolution.weight.grad]
    for one, other in zip(actual, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


def network() -> LookalikeNet:
    torch.manual_seed(0)
    return LookalikeNet(3, 8, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25)).eval()


def test_a_network_has_the_same_outputs_inside_the_block() -> None:
    net, photos = network(), torch.randint(0, 255, (2, 64, 64, 3), dtype=torch.uint8)
    with torch.inference_mode():
        expected = net(photos)
        with small_maps_by_matmul(net):
            actual = net(photos)
    torch.testing.assert_close(actual, expected, rtol=1e-3, atol=1e-4)


def test_the_convolutions_are_restored_even_if_the_block_raises() -> None:
    net = network()
    before = dict(net.named_modules())

    def fail() -> None:
        with small_maps_by_matmul(net):
            assert any(isinstance(module, MatmulConv2d) for module in net.modules())
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert dict(net.named_modules()) == before
