"""TensorBoard's view of a training: `tensorboard --logdir <data folder>/models`. Importing this imports torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional
from torch.utils.tensorboard import SummaryWriter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

_PROJECTED = 1000
"""Photos in the projector: its picture of all of them must not pass 8192 pixels a side, and more cannot be read."""

_THUMBNAIL = 48


class Curves:
    """What is drawn of a training, epoch by epoch."""

    def __init__(self, folder: Path | None) -> None:
        """Draw in `folder`, from when `begin` is called; with None draw nothing."""
        self._folder = folder
        self._writer: SummaryWriter | None = None

    def begin(self, epoch: int) -> None:
        """Open the folder; what an earlier process drew there from `epoch` on is no longer shown."""
        if self._folder is not None:
            self._writer = SummaryWriter(str(self._folder), purge_step=epoch)

    def epoch(self, number: int, values: Mapping[str, float]) -> None:
        """Draw the values of an epoch, each in the chart of its name."""
        if self._writer is not None:
            for name, value in values.items():
                self._writer.add_scalar(name, value, number)
            self._writer.flush()

    def projector(self, vectors: NDArray[np.float32], labels: Sequence[str], pixels: NDArray[np.uint8]) -> None:
        """Show the first 1,000 vectors, (n, d), in the projector, with their labels and photos, (n, S, S, 3)."""
        if self._writer is None or not len(vectors):
            return
        photos = torch.from_numpy(pixels[:_PROJECTED].copy()).permute(0, 3, 1, 2).float() / 255
        small = functional.interpolate(photos, size=(_THUMBNAIL, _THUMBNAIL), mode="area")
        shown = torch.from_numpy(vectors[:_PROJECTED])
        self._writer.add_embedding(shown, list(labels[:_PROJECTED]), small, tag="vectors")

    def end(self) -> None:
        """Close the folder."""
        if self._writer is not None:
            self._writer.close()
