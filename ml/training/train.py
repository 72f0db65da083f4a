"""Trains a network on labelled photos and measures it. Importing this imports torch.

    lookalike train --weights resnet50.pth --recipe my.toml

    decode ─▶ split ─┬─▶ random trunk: train everything ─▶ describe ────────┐
                     └─▶ frozen trunk: describe ─▶ train the heads ─▶ fold ─┴─▶ fill memory ─▶ calibrate ─▶ evaluate

A recipe may unfreeze the end of a frozen trunk after the heads are folded in; the photos are then described again. The
recipes in `ml/training/recipe_files` hold the hyperparameters, each with its reason. Each step stores its result in the
run's folder, so a training that was stopped continues from there.
"""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import torch

from ml.network.device import precision_name, training_device
from ml.network.model import FROZEN_TRUNK_PARTS, RANDOM_TRUNK_PARTS, LookalikeNet
from ml.network.openvino_runtime import available_cores
from ml.network.trunk_weights import batch_norms_are_folded, load_state_dict, weights_sha256
from ml.photos.preprocess import Preprocessing
from ml.stages import Progress, Stages
from ml.training.dataset.classes import classes_of
from ml.training.dataset.labels import labels_of
from ml.training.decoded_photos import decode_all, split_items
from ml.training.finishing import calibrate_on_validation, evaluate_held_out, fill_memory, fit_ood, log_projector
from ml.training.recipes import TrainConfig, TrainingError
from ml.training.result import RunRecord, TrainResult
from ml.training.run.distributed import join_processes
from ml.training.run.run_folder import RunFolder
from ml.training.run.tensorboard import TensorBoardLog
from ml.training.run.training_run import TrainingRun
from ml.training.strategies import train_end_of_trunk, train_heads, train_whole_network
from ml.training.words import fit_text_model

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from ml.training.dataset.classes import Classes
    from ml.training.dataset.labels import SplitLabels
    from ml.training.dataset.summary import OnSplit
    from ml.training.dataset.training_data import TrainingData
    from ml.training.decoded_photos import DecodedPhotos
    from ml.training.optimise import History

    StateDict: TypeAlias = Mapping[str, torch.Tensor]
    """Pretrained weights by name."""

RECORD_FILE = "training.json"
"""The file in a run's folder with the run record and the metrics."""


class _Fitted(NamedTuple):
    """The result of fitting a network's weights.

    Attributes:
        descriptors: of all photos by the final trunk, float32 (n, d).
        unfrozen_history: None if the end of the trunk was not trained.
        unfrozen_kept: whether the network has the trained end of the trunk.
    """

    history: History
    descriptors: NDArray[np.float32]
    unfrozen_history: History | None = None
    unfrozen_kept: bool = False


def train(
    data: TrainingData,
    config: TrainConfig,
    *,
    weights: Path | None,
    home: Path,
    progress: Progress,
    on_split: OnSplit = lambda _summary: None,
) -> TrainResult:
    """Train a network by a recipe, and measure it on the listings that it holds out.

    Equal arguments and machine give an equal network, also if the training is stopped and started again. Sets torch's
    threads for the whole process. Under `torchrun` the processes share the work and return the same network.

    Args:
        weights: pretrained weights for a frozen trunk; None for a random one.
        home: the run's folder is made here. It holds `training.json`, `copies.csv`, TensorBoard logs and, until it is
            cleared, 150 KB per photo at 224 px and 35 KB per photo and view.
        on_split: called in the first process once the photos are split, before the long work.

    Raises:
        TooFewListings: no listing can be held out.
        TrainingError: the weights do not fit the config, or training diverged.
        WeightsError: the weights cannot be used.
        RunBusy: another process runs the same training.
        OSError: `home` cannot be written.
    """
    _check_trunk(config, weights)
    torch.set_num_threads(available_cores())
    data = replace(data, photos=sorted(data.photos, key=lambda photo: photo.photo_id))  # their order must not matter
    device = training_device()
    processes = join_processes(device)
    folder = RunFolder.of(home, _inputs(data, config, weights))
    if processes.is_first:
        folder.claim()
    processes.wait()
    run = TrainingRun(config, device, folder, Stages(progress), processes)
    return _train(data, weights, run, on_split=on_split)


def _train(data: TrainingData, weights: Path | None, run: TrainingRun, *, on_split: OnSplit) -> TrainResult:
    config, preprocessing = run.config, Preprocessing(run.config.size)
    pretrained = None if weights is None else load_state_dict(weights)  # fails before the photos are decoded
    decoded = decode_all(data.photos, preprocessing, run)
    unreadable = len(data.photos) - len(decoded.photos)
    items, split = split_items(decoded, data.known, run, unreadable=unreadable, on_split=on_split)
    classes = classes_of(decoded.photos, split.train, min_listings=config.class_from)
    labels = labels_of(decoded.photos, decoded.rows, split, items=items, classes=classes)
    network = _initial_network(classes, preprocessing, pretrained, run=run)
    log = TensorBoardLog(run.folder.path if run.processes.is_first else None)
    fitted = _fit(network, decoded.pixels, labels, run=run, log=log)
    network.cpu().to(memory_format=torch.contiguous_format)
    with run.stages.stage("calibrate and evaluate"):
        names, descriptors = classes.categories, fitted.descriptors
        fill_memory(network, descriptors, labels, config=config)
        calibration = calibrate_on_validation(network, descriptors, labels, categories=names)
        ood = fit_ood(network, descriptors, labels)
        text, accuracies = fit_text_model(network, descriptors, labels, split, words=data.words, categories=names)
        metrics = evaluate_held_out(network, descriptors, decoded, held_out=labels.held_out.rows, categories=names)
        log_projector(network, descriptors, decoded, validation=labels.validation.rows, log=log)
        log.close()
    record = _record(run, fitted, pretrained, unreadable=unreadable, decoded=decoded, classes=classes)
    if run.processes.is_first:
        summary = {**record.to_json(), "metrics": metrics.by_name() | accuracies}
        (run.folder.path / RECORD_FILE).write_text(json.dumps(summary, indent=2))
    return TrainResult(
        network=network,
        categories=classes.categories,
        preprocessing=preprocessing,
        metrics=metrics.by_name() | accuracies,
        calibration=calibration,
        ood=ood,
        text=text,
        split=split,
        record=record,
        folder=run.folder,
        writes_files=run.processes.is_first,
    )


def _check_trunk(config: TrainConfig, weights: Path | None) -> None:
    """Raise TrainingError if the recipe needs weights and there are none, or the other way round."""
    if config.trunk == "frozen" and weights is None:
        raise TrainingError(
            'The recipe has trunk = "frozen", which needs pretrained weights',
            'Give weights, or use a recipe with trunk = "random"',
        )
    if config.trunk == "random" and weights is not None:
        raise TrainingError(
            'The recipe has trunk = "random", which does not use pretrained weights',
            'Train without weights, or use a recipe with trunk = "frozen"',
        )


def _initial_network(
    classes: Classes, preprocessing: Preprocessing, pretrained: StateDict | None, *, run: TrainingRun
) -> LookalikeNet:
    """Return the network with its weights at the start, in evaluation mode on the run's device."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(run.config.seed)
        network = LookalikeNet(
            max(classes.category_of_class) + 1,
            run.config.vector_size,
            mean=preprocessing.mean,
            std=preprocessing.std,
            category_of_class=classes.category_of_class,
            category_share=run.config.category_share,
            parts=RANDOM_TRUNK_PARTS if run.config.trunk == "random" else FROZEN_TRUNK_PARTS,
        )
    if run.config.trunk == "random":
        network.zero_init_residuals()
    # Convolutions in bf16 have fast kernels for channels last only, and photos come in that layout.
    network.eval().to(run.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    if pretrained is not None:
        trunk = {name: value for name, value in pretrained.items() if not name.startswith("fc.")}
        network.trunk.load_state_dict(trunk)
        network.freeze_batch_norms()
    return network


def _fit(
    network: LookalikeNet, pixels: NDArray[np.uint8], labels: SplitLabels, *, run: TrainingRun, log: TensorBoardLog
) -> _Fitted:
    """Fit the network's weights as the recipe says."""
    fit_first = train_whole_network if run.config.trunk == "random" else train_heads
    history, descriptors = fit_first(network, pixels, labels, run=run, log=log)
    if run.config.unfreeze is None:
        return _Fitted(history, descriptors)
    own_log = TensorBoardLog(run.folder.path / "unfrozen" if run.processes.is_first else None)
    unfrozen = train_end_of_trunk(network, pixels, labels, unfreezing=run.config.unfreeze, run=run, log=own_log)
    own_log.close()
    if unfrozen.descriptors is None:
        return _Fitted(history, descriptors, unfrozen.history)
    return _Fitted(history, unfrozen.descriptors, unfrozen.history, unfrozen_kept=True)


def _record(
    run: TrainingRun,
    fitted: _Fitted,
    pretrained: StateDict | None,
    *,
    unreadable: int,
    decoded: DecodedPhotos,
    classes: Classes,
) -> RunRecord:
    return RunRecord(
        config=run.config,
        device=run.device.type,
        precision=precision_name(run.device),
        processes=run.processes.count,
        threads=torch.get_num_threads(),
        torch_version=str(torch.__version__),
        folded_batch_norms=None if pretrained is None else batch_norms_are_folded(pretrained),
        photos=len(decoded.photos),
        unreadable=unreadable,
        classes=len(classes.paths),
        history=fitted.history,
        unfrozen_history=fitted.unfrozen_history,
        unfrozen_kept=fitted.unfrozen_kept,
        seconds=run.stages.seconds,
    )


def _inputs(data: TrainingData, config: TrainConfig, weights: Path | None) -> list[object]:
    """Return everything that decides the outcome, as JSON values; the name of the run's folder is their hash."""
    trunk = None if weights is None else weights_sha256(weights)
    decisive = {name: value for name, value in asdict(config).items() if name != "int8"}
    return [decisive, trunk, data.fingerprint(), str(torch.__version__)]
