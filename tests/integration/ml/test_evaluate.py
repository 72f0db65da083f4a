"""`lookalike evaluate` on a small catalogue, and serving with a calibration."""

from __future__ import annotations

import json
import os
import shutil
from functools import partial
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock

import msgspec
import numpy as np
import pytest

from ml.bundle.bundle import Bundle
from ml.bundle.calibration import NEVER_CONFIDENT, Calibration
from ml.bundle.manifest import SplitRecord
from ml.bundle.score_map import ScoreMap
from ml.evaluation.report.figures import Report
from services.errors import BadInput
from services.ingest.models.evaluation import PAGE, EvaluationRequest, evaluate_model
from services.ingest.models.held_out import SplitMissing
from services.search.service import SearchService
from services.wire import SearchFields
from tests.projection import write_detecting
from tests.worlds import Marketplace, ingest, listing_row, marketplace, resources_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from services.resources import Resources
    from tests.commands import RunCommand
    from tests.conftest import MakeJpeg

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>'
MAP = ScoreMap((-1.0, 0.5, 0.9, 1.0), (0.0, 0.05, 0.5, 1.0))
CALIBRATION = Calibration(
    temperature=1.5, confident_from=0.4, confident_from_by_category={"Phones": 0.3}, score_map=MAP, photos=40
)
SPLIT = SplitRecord(
    0, 0.2, 0.4, train=("listing-0", "listing-1"), validation=("listing-2",), held_out=("listing-3", "listing-4")
)


@pytest.fixture(scope="module")
def with_manifest(tiny_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Bundle]:
    """Copies the tiny bundle with other values in its manifest that do not change its version."""

    def copy(**fields: Any) -> Bundle:
        folder = shutil.copytree(tiny_bundle.path, tmp_path_factory.mktemp("bundles") / "model")
        manifest = json.loads((folder / "model.json").read_text())
        manifest.update(msgspec.to_builtins(fields))
        (folder / "model.json").write_text(json.dumps(manifest))
        return Bundle.load(folder)

    return copy


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, jpeg: MakeJpeg) -> Path:
    """A folder with `shop`: the files of six listings; two have hostile texts."""
    folder = tmp_path_factory.mktemp("evaluate")
    made = marketplace(folder / "shop", jpeg, count=6)
    rows = [listing_row(number) for number in range(6)]
    for row in rows[3:5]:
        row[1] = f"{row[0]} {HOSTILE}"
    made.write_listings(rows)
    return folder


@pytest.fixture(scope="module")
def calibrated(with_manifest: Callable[..., Bundle]) -> Bundle:
    return with_manifest(calibration=CALIBRATION, split=SPLIT)


@pytest.fixture(scope="module")
def shop_data(place: Path, calibrated: Bundle) -> Path:
    """The data directory of the shop, with a calibrated model."""
    with resources_in(place / "closed", model=calibrated) as resources:
        ingest(resources, Marketplace(place / "shop").inputs)
    return place / "closed"


@pytest.fixture(scope="module")
def resources(place: Path, shop_data: Path, calibrated: Bundle) -> Iterator[Resources]:
    """The shop's resources; an evaluation does not change them."""
    with resources_in(place / "data", model=calibrated, like=shop_data) as resources:
        yield resources


@pytest.fixture
def evaluate(resources: Resources, place: Path, monkeypatch: pytest.MonkeyPatch, lookalike: RunCommand) -> RunCommand:
    """Runs `lookalike evaluate` without baselines."""
    monkeypatch.chdir(place)
    monkeypatch.setenv("LOOKALIKE_DATA_DIR", str(resources.settings.data_dir))
    monkeypatch.setenv("LOOKALIKE_PRECISION", "f32")
    return partial(lookalike, "evaluate", "--weights", "none")


class ParsedReport(HTMLParser):
    """The elements and the text of the report, as a browser parses them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_writes_both_report_files_with_equal_figures(evaluate, place: Path, tiny_bundle: Bundle) -> None:  # type: ignore[no-untyped-def]
    code, out, _ = evaluate("--json")
    assert code == 0
    folder = place / "data" / "reports" / tiny_bundle.version
    report = msgspec.json.decode((folder / "report.json").read_bytes(), type=Report)
    assert msgspec.json.decode(out, type=Report) == report
    assert (report.category.photos, report.setup.split.measured) == (4, 2)
    assert report.retrieval is not None
    assert (report.retrieval.queries, report.retrieval.gallery) == (4, 12)
    page = ParsedReport((folder / "report.html").read_text())
    assert f"{report.category.accuracy.value:.3f}" in page.text
    assert f"{report.retrieval.ours.recall_at_1.value:.3f}" in page.text


def test_prints_the_figures_and_the_reason_for_skipped_baselines(evaluate, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    _, out, _ = evaluate("--out", str(tmp_path / "there"))
    assert "same-listing recall@1" in out
    assert "--weights none" in out


@pytest.mark.slow
def test_prints_false_alarms_and_detected_pictures_of_a_model_with_a_detector(  # type: ignore[no-untyped-def]
    evaluate, calibrated: Bundle, jpeg: MakeJpeg, tmp_path: Path
) -> None:
    bundle = write_detecting(tmp_path / "model", calibrated, [jpeg(seed=seed) for seed in range(12)])
    _, out, _ = evaluate("--model", str(bundle.path), "--out", str(tmp_path / "there"))
    own, *drawn = [
        line.split() for line in out.splitlines() if "held-out photos (" in line or "drawn pictures:" in line
    ]
    assert own[4] == "0.000"  # its detector knows all photos of the shop
    assert [row[2] for row in drawn] == ["plain", "squares", "gradients", "noise", "text"]
    assert "Drawn pictures that belong in no catalogue" in (tmp_path / "there" / "report.html").read_text()


def test_escapes_hostile_listing_texts_in_the_report(evaluate, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    evaluate("--out", str(tmp_path / "there"))
    page = ParsedReport((tmp_path / "there" / "report.html").read_text())
    assert HOSTILE in page.text
    tags = {tag for tag, _ in page.elements}
    assert "script" not in tags
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)


def test_the_report_embeds_photos_and_loads_nothing(evaluate, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    evaluate("--out", str(tmp_path / "there"))
    page = ParsedReport((tmp_path / "there" / "report.html").read_text())
    sources = [str(attributes.get("src")) for tag, attributes in page.elements if tag == "img"]
    assert sources
    assert all(source.startswith("data:image/jpeg;base64,") for source in sources)
    assert not {"link", "iframe", "object"} & {tag for tag, _ in page.elements}
    assert any("default-src 'none'" in str(attributes.get("content")) for _, attributes in page.elements)


def test_compares_storage_types(resources: Resources, tmp_path: Path) -> None:
    report = evaluate_model(resources, EvaluationRequest(out=tmp_path / "there")).report
    assert {row.storage for row in report.tradeoffs} == {"float32", "float16", "int8"}
    assert {row.bytes_per_vector for row in report.tradeoffs} >= {128, 64, 32}  # 32 components
    assert any(row.best for row in report.tradeoffs)


def test_a_report_that_cannot_be_written_whole_leaves_the_old_one(
    resources: Resources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / PAGE
    page.write_text("the old report")
    monkeypatch.setattr(os, "fsync", Mock(side_effect=OSError(28, "No space left on device")))
    with pytest.raises(BadInput, match=r"No space left on device.*--out"):
        evaluate_model(resources, EvaluationRequest(out=tmp_path))
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [(PAGE, "the old report")]


def test_unseen_measures_on_listings_outside_training_and_validation(resources: Resources, tmp_path: Path) -> None:
    report = evaluate_model(resources, EvaluationRequest(out=tmp_path / "there", unseen=True)).report
    assert (report.setup.split.rule, report.setup.split.measured, report.setup.split.unknown) == ("unseen", 3, 1)
    assert report.category.photos == 6


def test_measures_a_bundle_in_a_folder_on_unseen_listings(
    resources: Resources, with_manifest: Callable[..., Bundle], tmp_path: Path
) -> None:
    elsewhere = with_other_ids(SPLIT)
    bundle = with_manifest(split=elsewhere)
    report = evaluate_model(
        resources, EvaluationRequest(model=str(bundle.path), out=tmp_path / "there", unseen=True)
    ).report
    assert (report.setup.split.measured, report.setup.split.missing) == (6, 2)
    assert report.category.before is None  # not calibrated
    assert report.scores is None


def with_other_ids(split: SplitRecord) -> SplitRecord:
    """Return the split with listing ids that are not in the data."""
    sides = {
        side: tuple(f"other-{one}" for one in getattr(split, side)) for side in ("train", "validation", "held_out")
    }
    return msgspec.structs.replace(split, **sides)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--model", "nothing"), "nothing"),
        (("--model", "shop"), "is not a model bundle"),
        (("--out", "shop/listings.csv"), "Name another folder with --out"),
    ],
)
def test_prints_one_error_line_with_the_reason(evaluate, arguments: tuple[str, str], words: str) -> None:  # type: ignore[no-untyped-def]
    code, _, error = evaluate(*arguments)
    assert code == 1
    (line,) = [line for line in error.splitlines() if line.startswith("Error: ")]
    assert words in line


def test_rejects_a_bundle_without_a_split(resources: Resources, with_manifest: Callable[..., Bundle]) -> None:
    bundle = with_manifest()
    with pytest.raises(SplitMissing, match="does not say which listings it was trained on"):
        evaluate_model(resources, EvaluationRequest(model=str(bundle.path)))


def test_search_shows_mapped_scores_in_the_order_of_the_index(
    resources: Resources, tiny_bundle: Bundle, tmp_path: Path, jpeg: MakeJpeg, shop_data: Path
) -> None:
    mapped = SearchService(resources).by_photo(jpeg(seed=1), SearchFields(k=6)).results
    with resources_in(tmp_path / "plain", model=tiny_bundle, like=shop_data) as plain:
        plain.ensure_generation()
        cosines = SearchService(plain).by_photo(jpeg(seed=1), SearchFields(k=6)).results
    assert [one.photo.listing.id for one in mapped] == [one.photo.listing.id for one in cosines]
    assert mapped[0].score == pytest.approx(1.0, abs=1e-3)
    pairs = [(one.score, MAP([other.score])[0]) for one, other in zip(mapped, cosines, strict=True) if other.score > 0]
    assert len(pairs) > 2  # without a map, a negative cosine is shown as 0
    np.testing.assert_allclose(*zip(*pairs, strict=True), atol=1e-3)


@pytest.mark.parametrize(("threshold", "confident"), [(0.0, True), (NEVER_CONFIDENT, False)])
def test_a_category_is_confident_at_the_calibrated_threshold(
    tmp_path: Path,
    live_data: Path,
    with_manifest: Callable[..., Bundle],
    jpeg: MakeJpeg,
    *,
    threshold: float,
    confident: bool,
) -> None:
    calibration = msgspec.structs.replace(CALIBRATION, confident_from=threshold)
    with resources_in(tmp_path / "data", model=with_manifest(calibration=calibration), like=live_data) as resources:
        resources.ensure_generation()
        assert SearchService(resources).classify([jpeg()]).confident is confident


def test_a_model_without_calibration_is_never_confident(
    tmp_path: Path, live_data: Path, tiny_bundle: Bundle, jpeg: MakeJpeg
) -> None:
    assert tiny_bundle.calibration is None
    with resources_in(tmp_path / "data", model=tiny_bundle, like=live_data) as resources:
        found = SearchService(resources).classify([jpeg()])
    assert not found.confident


def test_rejects_a_damaged_calibration_with_the_file(with_manifest: Callable[..., Bundle]) -> None:
    falling = {"cosines": [-1.0, 0.0, 1.0], "probabilities": [0.0, 0.0, 1.0]}
    with pytest.raises(ValueError, match=r"model\.json: is not a valid manifest .*probabilities must strictly ascend"):
        with_manifest(calibration={**msgspec.to_builtins(CALIBRATION), "score_map": falling})
