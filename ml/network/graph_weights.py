"""Reads a ResNet-50 trunk's weights from an OpenVINO graph, for bundles without torch weights.

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
"""torch's default: a batch norm with variance 1 divides by sqrt(1 + epsilon)."""


def load_graph_weights(graph: Path) -> dict[str, torch.Tensor]:
    """Return the weights by torchvision's names, float32, with the batch norms folded into the convolutions.

    Args:
        graph: the .xml file of an int8 or float graph.

    Raises:
        ValueError: the graph's convolutions do not match a ResNet-50.
    """
    openvino = load_openvino()
    model = openvino.Core().read_model(graph)
    convolutions = [node for node in model.get_ordered_ops() if node.get_type_name() == "Convolution"]
    by_name = dict(_named(convolutions))
    weights = {f"{name}.weight": node.input_value(1) for name, node in by_name.items()}
    biases = {f"{_norm_of(name)}.bias": bias for name, node in by_name.items() if (bias := _bias(node)) is not None}
    state = _constants(openvino, weights | biases)
    for name in by_name:
        norm, channels = _norm_of(name), len(state[f"{name}.weight"])
        state[f"{norm}.weight"] = torch.full((channels,), math.sqrt(1 + _BATCH_NORM_EPSILON))
        state[f"{norm}.bias"] = state.get(f"{norm}.bias", torch.zeros(channels)).flatten()
        state[f"{norm}.running_mean"] = torch.zeros(channels)
        state[f"{norm}.running_var"] = torch.ones(channels)
        state[f"{norm}.num_batches_tracked"] = torch.tensor(0)
    return state


def _named(convolutions: list[Any]) -> Iterator[tuple[str, Any]]:
    """Yield the name of each convolution. `convolutions` must be in the order of computation."""
    expected = 1 + sum(3 * blocks + 1 for blocks in _BLOCKS)
    if len(convolutions) != expected:
        raise ValueError(f"the graph has {len(convolutions)} convolutions, but a ResNet-50 has {expected}")
    remaining = iter(convolutions)
    yield "conv1", next(remaining)
    for stage, blocks in enumerate(_BLOCKS, start=1):
        for number in range(blocks):
            block = [next(remaining) for _ in range(3 if number else 4)]
            block_input = _activation(block[0])
            # The first block of a stage has a fourth convolution, the shortcut, on the block's input.
            shortcuts = [node for node in block[1:] if _activation(node) == block_input]
            path = [node for node in block if node not in shortcuts]
            for name, convolution in zip(("conv1", "conv2", "conv3"), path, strict=True):
                yield f"layer{stage}.{number}.{name}", convolution
            for convolution in shortcuts:
                yield f"layer{stage}.{number}.downsample.0", convolution


def _activation(convolution: Any) -> str:
    """Return the name of the operation that feeds the convolution, skipping its quantisation."""
    node = convolution.input_value(0).get_node()
    while node.get_type_name() == "FakeQuantize":
        node = node.input_value(0).get_node()
    return str(node.get_friendly_name())


def _bias(convolution: Any) -> Any | None:
    """Return the constant that is added to the convolution's output, if any."""
    (consumer,) = (port.get_node() for port in convolution.output(0).get_target_inputs())
    if consumer.get_type_name() != "Add":
        return None
    (other,) = (value for value in consumer.input_values() if value.get_node() != convolution)
    shape, channels = other.get_partial_shape(), convolution.get_output_partial_shape(0)[1].get_length()
    return other if shape.is_static and math.prod(shape.to_shape()) == channels else None  # otherwise the shortcut


def _constants(openvino: Any, outputs: dict[str, Any]) -> dict[str, torch.Tensor]:
    """Compute outputs that depend only on constants, float32."""
    compiled = openvino.Core().compile_model(openvino.Model(list(outputs.values()), []), "CPU")
    arrays = compiled({}).values()
    return {name: torch.tensor(values).float() for name, values in zip(outputs, arrays, strict=True)}


def _norm_of(convolution: str) -> str:
    """Return the name of the batch norm after a convolution."""
    return convolution.replace("conv", "bn").replace("downsample.0", "downsample.1")
