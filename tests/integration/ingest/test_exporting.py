"""`lookalike export` writes a bundle, or one line that says why it cannot."""

from __future__ import annotations

import json
import shutil
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from ml.bundle.bundle import Bundle
from services.errors import ModelUnusable
from services.ingest.models.exporting import CannotExport, export_model
from services.resources import Resources
from services.search.service import SearchService
from services.wire import SearchFields
from tests.worlds import ingest, marketplace, resources_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from services.settings import Settings
    from tests.commands import RunCommand
    from tests.conftest import MakeJpeg

pytestmark = pytest.mark.train


@pytest.fixture(scope="module")
def shop_data(resnet_bundle: Bundle, jpeg: MakeJpeg, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data directory of six listings, with a small network as the live model."""
    folder = tmp_path_factory.mktemp("exporting")
    with resources_in(folder / "data", model=resnet_bundle) as resources:
        ingest(resources, marketplace(folder / "shop", jpeg).inputs)
    return folder / "data"


@pytest.fixture(scope="module")
def resources(
    shop_data: Path, resnet_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory, small_trunks: None
) -> Iterator[Resources]:
    """Resources of the six listings; exporting changes nothing in them."""
    with resources_in(tmp_path_factory.mktemp("shop") / "data", model=resnet_bundle, like=shop_data) as resources:
        yield resources


@pytest.fixture(scope="module")
def with_int8(resources: Resources, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The live model, exported with an int8 graph."""
    out = tmp_path_factory.mktemp("exported") / "out"
    export_model(resources, out)
    return Bundle.load(out)


@pytest.fixture
def copied_data(shop_data: Path, tmp_path: Path) -> Settings:
    """Settings for a copy of the marketplace's data directory."""
    with resources_in(tmp_path / "copied", like=shop_data) as copied:
        return copied.settings


@pytest.fixture
def export(
    tmp_path: Path, resources: Resources, monkeypatch: pytest.MonkeyPatch, lookalike: RunCommand
) -> Callable[..., tuple[int, str, str]]:
    """Runs `lookalike export` and returns its exit code, standard output and the last line on standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOOKALIKE_DATA_DIR", str(resources.settings.data_dir))

    def run(*arguments: str) -> tuple[int, str, str]:
        code, out, err = lookalike("export", *arguments)
        return code, out, (err.splitlines() or [""])[-1]

    return run


def test_exports_the_live_model_with_an_int8_graph(export, tmp_path: Path, resnet_bundle: Bundle) -> None:  # type: ignore[no-untyped-def]
    code, out, _ = export("out", "--json")
    exported, bundle = json.loads(out), Bundle.load(tmp_path / "out")
    assert code == 0
    assert exported["version"] == bundle.version == resnet_bundle.version
    assert [one["precision"] for one in exported["precisions"]] == ["f32", "bf16", "int8"]
    int8 = exported["precisions"][2]
    assert int8["bytes"] == sum((tmp_path / "out" / f"model-int8.{end}").stat().st_size for end in ("xml", "bin"))
    assert int8["quality"]["loss"] == bundle.precisions["int8"].loss
    assert int8["quality"]["photos"] == 12


def test_prints_size_and_loss_of_every_precision(export) -> None:  # type: ignore[no-untyped-def]
    code, out, _ = export("out", "--no-int8")
    assert code == 0
    for fact in ("f32", "bf16", "MB", "loss in points", "not measured", "Written: out"):
        assert fact in out
    assert "int8" not in out


def test_does_not_quantise_without_int8(export, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    assert export("out", "--no-int8")[0] == 0
    assert not Bundle.load(tmp_path / "out").has_int8


def test_accepts_a_bundle_folder_or_a_version(export, tmp_path: Path, resnet_bundle: Bundle) -> None:  # type: ignore[no-untyped-def]
    for out, model in (("a", str(resnet_bundle.path)), ("b", resnet_bundle.version)):
        assert export(out, "--model", model, "--no-int8")[0] == 0
        assert Bundle.load(tmp_path / out).version == resnet_bundle.version


def test_refuses_to_overwrite_an_existing_folder(export, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "out").mkdir()
    code, _, error = export("out")
    assert code == 1
    assert error.startswith("Error: out already exists")
    assert list((tmp_path / "out").iterdir()) == []


def test_names_an_unknown_model(export) -> None:  # type: ignore[no-untyped-def]
    code, _, error = export("out", "--model", "nosuch")
    assert code == 1
    assert "'nosuch'" in error


def test_names_a_damaged_model_and_leaves_no_files(export, tmp_path: Path, resnet_bundle: Bundle) -> None:  # type: ignore[no-untyped-def]
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    (damaged / "model.json").write_text("{}")
    code, _, error = export("out", "--model", str(damaged))
    assert code == 1
    assert "damaged" in error
    assert not (tmp_path / "out").exists()


def test_names_a_folder_that_cannot_be_written(export, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "file").touch()
    code, _, error = export("file/out", "--no-int8")
    assert code == 1
    assert "file/out cannot be written" in error


def test_int8_without_photos_names_the_remedy(tmp_path: Path, resnet_bundle: Bundle) -> None:
    with (
        resources_in(tmp_path / "data") as resources,
        pytest.raises(CannotExport, match=r"no photos to quantise with.*Ingest the training listings"),
    ):
        export_model(resources, tmp_path / "out", model=str(resnet_bundle.path))
    assert not (tmp_path / "out").exists()


def test_int8_without_nncf_says_what_to_install(
    resources: Resources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "nncf", None)
    with pytest.raises(CannotExport, match=r"nncf.*make install"):
        export_model(resources, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_int8_query_finds_its_photo_among_vectors_of_another_precision(
    with_int8: Bundle, tmp_path: Path, jpeg: MakeJpeg
) -> None:
    with resources_in(tmp_path / "data", model=with_int8) as indexing:
        ingest(indexing, marketplace(tmp_path / "shop", jpeg).inputs)
        assert indexing.embedder().precision != "int8"
    with closing(Resources(indexing.settings.model_copy(update={"precision": "int8"}))) as serving:
        assert serving.embedder().precision == "int8"
        answer = SearchService(serving).by_photo(jpeg(seed=6), SearchFields(k=1))
    assert answer.results[0].photo.listing.id == "listing-3"


def test_a_copy_of_the_live_model_is_used_only_while_the_setting_names_it(
    with_int8: Bundle, copied_data: Settings, tmp_path: Path
) -> None:
    copy = shutil.copytree(with_int8.path, tmp_path / "copy")
    with closing(Resources(copied_data.model_copy(update={"model": copy, "precision": "int8"}))) as serving:
        serving.ensure_generation()
        serving.load_live_model()
        assert serving.embedder().precision == "int8"
    shutil.rmtree(copy)
    with closing(Resources(copied_data.model_copy(update={"model": None}))) as later:
        later.load_live_model()
        assert later.embedder().bundle.version == with_int8.version


def test_refuses_a_precision_that_the_live_model_lacks_at_the_start(copied_data: Settings) -> None:
    with (
        closing(Resources(copied_data.model_copy(update={"precision": "int8"}))) as serving,
        pytest.raises(ModelUnusable, match="no int8 graph"),
    ):
        serving.load_live_model()
