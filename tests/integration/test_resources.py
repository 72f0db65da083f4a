"""The composition root: the model that it starts with, and the errors for stores that cannot be reached."""

from __future__ import annotations

import shutil
import threading
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from litestar.testing import TestClient

from db.rows import generations
from db.session import Database
from ml.bundle.bundle import Bundle
from ml.bundle.manifest import INT8_FILES, REFERENCES, WEIGHTS, Fingerprint, fingerprint
from ml.sample import MODEL
from services.cli.serve import ServedApp, build_app
from services.errors import ModelUnusable, ServiceUnavailable
from services.resources import Resources
from services.settings import Settings
from tests.databases import migrated_database_url
from tests.projection import write_projection
from tests.worlds import resources_in

if TYPE_CHECKING:
    from pathlib import Path

NOBODY = "127.0.0.1:9"
"""Nothing listens on the port of the discard service here."""


def test_copies_the_given_model_to_the_data_directory(tiny_bundle: Bundle, tmp_path: Path) -> None:
    given = shutil.copytree(tiny_bundle.path, tmp_path / "given")
    with resources_in(tmp_path / "data", model=Bundle.load(given)) as resources:
        resources.ensure_generation()
    shutil.rmtree(given)
    with resources_in(tmp_path / "data") as resources:
        assert resources.embedder().bundle.version == tiny_bundle.version


def test_serves_the_live_model_when_the_given_one_is_missing(
    tiny_bundle: Bundle, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    given = Bundle.load(shutil.copytree(tiny_bundle.path, tmp_path / "given"))
    with resources_in(tmp_path / "data", model=given) as resources:
        resources.ensure_generation()
    shutil.rmtree(given.path)
    with resources_in(tmp_path / "data", model=given) as resources, caplog.at_level("WARNING", "services"):
        resources.ensure_generation()
        assert resources.embedder().bundle.version == tiny_bundle.version
    assert f"LOOKALIKE_MODEL cannot be used: {given.path}" in caplog.text


def test_warns_about_a_given_model_that_is_not_the_live_one(
    tiny_bundle: Bundle, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = write_projection(tmp_path / "other", seed=1)
    with resources_in(tmp_path / "data", model=tiny_bundle) as resources:
        resources.ensure_generation()
    with resources_in(tmp_path / "data", model=other) as resources, caplog.at_level("WARNING", "services.resources"):
        resources.ensure_generation()
        assert resources.embedder().bundle.version == tiny_bundle.version
    assert f"lookalike reindex --model {other.path}" in caplog.text


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> Counter[Path]:
    """How often each file of a bundle is hashed."""
    counts: Counter[Path] = Counter()

    def count(file: Path) -> Fingerprint:
        counts[file] += 1
        return fingerprint(file)

    monkeypatch.setattr("ml.bundle.bundle.fingerprint", count)
    return counts


def test_each_start_hashes_the_files_of_the_model_once(
    tiny_bundle: Bundle, tmp_path: Path, hashed: Counter[Path]
) -> None:
    for _ in range(2):
        hashed.clear()
        with resources_in(tmp_path, model=tiny_bundle) as resources:
            resources.ensure_generation()
            resources.load_live_model()
            resources.ensure_generation()  # as every ingest job does
        assert hashed == Counter(tiny_bundle.path / name for name in tiny_bundle.files)


def test_the_first_start_of_the_demo_hashes_its_model_once(tmp_path: Path, hashed: Counter[Path]) -> None:
    with resources_in(tmp_path) as resources:
        resources.begin_with(MODEL)
        resources.load_live_model()
    assert hashed == Counter(MODEL / name for name in (*INT8_FILES, REFERENCES))


def test_a_bundle_that_changed_on_disk_is_verified_again(tiny_bundle: Bundle, tmp_path: Path) -> None:
    copy = shutil.copytree(tiny_bundle.path, tmp_path / "copy")
    with resources_in(tmp_path / "data") as resources:
        resources.models.load(copy)
        weights = copy / WEIGHTS
        weights.write_bytes(weights.read_bytes()[:-1] + b"?")
        with pytest.raises(ModelUnusable, match="is damaged"):
            resources.models.load(copy)


@pytest.mark.postgres
def test_only_one_of_several_starting_processes_makes_the_first_generation(tiny_bundle: Bundle, tmp_path: Path) -> None:
    with migrated_database_url("postgresql", tmp_path) as url:

        def start(number: int) -> None:
            with resources_in(tmp_path / f"data-{number}", model=tiny_bundle, database_url=url) as resources:
                resources.ensure_generation()

        threads = [threading.Thread(target=start, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        database = Database(url)
        with database.read() as session:
            assert [one.state for one in generations.generations(session)] == ["live"]
        database.close()


def test_names_an_unreachable_database_without_its_password(tmp_path: Path) -> None:
    url = f"postgresql+psycopg://user:secret@{NOBODY}/lookalike"
    away = rf"user:\*\*\*@{NOBODY}/lookalike cannot be used \(.*refused"
    with (
        resources_in(tmp_path, database_url=url) as resources,
        pytest.raises(ServiceUnavailable, match=away) as problem,
    ):
        resources.check_stores()
    assert "secret" not in str(problem.value)


def test_names_an_unreachable_qdrant_server(tmp_path: Path) -> None:
    with (
        resources_in(tmp_path, qdrant_url=f"http://{NOBODY}") as resources,
        pytest.raises(ServiceUnavailable, match=f"Qdrant at http://{NOBODY} cannot be reached"),
    ):
        resources.check_stores()


def test_accepts_a_qdrant_key_over_plain_http_without_a_warning(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, data_dir=tmp_path, qdrant_url=f"http://{NOBODY}", qdrant_api_key="key")
    resources = Resources(settings)  # warnings are errors here
    assert [store.engine for store in resources.stores] == ["faiss", "qdrant"]
    resources.close()


@pytest.mark.parametrize(
    ("app", "answers", "answers_not"),
    [(ServedApp.SEARCH, "/v1/categories", "/v1/jobs"), (ServedApp.INGEST, "/v1/jobs", "/v1/categories")],
)
def test_serves_each_app_on_its_own(resources: Resources, app: ServedApp, answers: str, answers_not: str) -> None:
    with TestClient(build_app(resources, app)) as client:
        assert client.get(answers).status_code == 200
        assert client.get(answers_not).status_code == 404
        assert client.get("/health/ready").status_code == 200


def test_answers_503_for_consistency_when_an_index_is_unreachable(
    resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_index: object) -> None:
        raise ConnectionError("Qdrant went away")

    with TestClient(build_app(resources)) as client:
        monkeypatch.setattr(type(resources.live.current().index("qdrant")), "held", away)
        answer = client.get("/v1/admin/consistency")
    assert answer.status_code == 503
    assert "The qdrant index is unavailable: Qdrant went away" in answer.json()["detail"]
