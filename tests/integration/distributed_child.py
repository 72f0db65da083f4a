"""One of several processes that `torchrun` starts: it trains together with the others, and each saves what it got."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import torch

from ml.data import LabelledPhoto
from ml.distributed import Workers, join_workers
from ml.losses import contrastive_loss
from ml.recipes import FROM_SCRATCH
from ml.train import train


def gradient(workers: Workers) -> torch.Tensor:
    """Return the gradient of a loss over all shares of one batch, as it arrives in this process."""
    torch.manual_seed(0)
    model, inputs = torch.nn.Linear(8, 4, bias=False), torch.randn(8, 8)
    rows = torch.arange(8).numpy()
    wrapped = workers.wrap(model, torch.device("cpu"))
    outputs = wrapped(inputs[workers.share(rows)])
    loss = contrastive_loss(workers.gather(outputs), torch.arange(8) // 2, temperature=0.5)
    (loss * workers.count).backward()
    assert model.weight.grad is not None
    return model.weight.grad


def train_together(folder: Path) -> None:
    """Train on the photos that `folder/photos.json` lists, and save this process's weights and gradient."""
    photos = [
        LabelledPhoto(**{**row, "path": Path(row["path"])}) for row in json.loads((folder / "photos.json").read_text())
    ]
    config = replace(FROM_SCRATCH, size=32, epochs=1, pairs_per_batch=4, vector_size=16)
    result = train(photos, config, weights=None, home=folder / "models", progress=lambda *_: None)
    workers = join_workers(torch.device("cpu"))
    saved = {"weights": result.network.projection.weight, "gradient": gradient(workers), "writes": result.writes}
    torch.save(saved, folder / f"process-{workers.rank}.pt")


if __name__ == "__main__":
    train_together(Path(sys.argv[1]))
