"""What every benchmark needs: the machine it ran on, photos that can be read, and rounds that take turns."""

from __future__ import annotations

import math
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from ml.network.openvino_runtime import available_cores, load_openvino, processor_capabilities
from ml.photos.decode import PhotoError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from ml.photos.preprocess import Preprocessing


@dataclass(frozen=True, slots=True)
class Machine:
    """Where a benchmark ran. `cores` are those that the process may use."""

    processor: str
    cores: int
    bf16: bool
    amx: bool
    torch: str
    openvino: str

    def __str__(self) -> str:
        """Say what matters for speed."""
        features = ", ".join(name for name, there in (("bf16", self.bf16), ("AMX", self.amx)) if there) or "no bf16"
        return f"{self.processor}, {self.cores} cores ({features}), torch {self.torch}, OpenVINO {self.openvino}"


@dataclass(frozen=True, slots=True)
class Timed:
    """What one way of doing the work came to: photos per second in its fastest round, and what its last round gave."""

    rate: float
    outcome: NDArray[Any]


def this_machine() -> Machine:
    """Return where this process runs. Imports torch."""
    import torch

    core = load_openvino().Core()
    return Machine(
        processor=core.get_property("CPU", "FULL_DEVICE_NAME"),
        cores=available_cores(),
        bf16="BF16" in processor_capabilities(),
        amx=bool(torch.cpu.get_capabilities().get("amx_bf16", False)),
        torch=version("torch"),
        openvino=version("openvino"),
    )


def take_turns(ways: Mapping[str, Callable[[], NDArray[Any]]], *, rounds: int, photos: int) -> dict[str, Timed]:
    """Do each way's work on all `photos` in turn, `rounds` times, so that a busy machine slows all of them.

    The first round of each is preceded by one that is not timed: it compiles, and fills caches.
    """
    outcomes = {name: work() for name, work in ways.items()}
    seconds = dict.fromkeys(ways, math.inf)
    for _ in range(rounds):
        for name, work in ways.items():
            start = time.perf_counter()
            outcomes[name] = work()
            seconds[name] = min(seconds[name], time.perf_counter() - start)
    return {name: Timed(photos / seconds[name], outcomes[name]) for name in ways}


def readable(photos: Sequence[Path], preprocessing: Preprocessing, *, limit: int) -> list[bytes]:
    """Return the contents of the first `limit` photos that can be decoded.

    Raises:
        ValueError: none can.
    """
    contents: list[bytes] = []
    for path in photos:
        with suppress(PhotoError, OSError):
            content = path.read_bytes()
            preprocessing.load(content)
            contents.append(content)
        if len(contents) >= limit:
            break
    if not contents:
        raise ValueError(f"None of the {len(photos)} photos can be read.")
    return contents


@contextmanager
def torch_threads(threads: int) -> Iterator[None]:
    """Let torch compute with so many threads."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
