"""One of the processes of `torchrun` in a test: trains with the others and saves its weights and gradient."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import torch

from ml.labelled import LabelledPhoto
from ml.training.dataset.training_data import TrainingData
from ml.training.losses import contrastive_loss
from ml.training.run.distributed import TrainingProcesses, join_processes
from ml.training.train import train
from tests.networks import small_trunks
from tests.trainings import TINY, described_in_f32


def gradient(processes: TrainingProcesses) -> torch.Tensor:
    """Return this process's gradient of a loss over all shares of one batch."""
    torch.manual_seed(0)
    model, inputs = torch.nn.Linear(8, 4, bias=False), torch.randn(8, 8)
    rows = torch.arange(8).numpy()
    wrapped = processes.data_parallel(model, torch.device("cpu"))
    outputs = wrapped(inputs[processes.share(rows)])
    loss = contrastive_loss(processes.gather(outputs), torch.arange(8) // 2, temperature=0.5)
    (loss * processes.count).backward()
    assert model.weight.grad is not None
    return model.weight.grad


def train_together(folder: Path) -> None:
    """Train on the photos in `folder/photos.json`, and save this process's weights and gradient."""
    photos = [
        LabelledPhoto(**{**row, "path": Path(row["path"])}) for row in json.loads((folder / "photos.json").read_text())
    ]
    config = replace(TINY, epochs=1)
    with small_trunks(), described_in_f32():
        result = train(TrainingData(photos), config, weights=None, home=folder / "models", progress=lambda *_: None)
    processes = join_processes(torch.device("cpu"))
    saved = {
        "weights": result.network.projection.weight,
        "gradient": gradient(processes),
        "writes": result.writes_files,
    }
    torch.save(saved, folder / f"process-{processes.rank}.pt")


if __name__ == "__main__":
    train_together(Path(sys.argv[1]))
