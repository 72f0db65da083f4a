"""A ResNet-50 trunk's weights, read back from the OpenVINO graph of a bundle that has no others.

Importing this imports torch.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

from ml.network.openvino_runtime import load_openvino

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_BLOCKS = (3, 4, 6, 3)
"""Residual blocks in each of the four stages of a ResNet-50 (He et al. 2015, arXiv:1512.03385)."""

_BATCH_NORM_EPSILON = 1e-5
"""Torch's default: a batch norm with variance 1 divides by the square root of 1 more than this."""


def load_graph_weights(graph: Path) -> dict[str, torch.Tensor]:
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
    weights = {f"{name}.weight": one.input_value(1) for name, one in named.items()}
    biases = {f"{_norm_of(name)}.bias": bias for name, one in named.items() if (bias := _bias(one)) is not None}
    state = _constants(openvino, weights | biases)
    for name in named:
        norm, channels = _norm_of(name), len(state[f"{name}.weight"])
        state[f"{norm}.weight"] = torch.full((channels,), math.sqrt(1 + _BATCH_NORM_EPSILON))
        state[f"{norm}.bias"] = state.get(f"{norm}.bias", torch.zeros(channels)).flatten()
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
    shape, channels = other.get_partial_shape(), convolution.get_output_partial_shape(0)[1].get_length()
    return other if shape.is_static and math.prod(shape.to_shape()) == channels else None  # else it is the shortcut


def _constants(openvino: Any, outputs: dict[str, Any]) -> dict[str, torch.Tensor]:
    """Compute outputs that depend on constants alone, float32."""
    compiled = openvino.Core().compile_model(openvino.Model(list(outputs.values()), []), "CPU")
    found = compiled({}).values()
    return {name: torch.tensor(values).float() for name, values in zip(outputs, found, strict=True)}


def _norm_of(convolution: str) -> str:
    """Return the name of the batch norm that follows a convolution."""
    return convolution.replace("conv", "bn").replace("downsample.0", "downsample.1")
