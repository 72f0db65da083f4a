"""Training in several processes started by `torchrun`, one for each GPU. Importing this imports torch.

Each process computes its share of every batch. The losses compare photos with each other, so they are computed from
all shares, and the gradients equal those of one process with the whole batch.
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

_TIMEOUT = timedelta(hours=12)
"""How long the other processes wait while the first one decodes and describes the photos."""


@dataclass(frozen=True, slots=True)
class TrainingProcesses:
    """The processes of one training.

    Attributes:
        rank: number of this process, from 0; only the first reads photos, writes files and reports progress.
        count: number of processes.
    """

    rank: int = 0
    count: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process writes files and reports progress."""
        return self.rank == 0

    def share(self, batch: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return this process's rows of a batch; `count` must divide its length."""
        size = len(batch) // self.count
        return batch[self.rank * size : (self.rank + 1) * size]

    def gather(self, own_rows: Tensor) -> Tensor:
        """Return the rows of all processes, (count x b, ...), from this process's rows, (b, ...).

        Gradients flow back to this process's rows only. `data_parallel` averages the gradients of the processes, so
        multiply a loss of gathered rows by `count` before `backward`.
        """
        if self.count == 1:
            return own_rows
        rows = [torch.empty_like(own_rows) for _ in range(self.count)]
        dist.all_gather(rows, own_rows.detach())
        rows[self.rank] = own_rows
        return torch.cat(rows)

    def data_parallel(self, model: nn.Module, device: torch.device) -> nn.Module:
        """Return a module with the same output that averages gradients over all processes."""
        if self.count == 1:
            return model
        return DistributedDataParallel(model, device_ids=[device.index] if device.type == "cuda" else None)

    def copy_buffers_from_first(self, model: nn.Module) -> None:
        """Copy the first process's buffers to all others: each process's batch norms saw other photos."""
        if self.count > 1:
            for buffer in model.buffers():
                dist.broadcast(buffer, src=0)

    def value_of_first(self, value: _Value) -> _Value:
        """Return the first process's value in every process, so that rounding cannot make decisions differ."""
        if self.count == 1:
            return value
        values = [value]
        dist.broadcast_object_list(values, src=0)
        return values[0]

    def wait(self) -> None:
        """Wait until every process gets here."""
        if self.count > 1:
            dist.barrier()


def join_processes(device: torch.device) -> TrainingProcesses:
    """Connect to the other processes of `torchrun`; without `torchrun` return this process alone."""
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        return TrainingProcesses()
    if device.type == "cuda":
        torch.cuda.set_device(device)
    if not dist.is_initialized():
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=_TIMEOUT)
    return TrainingProcesses(dist.get_rank(), count)
