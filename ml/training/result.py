"""The result of a training run: the network, its metrics, and the record of how it was trained."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ml.bundle.manifest import ModelDescription, SplitRecord

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ml.bundle.calibration import Calibration
    from ml.bundle.fusion import TextModel
    from ml.bundle.ood import OodDetector
    from ml.network.model import LookalikeNet
    from ml.photos.preprocess import Preprocessing
    from ml.training.dataset.split import Split
    from ml.training.optimise import History
    from ml.training.recipes import TrainConfig
    from ml.training.run.run_folder import RunFolder


@dataclass(frozen=True, slots=True)
class RunRecord:
    """How a network was trained, for its bundle.

    Attributes:
        device: type of the device, such as `cpu`.
        precision: of the computation on that device.
        processes: number of processes.
        folded_batch_norms: whether the pretrained weights had folded batch norms; None without such weights.
        photos: number of decoded photos.
        unreadable: number of photos that could not be decoded.
        classes: number of classes of the network.
        history: losses and validation scores by epoch.
        unfrozen_history: the same for the end of the trunk, if it was trained.
        unfrozen_kept: whether the network has the trained end of the trunk; validation decides.
        seconds: duration of each stage in this process, without stages that an earlier process finished.
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
    """A trained network and its measured quality.

    Attributes:
        network: on the CPU, in evaluation mode, calibrated.
        categories: names, in the order of the probabilities.
        metrics: measured on `split.held_out`, by name.
        calibration: fitted on `split.validation`; None if that is empty.
        ood: tells photos that resemble no photo of `split.train`; None if `split.validation` is too small.
        text: tells the category from words; None if the training listings have none in common.
        folder: of the run; call `folder.clear()` once the network is saved elsewhere.
        writes_files: whether this process writes files; False only in later processes of `torchrun`.
    """

    network: LookalikeNet
    categories: tuple[str, ...]
    preprocessing: Preprocessing
    metrics: Mapping[str, float]
    calibration: Calibration | None
    ood: OodDetector | None
    text: TextModel | None
    split: Split
    record: RunRecord
    folder: RunFolder
    writes_files: bool

    def description(self) -> ModelDescription:
        """Return the description of the network for its bundle."""
        return ModelDescription(
            categories=self.categories,
            preprocessing=self.preprocessing,
            metrics=self.metrics,
            record=self.record.to_json(),
            calibration=self.calibration,
            split=self.split_record(),
            ood=self.ood,
            text=self.text,
        )

    def split_record(self) -> SplitRecord:
        """Return the listing ids of each side, for the bundle."""
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
