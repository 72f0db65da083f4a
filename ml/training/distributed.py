"""Training in several processes that `torchrun` started, one for each GPU. Importing this imports torch.

Each process computes its share of every batch; the losses, which compare photos with each other, are computed from all
shares. The gradients are those of one process with the whole batch.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor, nn


_Value = TypeVar("_Value")

_PATIENCE = timedelta(hours=12)
"""How long the others wait while the first process decodes and describes the photos."""


@dataclass(frozen=True, slots=True)
class TrainingProcesses:
    """The processes of one training.

    Attributes:
        rank: this process's number, from 0; the first one alone reads photos, writes files and reports.
        count: how many there are.
    """

    rank: int = 0
    count: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process is the one that writes and reports."""
        return self.rank == 0

    def share(self, batch: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return this process's rows of a batch whose length `count` divides."""
        size = len(batch) // self.count
        return batch[self.rank * size : (self.rank + 1) * size]

    def gather(self, shared: Tensor) -> Tensor:
        """Return the rows of all processes, (count x b, ...), of this one's, (b, ...).

        Gradients flow back to this process's rows alone, so that each process adds its part to the sum: a loss of the
        gathered rows must be multiplied by `count` before `backward`, since `wrap` averages.
        """
        if self.count == 1:
            return shared
        rows = [torch.empty_like(shared) for _ in range(self.count)]
        dist.all_gather(rows, shared.detach())
        rows[self.rank] = shared
        return torch.cat(rows)

    def wrap(self, model: nn.Module, device: torch.device) -> nn.Module:
        """Return a module that computes as `model` does and averages the gradients of all processes."""
        if self.count == 1:
            return model
        return DistributedDataParallel(model, device_ids=[device.index] if device.type == "cuda" else None)

    def agree(self, model: nn.Module) -> None:
        """Give every process the first one's buffers: batch norms have seen other photos in each."""
        if self.count > 1:
            for buffer in model.buffers():
                dist.broadcast(buffer, src=0)

    def first_says(self, value: _Value) -> _Value:
        """Return the first process's value in all of them: what decides must not differ by a rounding."""
        if self.count == 1:
            return value
        told = [value]
        dist.broadcast_object_list(told, src=0)
        return told[0]

    def wait(self) -> None:
        """Wait until every process is here."""
        if self.count > 1:
            dist.barrier()


def join_processes(device: torch.device) -> TrainingProcesses:
    """Return the processes that `torchrun` started with this one, connected; without `torchrun` this one alone."""
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        return TrainingProcesses()
    if device.type == "cuda":
        torch.cuda.set_device(device)
    if not dist.is_initialized():
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=_PATIENCE)
    return TrainingProcesses(dist.get_rank(), count)
