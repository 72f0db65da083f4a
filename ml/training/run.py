"""What the steps of one training share, and the steps whose outcome is kept in its folder: photos and descriptors.

Importing this imports torch.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from itertools import compress
from typing import TYPE_CHECKING, Any

import numpy as np

from ml.copies.hashes import near_duplicate_pairs, perceptual_hashes
from ml.network.openvino_runtime import available_cores
from ml.photos.decode import PhotoError
from ml.training.checkpoint import Checkpoint
from ml.training.descriptors import describe_photos, describer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import torch
    from numpy.typing import DTypeLike, NDArray

    from ml.labelled import LabelledPhoto
    from ml.network.model import LookalikeNet
    from ml.photos.preprocess import Preprocessing
    from ml.stages import Stages
    from ml.training.descriptors import Describe, View
    from ml.training.distributed import TrainingProcesses
    from ml.training.recipes import TrainConfig
    from ml.training.run_folder import RunFolder


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """What the steps of one training share."""

    config: TrainConfig
    device: torch.device
    folder: RunFolder
    stages: Stages
    workers: TrainingProcesses

    def array(
        self,
        stage: str,
        file: str,
        shape: tuple[int, ...],
        *,
        dtype: DTypeLike,
        fill: Callable[[NDArray[Any], Callable[[int, int], None]], None],
    ) -> NDArray[Any]:
        """Return an array that the first process makes, as a stage, unless an earlier run has made it."""

        def timed(array: NDArray[Any]) -> None:
            with self.stages.stage(stage) as progress:
                fill(array, progress)

        if self.workers.is_first:
            self.folder.array(file, shape, dtype, timed)
        self.workers.wait()
        return self.folder.array(file, shape, dtype, timed)

    def checkpoint(self, name: str) -> Checkpoint:
        """Return where an optimisation stands."""
        return Checkpoint(self.folder.path / f"{name}.pt", writes=self.workers.is_first)


@dataclass(frozen=True, slots=True)
class ReadablePhotos:
    """The readable photos: `rows`, int64 (n,), of `pixels`, uint8 (all, S, S, 3)."""

    photos: tuple[LabelledPhoto, ...]
    rows: NDArray[np.int64]
    pixels: NDArray[np.uint8]


def decode_all(photos: Sequence[LabelledPhoto], preprocessing: Preprocessing, run: TrainingRun) -> ReadablePhotos:
    """Decode the photos. Which could be decoded is an array of its own."""
    count, size = len(photos), preprocessing.size
    readable = np.zeros(count, dtype=np.bool_)

    def decode(pixels: NDArray[Any], progress: Callable[[int, int], None]) -> None:
        readable[:] = decode_photos(photos, preprocessing, into=pixels, threads=available_cores(), progress=progress)
        run.folder.array("readable", (count,), np.bool_, lambda array: array.__setitem__(slice(None), readable))

    pixels = run.array("decode photos", "pixels", (count, size, size, 3), dtype=np.uint8, fill=decode)
    kept = np.load(run.folder.path / "readable.npy")
    return ReadablePhotos(tuple(compress(photos, kept)), np.flatnonzero(kept), pixels)


def pairs_alike(decoded: ReadablePhotos, run: TrainingRun) -> NDArray[np.int64]:
    """Return the pairs of readable photos that show the same picture."""

    def hashes(array: NDArray[Any], progress: Callable[[int, int], None]) -> None:
        array[:] = perceptual_hashes(decoded.pixels[decoded.rows], progress)

    found = run.array("compare photos", "hashes", (len(decoded.rows),), dtype=np.uint64, fill=hashes)
    return near_duplicate_pairs(np.asarray(found))


def describe_views(
    network: LookalikeNet,
    pixels: NDArray[np.uint8],
    views: Mapping[str, View],
    run: TrainingRun,
    *,
    name: str = "descriptors",
) -> list[NDArray[np.float32]]:
    """Return the descriptors of each of several views of the photos, float32 (n, d).

    The views are named after their stages; `name` is that of the trunk as it is, of which there may be several.
    """
    graph = run.folder.path / f"{name}.xml"
    shape = (len(pixels), network.descriptor_size)

    @cache  # made by the process that describes, if there is something left to describe
    def describe_with() -> Describe:
        return describer(network, size=run.config.size, graph=graph, threads=available_cores())

    def describing(view: View) -> Callable[[NDArray[Any], Callable[[int, int], None]], None]:
        return lambda array, progress: describe_photos(describe_with(), pixels, view, into=array, progress=progress)

    return [
        run.array(stage, f"{name}-{number}", shape, dtype=np.float32, fill=describing(view))
        for number, (stage, view) in enumerate(views.items())
    ]


def decode_photos(
    photos: Sequence[LabelledPhoto],
    preprocessing: Preprocessing,
    *,
    into: NDArray[np.uint8],
    threads: int,
    progress: Callable[[int, int], None],
) -> NDArray[np.bool_]:
    """Decode photo i into row i of `into`, (n, S, S, 3), and return which could be: bool (n,).

    A photo that cannot be read or decoded leaves its row as it was. `progress` is told how many of how many are done.
    """

    def decode(row: int) -> bool:
        try:
            into[row] = preprocessing.load(photos[row].path.read_bytes())
        except (PhotoError, OSError):
            return False
        return True

    readable = np.zeros(len(photos), dtype=np.bool_)
    with ThreadPoolExecutor(threads) as executor:
        for row, succeeded in enumerate(executor.map(decode, range(len(photos)))):
            readable[row] = succeeded
            progress(row + 1, len(photos))
    return readable
