"""From labelled photos to a trained network, and what it is worth. Importing this imports torch.

decode ─▶ split by listing ─┬─▶ random trunk: train all of it ─▶ describe ──────────┐
                            └─▶ frozen trunk: describe ─▶ train the heads ─▶ fold ──┴─▶ evaluate
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch

from ml.arrays import DecodedPhotos, decode_photos
from ml.data import Split, item_of_listing, split_by_listing
from ml.device import precision_name, training_device
from ml.embedder import available_cores
from ml.evaluate import Metrics, evaluate
from ml.features import as_it_is, cropped, describe_photos, describer, mirrored
from ml.fit import Labels, fit_heads, fit_network
from ml.heads import WhitenedHeads, fit_whitening
from ml.model import LookalikeNet
from ml.preprocess import Preprocessing
from ml.recipes import TrainConfig, TrainingError
from ml.stages import Progress, Stages
from ml.weights import batch_norms_are_folded, load_state_dict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from ml.data import LabelledPhoto
    from ml.features import View

    _Learnt: TypeAlias = tuple[tuple[float, ...], NDArray[np.float32]]
    """Each epoch's mean loss, and the descriptors of all photos, (n, 3584)."""

RECORD = "training.json"
"""The file in the output folder that holds the run record and the metrics."""


@dataclass(frozen=True, slots=True)
class RunRecord:
    """How a network came to be, for its bundle.

    Attributes:
        device, precision: what the training computed on and in.
        folded_batch_norms: whether those of the ImageNet weights were; None without such weights.
        photos, unreadable: how many were decoded, and how many could not be.
        losses: the mean loss of each epoch.
        seconds: how long each stage took.
        held_out_listings: the listings that the metrics were measured on, ascending.
    """

    config: TrainConfig
    device: str
    precision: str
    threads: int
    torch_version: str
    folded_batch_norms: bool | None
    photos: int
    unreadable: int
    losses: tuple[float, ...]
    seconds: dict[str, float]
    held_out_listings: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class TrainResult:
    """A trained network and its worth.

    Attributes:
        network: on the CPU, in evaluation mode.
        categories: the names of its classes, in the order of the probabilities.
        metrics: measured on `split.held_out`.
    """

    network: LookalikeNet
    categories: tuple[str, ...]
    preprocessing: Preprocessing
    metrics: Metrics
    split: Split
    record: RunRecord


def train(
    photos: Sequence[LabelledPhoto], config: TrainConfig, *, weights: Path | None, out: Path, progress: Progress
) -> TrainResult:
    """Train a network as `config` says, and measure it on the listings that it holds out.

    The same photos, config and machine give the same network. Sets torch's number of threads for the whole process.

    Args:
        weights: ImageNet weights for a frozen trunk; None for a random one.
        out: a folder for `training.json` and, while this runs, for 150 KB per photo at 224 px.

    Raises:
        TrainingError: the photos are too few, the weights and the config do not go together, or training diverged.
        OSError: `out` cannot be written.
    """
    if (weights is not None) != (config.trunk == "frozen"):
        given = "without" if weights is None else "together with"
        raise TrainingError(
            f"a {config.trunk} trunk was asked for {given} ImageNet weights",
            "Train a frozen trunk with ImageNet weights, or a random one without",
        )
    torch.set_num_threads(available_cores())
    out.mkdir(parents=True, exist_ok=True)
    stages = Stages(progress)
    with TemporaryDirectory(prefix="arrays-", dir=out) as folder:
        result = _train(photos, weights, _Run(config, training_device(), Path(folder), stages))
    summary = {**result.record.to_json(), "metrics": result.metrics.by_name()}
    (out / RECORD).write_text(json.dumps(summary, indent=2))
    return result


@dataclass(frozen=True, slots=True)
class _Run:
    """What the steps of one training share; `folder` is where its arrays lie while it lasts."""

    config: TrainConfig
    device: torch.device
    folder: Path
    stages: Stages


def _train(photos: Sequence[LabelledPhoto], weights: Path | None, run: _Run) -> TrainResult:
    preprocessing = Preprocessing(run.config.size)
    decoded = _decode(photos, preprocessing, run)
    split = _split(decoded.photos, run.config)
    categories = tuple(sorted({photo.category for photo in decoded.photos}))
    network = _initial_network(len(categories), preprocessing, run)
    labels = _labels(decoded.photos, split, categories)
    folded = None if weights is None else _load_trunk(network, weights)
    learn = _train_whole if weights is None else _train_heads
    losses, descriptors = learn(network, decoded.pixels, labels, run)
    network.cpu().to(memory_format=torch.contiguous_format)
    with run.stages.stage("evaluate"):
        metrics = _measure(network, descriptors, decoded.photos, split, categories)
    record = RunRecord(
        config=run.config,
        device=run.device.type,
        precision=precision_name(run.device),
        threads=torch.get_num_threads(),
        torch_version=str(torch.__version__),
        folded_batch_norms=folded,
        photos=len(decoded.photos),
        unreadable=decoded.unreadable,
        losses=losses,
        seconds=run.stages.seconds,
        held_out_listings=tuple(sorted({photo.listing_id for photo in split.held_out})),
    )
    return TrainResult(network, categories, preprocessing, metrics, split, record)


def _decode(photos: Sequence[LabelledPhoto], preprocessing: Preprocessing, run: _Run) -> DecodedPhotos:
    """Decode the photos in the order of their ids, so that nothing depends on the order they were given in."""
    ordered = sorted(photos, key=lambda photo: photo.photo_id)
    with run.stages.stage("decode photos") as progress:
        return decode_photos(
            ordered,
            preprocessing,
            file=run.folder / "pixels.npy",
            threads=available_cores(),
            progress=progress,
        )


def _split(photos: Sequence[LabelledPhoto], config: TrainConfig) -> Split:
    split = split_by_listing(photos, config.held_out, seed=config.seed)
    if not split.held_out or len({photo.listing_id for photo in split.train}) < 2:
        listings = len({photo.listing_id for photo in photos})
        raise TrainingError(
            f"{listings} listings with a readable photo are too few to learn from some and measure on others",
            "Train on at least five listings of one category",
        )
    return split


def _initial_network(categories: int, preprocessing: Preprocessing, run: _Run) -> LookalikeNet:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(run.config.seed)
        network = LookalikeNet(categories, run.config.vector_size, mean=preprocessing.mean, std=preprocessing.std)
    if run.config.trunk == "random":
        network.prepare_for_random_trunk()
    # Channels last: convolutions in bf16 have fast kernels for that layout only, and the photos come in it.
    network.eval().to(run.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network


def _load_trunk(network: LookalikeNet, weights: Path) -> bool:
    """Put ImageNet weights into the trunk; return whether their batch norms are folded."""
    state = load_state_dict(weights)
    network.trunk.load_state_dict({name: value for name, value in state.items() if not name.startswith("fc.")})
    return batch_norms_are_folded(state)


def _labels(photos: Sequence[LabelledPhoto], split: Split, categories: Sequence[str]) -> Labels:
    row_of = {photo.photo_id: row for row, photo in enumerate(photos)}
    item_of = item_of_listing(photos)
    code_of = {item: code for code, item in enumerate(sorted(set(item_of.values())))}
    return Labels(
        rows=np.array([row_of[photo.photo_id] for photo in split.train]),
        categories=np.array([categories.index(photo.category) for photo in split.train]),
        items=np.array([code_of[item_of[photo.listing_id]] for photo in split.train]),
    )


def _train_whole(network: LookalikeNet, pixels: NDArray[np.uint8], labels: Labels, run: _Run) -> _Learnt:
    with run.stages.stage("train") as progress:
        losses = fit_network(network, pixels, labels, config=run.config, progress=progress)
    (descriptors,) = _describe(network, pixels, {"describe photos": as_it_is}, run)
    return losses, descriptors


def _train_heads(network: LookalikeNet, pixels: NDArray[np.uint8], labels: Labels, run: _Run) -> _Learnt:
    config = run.config
    crops = {f"describe crops, {n} of {config.crops}": cropped(config.seed + n) for n in range(1, config.crops + 1)}
    views = _describe(
        network, pixels, {"describe photos": as_it_is, "describe mirrored photos": mirrored, **crops}, run
    )
    with run.stages.stage("train") as progress, torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        descriptors = [torch.from_numpy(view) for view in views]
        learnt_from = torch.cat([view[labels.rows] for view in descriptors])
        whitening = fit_whitening(learnt_from, size=config.whitened_size, power=config.whitening_power)
        whitened = torch.stack([whitening(view) for view in descriptors])
        heads = WhitenedHeads(
            whitened.shape[2],
            vector_size=config.vector_size,
            categories=network.category_head.out_features,
            dropout=config.dropout,
        )
        heads.project_principal_components(whitened[:, labels.rows].flatten(0, 1))
        losses = fit_heads(heads, whitened, labels, config=config, progress=progress)
        heads.fold_into(network, whitening)
    return losses, views[0]


def _describe(
    network: LookalikeNet, pixels: NDArray[np.uint8], views: Mapping[str, View], run: _Run
) -> list[NDArray[np.float32]]:
    """Return the descriptors of each of several views of the photos, named after their stages: float32 (n, 3584)."""
    describe = describer(network, size=run.config.size, graph=run.folder / "trunk.xml", threads=available_cores())
    found = []
    for number, (stage, view) in enumerate(views.items()):
        with run.stages.stage(stage) as progress:
            file = run.folder / f"descriptors-{number}.npy"
            found.append(describe_photos(describe, pixels, view, file=file, progress=progress))
    return found


def _measure(
    network: LookalikeNet,
    descriptors: NDArray[np.float32],
    photos: Sequence[LabelledPhoto],
    split: Split,
    categories: Sequence[str],
) -> Metrics:
    with torch.inference_mode():
        vectors, probabilities = network.predict(torch.from_numpy(descriptors))
    held_out = {photo.photo_id for photo in split.held_out}
    rows = np.array([row for row, photo in enumerate(photos) if photo.photo_id in held_out])
    return evaluate(photos, vectors.numpy(), probabilities.numpy(), categories=categories, held_out=rows)
