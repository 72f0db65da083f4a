"""One training run: its configuration, device, folder and processes. Importing this imports torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from ml.training.run.checkpoint import Checkpoint

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch
    from numpy.typing import DTypeLike, NDArray

    from ml.stages import Stages
    from ml.training.recipes import TrainConfig
    from ml.training.run.distributed import TrainingProcesses
    from ml.training.run.run_folder import RunFolder

    Fill: TypeAlias = Callable[[NDArray[Any], Callable[[int, int], None]], None]
    """Writes an array, and calls a progress callback with (done, total)."""


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """The state that all steps of one training share."""

    config: TrainConfig
    device: torch.device
    folder: RunFolder
    stages: Stages
    processes: TrainingProcesses

    def array(self, stage: str, file: str, shape: tuple[int, ...], *, dtype: DTypeLike, fill: Fill) -> NDArray[Any]:
        """Return the array in `file`; the first process computes it as `stage`, unless an earlier run did."""

        def timed(array: NDArray[Any]) -> None:
            with self.stages.stage(stage) as progress:
                fill(array, progress)

        if self.processes.is_first:
            self.folder.array(file, shape, dtype=dtype, fill=timed)
        self.processes.wait()
        return self.folder.array(file, shape, dtype=dtype, fill=timed)

    def checkpoint(self, name: str) -> Checkpoint:
        return Checkpoint(self.folder.path / f"{name}.pt", writes=self.processes.is_first)
