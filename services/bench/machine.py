"""The machine that a benchmark runs on, and fair timing on it."""

from __future__ import annotations

import math
import time
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from ml.network.openvino_runtime import available_cores, load_openvino, processor_capabilities

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine and the versions of the packages that compute. `cores`: those that the process may use."""

    processor: str
    cores: int
    bf16: bool
    amx: bool
    torch: str
    openvino: str

    def __str__(self) -> str:
        """Describe what matters for speed."""
        features = ", ".join(name for name, has in (("bf16", self.bf16), ("AMX", self.amx)) if has) or "no bf16"
        return f"{self.processor}, {self.cores} cores ({features}), torch {self.torch}, OpenVINO {self.openvino}"


@dataclass(frozen=True, slots=True)
class Timed:
    """The photos per second of the fastest round, and the result of the last round."""

    rate: float
    result: NDArray[Any]


def processor_name() -> str:
    """Return the processor's model name."""
    return str(load_openvino().Core().get_property("CPU", "FULL_DEVICE_NAME"))


def this_machine() -> Machine:
    """Describe the machine that this process runs on. Imports torch."""
    import torch

    return Machine(
        processor=processor_name(),
        cores=available_cores(),
        bf16="BF16" in processor_capabilities(),
        amx=bool(torch.cpu.get_capabilities().get("amx_bf16", False)),
        torch=version("torch"),
        openvino=version("openvino"),
    )


def time_in_turns(ways: Mapping[str, Callable[[], NDArray[Any]]], *, rounds: int, photos: int) -> dict[str, Timed]:
    """Time each way of processing the same `photos` photos.

    The ways take turns in each round, so that other load on the machine slows all of them. A first round, which
    compiles and fills caches, is not timed.
    """
    results = {name: process() for name, process in ways.items()}
    seconds = dict.fromkeys(ways, math.inf)
    for _ in range(rounds):
        for name, process in ways.items():
            start = time.perf_counter()
            results[name] = process()
            seconds[name] = min(seconds[name], time.perf_counter() - start)
    return {name: Timed(photos / seconds[name], results[name]) for name in ways}


@contextmanager
def torch_threads(threads: int) -> Iterator[None]:
    """Make torch compute with this number of threads during the block."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
