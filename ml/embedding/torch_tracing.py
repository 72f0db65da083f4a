"""Runs a torch module with OpenVINO. Importing this imports torch."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
import torch

from ml.network.openvino_runtime import compile_graph, load_openvino

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import nn

    from ml.network.openvino_runtime import Precision


def trace_to_openvino(
    module: nn.Module, *, size: int, graph: Path, threads: int, precision: Precision, half_weights: bool
) -> Callable[[NDArray[np.uint8]], tuple[NDArray[np.float32], ...]]:
    """Return a function that computes the outputs of `module`, in evaluation mode, with OpenVINO.

    The function takes photos, uint8 (B, size, size, 3). Later changes to the module do not affect it.

    Args:
        graph: the `.xml` file to write; its weights go next to it, in float16 if `half_weights`.
    """
    openvino = load_openvino()
    example = torch.zeros((1, size, size, 3), dtype=torch.uint8)
    with warnings.catch_warnings():
        # OpenVINO 2026.4 traces with torch.jit, which torch 2.15 deprecates.
        warnings.filterwarnings("ignore", "`torch.jit.trace", FutureWarning)
        converted = openvino.convert_model(module, example_input=example, input=[-1, size, size, 3])
    openvino.save_model(converted, graph, compress_to_fp16=half_weights)
    request = compile_graph(graph, threads=threads, precision=precision).create_infer_request()
    ports = range(len(converted.outputs))

    def infer(photos: NDArray[np.uint8]) -> tuple[NDArray[np.float32], ...]:
        request.infer([np.ascontiguousarray(photos)], share_inputs=True)
        return tuple(np.array(request.get_output_tensor(port).data, dtype=np.float32) for port in ports)

    return infer
