"""A ResNet-50 trunk's weights, read back from the OpenVINO graph of a bundle that has no others.

Importing this imports torch.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

from ml.openvino_runtime import load_openvino

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_BLOCKS = (3, 4, 6, 3)
"""Residual blocks in each of the four stages of a ResNet-50 (He et al. 2015, arXiv:1512.03385)."""

_BATCH_NORM_EPSILON = 1e-5
"""Torch's default: a batch norm with variance 1 divides by the square root of 1 more than this."""


def trunk_of_graph(graph: Path) -> dict[str, torch.Tensor]:
    """Return the weights by torchvision's names, float32, with the batch norms folded into the convolutions.

    Args:
        graph: the .xml of a bundle's graph, in int8 or float.

    Raises:
        ValueError: the convolutions are not those of a ResNet-50.
    """
    openvino = load_openvino()
    model = openvino.Core().read_model(graph)
    convolutions = [one for one in model.get_ordered_ops() if one.get_type_name() == "Convolution"]
    named = dict(_named(convolutions))
    weights = _constants(openvino, [one.input_value(1) for one in named.values()])
    biases = _constants(openvino, [_bias(one) for one in named.values()])
    state: dict[str, torch.Tensor] = {}
    for name, weight, bias in zip(named, weights, biases, strict=True):
        norm = _norm_of(name)
        channels = len(weight)
        state[f"{name}.weight"] = weight
        state[f"{norm}.weight"] = torch.full((channels,), math.sqrt(1 + _BATCH_NORM_EPSILON))
        state[f"{norm}.bias"] = torch.zeros(channels) if bias is None else bias.flatten()
        state[f"{norm}.running_mean"] = torch.zeros(channels)
        state[f"{norm}.running_var"] = torch.ones(channels)
        state[f"{norm}.num_batches_tracked"] = torch.tensor(0)
    return state


def _named(convolutions: list[Any]) -> Iterator[tuple[str, Any]]:
    """Yield the convolutions, which come in the order of computation, with their names."""
    expected = 1 + sum(3 * blocks + 1 for blocks in _BLOCKS)
    if len(convolutions) != expected:
        raise ValueError(f"the graph has {len(convolutions)} convolutions, and a ResNet-50 has {expected}")
    left = iter(convolutions)
    yield "conv1", next(left)
    for stage, blocks in enumerate(_BLOCKS, start=1):
        for number in range(blocks):
            block = [next(left) for _ in range(3 if number else 4)]
            entry = _activation(block[0])
            # A stage's first block has a fourth convolution, on the block's input.
            shortcut = [one for one in block[1:] if _activation(one) == entry]
            for name, convolution in zip(
                ("conv1", "conv2", "conv3"), [one for one in block if one not in shortcut], strict=True
            ):
                yield f"layer{stage}.{number}.{name}", convolution
            for convolution in shortcut:
                yield f"layer{stage}.{number}.downsample.0", convolution


def _activation(convolution: Any) -> str:
    """Return the name of the operation whose outcome is convolved, before it is rounded."""
    node = convolution.input_value(0).get_node()
    while node.get_type_name() == "FakeQuantize":
        node = node.input_value(0).get_node()
    return str(node.get_friendly_name())


def _bias(convolution: Any) -> Any | None:
    """Return what is added to the convolution's outcome, where that is a constant."""
    (consumer,) = (port.get_node() for port in convolution.output(0).get_target_inputs())
    if consumer.get_type_name() != "Add":
        return None
    (other,) = (value for value in consumer.input_values() if value.get_node() != convolution)
    return other if math.prod(other.get_partial_shape().to_shape()) == convolution.get_output_partial_shape(0)[1].get_length() else None


def _constants(openvino: Any, outputs: list[Any | None]) -> list[torch.Tensor | None]:
    """Compute outputs that depend on constants alone."""
    known = [one for one in outputs if one is not None]
    found: Any = iter(())
    if known:
        compiled = openvino.Core().compile_model(openvino.Model(known, []), "CPU")
        found = iter(compiled({}).values())
    return [None if one is None else torch.tensor(next(found)).float() for one in outputs]


def _norm_of(convolution: str) -> str:
    """Return the name of the batch norm that follows a convolution."""
    return convolution.replace("downsample.0", "downsample.1") if "downsample" in convolution else convolution.replace("conv", "bn")
