"""The OOD benchmark compares scores on held-out photos, drawn pictures and folders of foreign photos."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from ml.bundle.manifest import SplitRecord
from ml.sample.photo_edits import edited
from services.bench.inputs.random_photos import random_photo
from services.bench.ood import OodBenchmark, measure_ood, render
from services.bench.report import ResultTable
from services.errors import BadInput
from services.ingest.pipeline.progress import silent
from tests.projection import write_detecting
from tests.worlds import ingest, marketplace, resources_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ml.bundle.bundle import Bundle
    from services.resources import Resources
    from tests.commands import RunCommand
    from tests.conftest import MakeJpeg

SPLIT = SplitRecord(0, 0.2, 0.4, train=("listing-0",), validation=("listing-1",), held_out=("listing-2", "listing-3"))


@pytest.fixture(scope="module")
def resources(tmp_path_factory: pytest.TempPathFactory, tiny_bundle: Bundle, jpeg: MakeJpeg) -> Iterator[Resources]:
    """A shop of four listings; the model knows all their photos, and another shop's photos are foreign."""
    folder = tmp_path_factory.mktemp("ood")
    shop = marketplace(folder / "shop", jpeg, count=4)
    bundle = write_detecting(folder / "model", tiny_bundle, [jpeg(seed=seed) for seed in range(8)], split=SPLIT)
    with resources_in(folder / "data", model=bundle) as opened:
        ingest(opened, shop.inputs)
        yield opened


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory, jpeg: MakeJpeg) -> Path:
    """A folder with three foreign photos, and a file that is none."""
    folder = tmp_path_factory.mktemp("photos") / "elsewhere"
    folder.mkdir()
    for seed in range(100, 103):
        (folder / f"{seed}.jpg").write_bytes(jpeg(seed=seed))
    (folder / "notes.txt").write_text("not a photo")
    return folder


@pytest.fixture(scope="module")
def benchmark(resources: Resources, foreign: Path) -> OodBenchmark:
    return measure_ood(resources, model=None, folders=[foreign], limit=4, progress=silent, pictures=5)


def test_measures_on_held_out_photos_drawn_pictures_and_each_folder(benchmark: OodBenchmark) -> None:
    photos = {one.name: one.photos for one in benchmark.answers}
    assert photos == {
        "held out": 4,
        "plain": 5,
        "squares": 5,
        "gradients": 5,
        "noise": 5,
        "text": 5,
        "elsewhere": 3,
    }
    assert benchmark.references == 8


def test_a_held_out_listing_that_shows_a_copy_of_a_training_photo_is_not_measured(
    tmp_path: Path, tiny_bundle: Bundle, jpeg: MakeJpeg
) -> None:
    shop = marketplace(tmp_path / "shop", jpeg, count=4)
    original = Image.open(io.BytesIO(jpeg(seed=0)))
    shop.write_photo("photo-3-a", edited(original, "re-encoded", np.random.default_rng(0)))
    bundle = write_detecting(tmp_path / "model", tiny_bundle, [jpeg(seed=seed) for seed in range(8)], split=SPLIT)
    with resources_in(tmp_path / "data", model=bundle) as opened:
        ingest(opened, shop.inputs)
        figures = measure_ood(opened, model=None, folders=[], limit=1, progress=silent, pictures=1)
    assert (figures.answers[0].name, figures.answers[0].photos) == ("held out", 2)


def test_known_photos_are_in_distribution_and_foreign_ones_are_not_confident(benchmark: OodBenchmark) -> None:
    own, *_, elsewhere = benchmark.answers
    assert (own.detected, own.confident) == (0.0, own.confident_before)
    assert (elsewhere.detected, elsewhere.confident) == (1.0, 0.0)


def test_compares_the_served_score_with_others_on_each_foreign_set(benchmark: OodBenchmark) -> None:
    scores = {one.score: one for one in benchmark.candidates}
    assert next(iter(scores)) == "distance, k = 1, as served"
    assert {"distance, k = 5", "distance, 4 references", "cosine distance, k = 1", "energy", "maximum logit"} < set(
        scores
    )
    served = scores["distance, k = 1, as served"]
    assert list(served.sets) == ["plain", "squares", "gradients", "noise", "text", "elsewhere"]
    assert served.worst == served.sets["elsewhere"].auroc == 1.0
    assert scores["energy"].worst < 1.0


def test_the_report_shows_every_score_and_every_set(benchmark: OodBenchmark) -> None:
    _, answers, scores, _ = render(benchmark)
    assert isinstance(answers, ResultTable)
    assert isinstance(scores, ResultTable)
    assert [row[0] for row in answers.rows] == [one.name for one in benchmark.answers]
    assert [row[0] for row in scores.rows] == [one.score for one in benchmark.candidates]
    assert list(scores.columns) == ["score", "worst AUROC", *(one.name for one in benchmark.answers[1:])]


def test_the_command_says_when_the_model_has_no_detector(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_bundle: Bundle, live_data: Path, lookalike: RunCommand
) -> None:
    with resources_in(tmp_path / "data", model=tiny_bundle, like=live_data):
        monkeypatch.setenv("LOOKALIKE_DATA_DIR", str(tmp_path / "data"))
        code, _, problem = lookalike("bench", "ood")
    assert code == 1
    assert "has no OOD detector. Train a model with `lookalike train`." in " ".join(problem.split())


def test_rejects_a_folder_without_photos(resources: Resources, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not a photo")
    with pytest.raises(BadInput, match="None of these files is a photo"):
        measure_ood(resources, model=None, folders=[tmp_path], limit=1, progress=silent, pictures=1)
    with pytest.raises(BadInput, match="this folder cannot be read"):
        measure_ood(resources, model=None, folders=[tmp_path / "none"], limit=1, progress=silent, pictures=1)


@pytest.mark.parametrize("names", [["a/same", "b/same"], ["text"], ["held out"]])
def test_rejects_folders_whose_names_are_not_their_own(resources: Resources, tmp_path: Path, names: list[str]) -> None:
    folders = [tmp_path / name for name in names]
    for folder in folders:
        folder.mkdir(parents=True)
        (folder / "a.jpg").write_bytes(random_photo(1, (120, 90)))
    with pytest.raises(BadInput, match="a name of its own"):
        measure_ood(resources, model=None, folders=folders, limit=1, progress=silent)
