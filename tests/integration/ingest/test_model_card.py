"""The REST calls that describe the live model."""

from __future__ import annotations

import os
import shutil
import time
from functools import partial
from typing import TYPE_CHECKING
from unittest.mock import Mock

import pytest
from litestar.testing import TestClient
from sqlalchemy import delete

from db.models import ApiKey, Role
from db.rows.access import audit, keys
from services.ingest.app import create_app
from services.ingest.models.evaluation import PAGE, report_folder
from services.signing import Purpose, Signer
from services.web.access.signed_urls import signed_report
from tests.worlds import resources_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from litestar import Litestar

    from ml.bundle.bundle import Bundle
    from services.resources import Resources


@pytest.fixture(scope="module")
def resources(tmp_path_factory: pytest.TempPathFactory, tiny_bundle: Bundle, live_data: Path) -> Iterator[Resources]:
    with resources_in(tmp_path_factory.mktemp("card") / "data", model=tiny_bundle, like=live_data) as opened:
        yield opened


@pytest.fixture(scope="module")
def client(resources: Resources) -> Iterator[TestClient[Litestar]]:
    with TestClient(create_app(resources), raise_server_exceptions=False) as opened:
        yield opened


@pytest.fixture
def report(resources: Resources, tiny_bundle: Bundle) -> Iterator[Path]:
    """Where the live model's report lies, in a folder that is removed afterwards."""
    page = report_folder(resources.settings, tiny_bundle.version) / PAGE
    page.parent.mkdir(parents=True)
    yield page
    shutil.rmtree(page.parent)


def test_returns_the_card_of_the_live_model(client: TestClient[Litestar], tiny_bundle: Bundle) -> None:
    card = client.get("/v1/admin/model").json()
    assert card["model_version"] == tiny_bundle.version
    assert card["categories"] == list(tiny_bundle.categories)
    assert card["metrics"] == dict(tiny_bundle.metrics)
    assert card["photo_size"] == tiny_bundle.preprocessing.size
    assert card["report_url"] is None


def test_serves_the_report_and_forbids_it_to_load_anything(
    client: TestClient[Litestar], tiny_bundle: Bundle, report: Path
) -> None:
    report.write_text("<!doctype html><p>R@1 0.675 ü", encoding="utf-8")
    card = client.get("/v1/admin/model").json()
    assert card["report_url"] == f"/v1/admin/model/report?v={tiny_bundle.version}"
    for path in ("/v1/admin/model/report", card["report_url"]):
        answer = client.get(path)
        assert answer.text == "<!doctype html><p>R@1 0.675 ü"
        policy = answer.headers["content-security-policy"].split("; ")
        assert {"default-src 'none'", "sandbox", "frame-ancestors 'self'"} <= set(policy)
        assert answer.headers["x-frame-options"] == "SAMEORIGIN"
    assert client.get("/v1/admin/model/report?v=gone").status_code == 409


def test_the_report_of_unseen_listings_is_served_where_it_is_the_newest(
    client: TestClient[Litestar], resources: Resources, tiny_bundle: Bundle, request: pytest.FixtureRequest
) -> None:
    for age, name in enumerate((f"{tiny_bundle.version}-unseen", tiny_bundle.version)):
        page = report_folder(resources.settings, name) / PAGE
        page.parent.mkdir(parents=True)
        request.addfinalizer(partial(shutil.rmtree, page.parent))
        page.write_text(name)
        os.utime(page, (1_000_000_000 - age,) * 2)
    assert client.get("/v1/admin/model/report").text == f"{tiny_bundle.version}-unseen"


def test_a_missing_report_is_not_found_and_the_problem_names_the_command(client: TestClient[Litestar]) -> None:
    answer = client.get("/v1/admin/model/report")
    assert answer.status_code == 404
    assert "lookalike evaluate" in answer.json()["detail"]


@pytest.fixture
def key(resources: Resources) -> Iterator[dict[str, str]]:
    """The header of an admin key, which is removed afterwards, so that the other tests need none."""
    with resources.database.write() as session:
        secret = keys.create_key(session, "admin", Role.ADMIN)
    yield {"Authorization": f"Bearer {secret}"}
    with resources.database.write() as session:
        session.execute(delete(ApiKey))


def test_a_frame_opens_the_report_without_a_key_for_five_minutes(
    resources: Resources, tiny_bundle: Bundle, key: dict[str, str], report: Path
) -> None:
    report.write_text("the report")
    with TestClient(create_app(resources), raise_server_exceptions=False) as client:
        assert client.get("/v1/admin/model/report").status_code == 401
        url = client.get("/v1/admin/model", headers=key).json()["report_url"]
        assert client.get(url).text == "the report"
        for forged in (url.replace("v=", "v=x"), url[:-4] + "AAA=", url.replace("/report?", "?")):
            assert client.get(forged).status_code in (400, 401), forged
        old = Signer(resources.database, clock=lambda: time.time() - 7 * 60)
        sig = old.signature(Purpose.REPORT, signed_report(tiny_bundle.version))
        expired = client.get("/v1/admin/model/report", params={"v": tiny_bundle.version, "sig": sig})
        assert (expired.status_code, "has expired" in expired.text) == (400, True)
        photo_sig = resources.signer.signature(Purpose.PHOTO, signed_report(tiny_bundle.version))
        other = client.get("/v1/admin/model/report", params={"v": tiny_bundle.version, "sig": photo_sig})
        assert other.status_code == 400


def test_the_audit_log_has_reports_opened_by_signature_and_no_signature(
    resources: Resources, tiny_bundle: Bundle, key: dict[str, str], report: Path
) -> None:
    report.write_text("the report")
    with TestClient(create_app(resources), raise_server_exceptions=False) as client:
        url = client.get("/v1/admin/model", headers=key).json()["report_url"]
        for opened in (url, url.replace("sig=", "%73ig=")):
            assert client.get(opened).status_code == 200
        client.get(url.replace("/report?", "?"))
    with resources.database.read() as session:
        entries = [(one.path, one.status) for one in audit.newest_entries(session, limit=3)]
    query, call = f"v={tiny_bundle.version}&sig=***", "/v1/admin/model/report"
    encoded = query.replace("sig", "%73ig")
    assert entries == [(f"/v1/admin/model?{query}", 401), (f"{call}?{encoded}", 200), (f"{call}?{query}", 200)]


@pytest.mark.parametrize("may_read", [True, False])
def test_a_report_that_cannot_be_read_is_a_problem_that_names_it_and_the_command(
    resources: Resources,
    report: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    may_read: bool,
) -> None:
    report.write_bytes(b"<p>\xff")
    if not may_read:
        monkeypatch.setattr(type(report), "read_text", Mock(side_effect=PermissionError(13, "Permission denied")))
    # an app of its own: the other may still know the key of an earlier test
    with TestClient(create_app(resources), raise_server_exceptions=False) as client:
        answer = client.get("/v1/admin/model/report")
    assert (answer.status_code, PAGE in answer.text, "lookalike evaluate" in answer.text) == (503, True, True)
