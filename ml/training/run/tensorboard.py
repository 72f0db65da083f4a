"""TensorBoard logs of a training run: `tensorboard --logdir <data folder>/models`. Importing this imports torch."""

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
"""Photos in the projector. Its sprite image of all photos is limited to 8192 pixels a side."""

_THUMBNAIL = 48
"""Side of a photo in the projector, in pixels."""


class TensorBoardLog:
    """Charts of losses and scores by epoch, and a projector of vectors."""

    def __init__(self, folder: Path | None) -> None:
        """Write into `folder` after `open`; None writes nothing."""
        self._folder = folder
        self._writer: SummaryWriter | None = None

    def open(self, first_epoch: int) -> None:
        """Open the log, and hide what an earlier process logged from `first_epoch` on."""
        if self._folder is not None:
            self._writer = SummaryWriter(str(self._folder), purge_step=first_epoch)

    def add_epoch(self, epoch: int, values: Mapping[str, float]) -> None:
        """Add the values of an epoch to the charts of their names."""
        if self._writer is not None:
            for name, value in values.items():
                self._writer.add_scalar(name, value, epoch)
            self._writer.flush()

    def add_projector(self, vectors: NDArray[np.float32], labels: Sequence[str], pixels: NDArray[np.uint8]) -> None:
        """Add the first 1,000 vectors, (n, d), with their labels and photos, (n, S, S, 3), to the projector."""
        if self._writer is None or not len(vectors):
            return
        photos = torch.from_numpy(pixels[:_PROJECTED].copy()).permute(0, 3, 1, 2).float() / 255
        thumbnails = functional.interpolate(photos, size=(_THUMBNAIL, _THUMBNAIL), mode="area")
        shown = torch.from_numpy(vectors[:_PROJECTED])
        self._writer.add_embedding(shown, list(labels[:_PROJECTED]), thumbnails, tag="vectors")

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
