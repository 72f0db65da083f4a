"""Convolutions over small maps as matrix products: the same numbers, the same weights, and gone afterwards."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from ml.network.matmul_convolutions import LARGEST_MAP, MatmulConv2d, small_maps_by_matmul  # noqa: E402
from ml.network.model import LookalikeNet  # noqa: E402

pytestmark = pytest.mark.train


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("side", [1, 3])
@pytest.mark.parametrize("map_side", [1, 2, 3, LARGEST_MAP, 2 * LARGEST_MAP])
def test_outputs_and_gradients_are_those_of_the_convolution(side: int, stride: int, map_side: int) -> None:
    generator = torch.Generator().manual_seed(map_side)
    convolution = torch.nn.Conv2d(5, 7, side, stride, padding=side // 2, bias=False)
    found, expected = [], []
    for module, results in ((MatmulConv2d(convolution), found), (convolution, expected)):
        maps = torch.randn(2, 5, map_side, map_side, generator=generator.manual_seed(1), requires_grad=True)
        convolution.weight.grad = None
        output = module(maps)
        output.square().sum().backward()
        results += [output.detach(), maps.grad, convolution.weight.grad]
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


def network() -> LookalikeNet:
    torch.manual_seed(0)
    return LookalikeNet(3, 8, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25)).eval()


def test_a_network_answers_the_same_inside_the_block() -> None:
    ours, photos = network(), torch.randint(0, 255, (2, 64, 64, 3), dtype=torch.uint8)
    with torch.inference_mode():
        expected = ours(photos)
        with small_maps_by_matmul(ours):
            found = ours(photos)
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)


def test_the_convolutions_are_back_after_the_block_even_when_it_raises() -> None:
    ours = network()
    before = dict(ours.named_modules())

    def fail() -> None:
        with small_maps_by_matmul(ours):
            assert any(isinstance(module, MatmulConv2d) for module in ours.modules())
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert dict(ours.named_modules()) == before
