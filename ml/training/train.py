"""From labelled photos to a trained network, and what it is worth. Importing this imports torch.

decode ─▶ split by item ─┬─▶ random trunk: train all of it ─▶ describe ──────────┐
                         └─▶ frozen trunk: describe ─▶ train the heads ─▶ fold ──┴─▶ remember ─▶ calibrate ─▶ evaluate

A frozen trunk may be unfrozen at its end after the heads are folded in, and is described again then.
Every step leaves its result in the run's folder, so that a training that was killed goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import torch

from ml.bundle.manifest import SplitRecord
from ml.network.device import precision_name, training_device
from ml.network.model import FROZEN_TRUNK_PARTS, RANDOM_TRUNK_PARTS, LookalikeNet
from ml.network.openvino_runtime import available_cores
from ml.network.trunk_weights import batch_norms_are_folded, load_state_dict, weights_sha256
from ml.photos.preprocess import Preprocessing
from ml.stages import Progress, Stages
from ml.training.classes import classes_of
from ml.training.distributed import join_processes
from ml.training.finishing import calibrate_on_validation, measure, project, remember
from ml.training.labels import labels_of
from ml.training.recipes import TrainConfig, TrainingError
from ml.training.run import TrainingRun, decode_all, pairs_alike
from ml.training.run_folder import RunFolder
from ml.training.split import Split, item_of_listing, split_by_item
from ml.training.strategies import train_end_of_trunk, train_heads, train_whole
from ml.training.tensorboard import Curves

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from ml.bundle.calibration import Calibration
    from ml.evaluation.evaluate import HeldOutMetrics
    from ml.labelled import LabelledPhoto
    from ml.training.optimise import History

RECORD_FILE = "training.json"
"""The file in a run's folder that holds the run record and the metrics."""


@dataclass(frozen=True, slots=True)
class RunRecord:
    """How a network came to be, for its bundle.

    Attributes:
        device, precision: what the training computed on and in; `processes` of them.
        folded_batch_norms: whether those of the ImageNet weights were; None without such weights.
        photos, unreadable: how many were decoded, and how many could not be.
        classes: how many the network tells apart.
        history: losses and validation scores, epoch by epoch.
        unfrozen_history: of the end of the trunk, if it was unfrozen; `unfrozen_kept`, whether validation gained by it,
            and the network has what it learnt.
        seconds: how long each stage took in this process; stages that an earlier one had done are missing.
    """

    config: TrainConfig
    device: str
    precision: str
    processes: int
    threads: int
    torch_version: str
    folded_batch_norms: bool | None
    photos: int
    unreadable: int
    classes: int
    history: History
    unfrozen_history: History | None
    unfrozen_kept: bool
    seconds: dict[str, float]

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class TrainResult:
    """A trained network and its worth.

    Attributes:
        network: on the CPU, in evaluation mode, calibrated.
        categories: their names, in the order of the probabilities.
        metrics: measured on `split.held_out`.
        calibration: fitted on `split.validation`; None where that is empty.
        writes_files: whether this process is the one that writes files; always, but for `torchrun`.
        folder: of the run; `folder.clear()` when the network is safe elsewhere.
    """

    network: LookalikeNet
    categories: tuple[str, ...]
    preprocessing: Preprocessing
    metrics: HeldOutMetrics
    calibration: Calibration | None
    split: Split
    record: RunRecord
    folder: RunFolder
    writes_files: bool

    def split_record(self) -> SplitRecord:
        """Return the listings of each side, for the bundle."""
        config = self.record.config
        return SplitRecord(
            seed=config.seed,
            validation_share=config.validation,
            held_out_share=config.held_out,
            **{
                side: tuple(sorted({photo.listing_id for photo in getattr(self.split, side)}))
                for side in ("train", "validation", "held_out")
            },
        )


def train(
    photos: Sequence[LabelledPhoto], config: TrainConfig, *, weights: Path | None, home: Path, progress: Progress
) -> TrainResult:
    """Train a network as `config` says, and measure it on the listings that it holds out.

    The same photos, config and machine give the same network, also if the training is killed and begun again: it goes
    on where it stood. Sets torch's number of threads for the whole process. Started by `torchrun`, the processes share
    the work, and each returns the same network; the first alone writes files.

    Args:
        weights: ImageNet weights for a frozen trunk; None for a random one.
        home: where the run's folder is made: `training.json`, curves and, until it is cleared, 150 KB per photo at
            224 px and 35 KB per photo and view.

    Raises:
        TrainingError: the photos are too few, the weights and the config do not go together, or training diverged.
        WeightsError: the weights cannot be used.
        RunBusy: another process is at the same training.
        OSError: `home` cannot be written.
    """
    if (weights is not None) != (config.trunk == "frozen"):
        given = "without" if weights is None else "together with"
        raise TrainingError(
            f"a {config.trunk} trunk was asked for {given} ImageNet weights",
            "Train a frozen trunk with ImageNet weights, or a random one without",
        )
    torch.set_num_threads(available_cores())
    ordered = sorted(photos, key=lambda photo: photo.photo_id)  # so that nothing depends on the order they came in
    device = training_device()
    workers = join_processes(device)
    folder = RunFolder.of(home, _inputs(ordered, config, weights))
    if workers.is_first:
        folder.claim()
    workers.wait()
    return _train(ordered, weights, TrainingRun(config, device, folder, Stages(progress), workers))


def _train(photos: Sequence[LabelledPhoto], weights: Path | None, run: TrainingRun) -> TrainResult:
    config, preprocessing = run.config, Preprocessing(run.config.size)
    state = None if weights is None else load_state_dict(weights)  # read first: it may be refused
    decoded = decode_all(photos, preprocessing, run)
    items = item_of_listing(decoded.photos, pairs_alike(decoded, run))
    split = _split(decoded.photos, items, config)
    classes = classes_of(decoded.photos, split.train, least=config.class_from)
    labels = labels_of(decoded.photos, decoded.rows, split, items=items, classes=classes)
    network = _initial_network(classes.category_of_class, preprocessing, run)
    if state is not None:
        network.trunk.load_state_dict({name: value for name, value in state.items() if not name.startswith("fc.")})
        network.freeze_batch_norms()
    curves = Curves(run.folder.path if run.workers.is_first else None)
    learn = train_whole if weights is None else train_heads
    history, descriptors = learn(network, decoded.pixels, labels, run=run, curves=curves)
    unfrozen = None
    if config.unfreeze is not None:
        further = Curves(run.folder.path / "unfrozen" if run.workers.is_first else None)
        unfrozen = train_end_of_trunk(network, decoded.pixels, labels, config.unfreeze, run=run, curves=further)
        further.end()
        descriptors = descriptors if unfrozen.descriptors is None else unfrozen.descriptors
    network.cpu().to(memory_format=torch.contiguous_format)
    with run.stages.stage("calibrate and evaluate"):
        remember(network, descriptors, labels, config)
        calibration = calibrate_on_validation(network, descriptors, labels, classes.categories)
        metrics = measure(network, descriptors, decoded, labels, classes.categories)
        project(network, descriptors, decoded, labels, curves)
    record = RunRecord(
        config=config,
        device=run.device.type,
        precision=precision_name(run.device),
        processes=run.workers.count,
        threads=torch.get_num_threads(),
        torch_version=str(torch.__version__),
        folded_batch_norms=None if state is None else batch_norms_are_folded(state),
        photos=len(decoded.photos),
        unreadable=len(photos) - len(decoded.photos),
        classes=len(classes.paths),
        history=history,
        unfrozen_history=None if unfrozen is None else unfrozen.history,
        unfrozen_kept=unfrozen is not None and unfrozen.descriptors is not None,
        seconds=run.stages.seconds,
    )
    if run.workers.is_first:
        summary = {**record.to_json(), "metrics": metrics.by_name()}
        (run.folder.path / RECORD_FILE).write_text(json.dumps(summary, indent=2))
    return TrainResult(
        network=network,
        categories=classes.categories,
        preprocessing=preprocessing,
        metrics=metrics,
        calibration=calibration,
        split=split,
        record=record,
        folder=run.folder,
        writes_files=run.workers.is_first,
    )


def _split(photos: Sequence[LabelledPhoto], items: Mapping[str, str], config: TrainConfig) -> Split:
    split = split_by_item(photos, items, held_out=config.held_out, validation=config.validation, seed=config.seed)
    if not split.held_out or len({photo.listing_id for photo in split.train}) < 2:
        listings = len({photo.listing_id for photo in photos})
        raise TrainingError(
            f"{listings} listings with a readable photo are too few to learn from some and measure on others",
            "Train on at least five listings of one category",
        )
    return split


def _initial_network(category_of_class: Sequence[int], preprocessing: Preprocessing, run: TrainingRun) -> LookalikeNet:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(run.config.seed)
        network = LookalikeNet(
            max(category_of_class) + 1,
            run.config.vector_size,
            mean=preprocessing.mean,
            std=preprocessing.std,
            category_of_class=category_of_class,
            category_share=run.config.category_share,
            parts=RANDOM_TRUNK_PARTS if run.config.trunk == "random" else FROZEN_TRUNK_PARTS,
        )
    if run.config.trunk == "random":
        network.zero_init_residuals()
    # Channels last: convolutions in bf16 have fast kernels for that layout only, and the photos come in it.
    network.eval().to(run.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network


def _inputs(photos: Sequence[LabelledPhoto], config: TrainConfig, weights: Path | None) -> list[object]:
    """Return all that decides the outcome, as JSON values."""
    digest = hashlib.sha256()
    for photo in photos:
        digest.update(json.dumps([photo.photo_id, photo.listing_id, photo.category_path, photo.sha256]).encode())
    trunk = None if weights is None else weights_sha256(weights)
    decisive = {name: value for name, value in asdict(config).items() if name != "int8"}
    return [decisive, trunk, digest.hexdigest(), str(torch.__version__)]
