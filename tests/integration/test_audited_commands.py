"""The audit log has the commands that change something, and what calls have made."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from litestar.testing import TestClient

from db.rows.access import audit
from services.cli.serve import build_app
from services.resources import Resources
from services.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from tests.commands import RunCommand
    from tests.conftest import MakeJpeg


@pytest.fixture(autouse=True)
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOOKALIKE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("LOOKALIKE_INDEXES", "faiss")
    return tmp_path / "data"


def shown(lookalike: RunCommand) -> list[tuple[str, str, int, str | None]]:
    """The entries that `keys audit` prints, oldest first."""
    entries = json.loads(lookalike("keys", "audit", "--json").out)
    assert all("@" in entry["caller"] for entry in entries)
    return [(entry["method"], entry["path"], entry["status"], entry["resource"]) for entry in reversed(entries)]


def test_creating_and_revoking_a_key_is_audited(lookalike: RunCommand) -> None:
    key_id = lookalike("keys", "create", "--role", "read", "--name", "my shop").out.split("_")[1]
    lookalike("keys", "revoke", key_id)
    assert lookalike("keys", "revoke", "nothing").code == 1
    assert shown(lookalike) == [
        ("CLI", "keys create --role read --name 'my shop'", 0, f"key {key_id}"),
        ("CLI", f"keys revoke {key_id}", 0, f"key {key_id}"),
        ("CLI", "keys revoke nothing", 1, "key nothing"),
    ]


def test_replacing_the_signing_keys_is_audited(lookalike: RunCommand) -> None:
    lookalike("keys", "create", "--role", "read")
    assert lookalike("keys", "rotate").code == 0
    assert shown(lookalike)[1:] == [("CLI", "keys rotate", 0, "signing keys")]


def test_commands_that_change_something_are_audited_with_their_exit_code_and_others_are_not(
    lookalike: RunCommand, tmp_path: Path
) -> None:
    header = "id,product_name,category,product_description,price,location\n"
    (tmp_path / "listings.csv").write_text(f"{header}lamp,Lamp,Home,As new,£1,Delph\n")
    (tmp_path / "strange.csv").write_text("a,b\n")
    lookalike("ingest", "listings.csv")
    lookalike("ingest", "strange.csv")
    lookalike("keys", "list")
    lookalike("listings", "delete", "--listing", "lamp", "--dry-run")
    lookalike("listings", "delete", "--listing", "lamp", "--yes")
    assert lookalike("db", "tidy").code == 0
    found = shown(lookalike)
    assert [(path, status) for _, path, status, _ in found] == [
        ("ingest listings.csv", 0),
        ("ingest strange.csv", 1),
        ("listings delete --listing lamp --yes", 0),
        ("db tidy", 0),
    ]
    assert (found[0][3] or "").startswith("/v1/jobs/")


def test_a_call_that_makes_something_is_audited_with_the_path_of_what_it_made(data_dir: Path, jpeg: MakeJpeg) -> None:
    resources = Resources(Settings(_env_file=None, data_dir=data_dir, indexes="faiss", threads=1))
    with TestClient(build_app(resources)) as client:
        made = client.post("/v1/listings", json={"title": "Lamp", "category": "Home"})
        named = client.post("/v1/listings", json={"listing_id": "a/b é", "title": "Lamp", "category": "Home"})
        job = client.post("/v1/listings/bulk", files={"listings": ("a.csv", b"id,title,category\nx,X,Home\n")})
    with resources.database.read() as session:
        found = [entry.resource for entry in reversed(audit.newest_entries(session, limit=10))]
    resources.close()
    assert found == [made.headers["location"], named.headers["location"], job.headers["location"]]
    assert found == [
        f"/v1/listings/{made.json()['listing_id']}",
        "/v1/listings/a%2Fb%20%C3%A9",
        f"/v1/jobs/{job.json()['job_id']}",
    ]
