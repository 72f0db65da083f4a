"""No command, message, log or traceback shows a password of a setting; unusable database URLs get a sentence."""

from __future__ import annotations

import logging
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from litestar.testing import TestClient

from services.cli.serve import build_app
from services.database_urls import normal_database_url
from services.errors import LookalikeError
from services.redaction import RedactingFormatter, hide_secrets_of, redacted, redacted_path
from services.resources import Resources
from services.settings import Settings
from tests.worlds import resources_in

if TYPE_CHECKING:
    from pathlib import Path

    from ml.bundle.bundle import Bundle
    from tests.commands import RunCommand

PASSWORD, ENCODED = "pl4nted/s3cret", "pl4nted%2Fs3cret"
PARTS = ("pl4nted", "s3cret")

URLS = {
    "unreachable": ("DATABASE_URL", f"postgresql+psycopg://shop:{ENCODED}@127.0.0.1:1/shop"),
    "as a parameter": ("DATABASE_URL", f"postgresql+psycopg://127.0.0.1:1/shop?user=shop&password={ENCODED}"),
    "not encoded": ("DATABASE_URL", f"postgresql+psycopg://shop:{PASSWORD}@127.0.0.1:1/shop"),
    "a wrong port": ("DATABASE_URL", f"postgresql+psycopg://shop:{ENCODED}@127.0.0.1:abc/shop"),
    "another database": ("DATABASE_URL", f"mysql://shop:{ENCODED}@127.0.0.1/shop"),
    "an unknown option": ("DATABASE_URL", f"postgresql://shop:{ENCODED}@127.0.0.1:1/shop?bogus=1"),
    "no URL": ("DATABASE_URL", f"shop:{PASSWORD}@127.0.0.1"),
    "Qdrant": ("QDRANT_URL", f"http://shop:{ENCODED}@127.0.0.1:1"),
    "no URL of Qdrant": ("QDRANT_URL", f"shop:{PASSWORD}@127.0.0.1"),
    "Qdrant's key": ("QDRANT_API_KEY", PASSWORD),
    "a bucket": ("PHOTOS_URL", f"s3://shop:{ENCODED}@bucket/photos?endpoint_url=http://127.0.0.1:1"),
    "a store of another kind": ("PHOTOS_URL", f"gopher://shop:{ENCODED}@bucket"),
}

COMMANDS = [
    ["keys", "create", "--role", "read"],
    ["keys", "list"],
    ["keys", "revoke", "x"],
    ["keys", "audit"],
    ["db", "upgrade"],
    ["db", "check"],
    ["db", "tidy"],
    ["db", "tidy", "--erase"],
    ["ingest", "listings.csv"],
    ["search", "listings.csv"],
    ["classify", "listings.csv"],
    ["duplicates"],
    ["reindex"],
    ["index", "list"],
    ["index", "promote", "1"],
    ["index", "rollback"],
    ["index", "prune"],
    ["listings", "delete", "--yes"],
    ["verify"],
    ["verify", "--photos"],
    ["evaluate"],
    ["export", "out"],
    ["serve", "--port", "0"],
]


@pytest.mark.parametrize("case", URLS)
def test_no_command_prints_a_password_or_a_traceback(
    lookalike: RunCommand, case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    setting, url = URLS[case]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOOKALIKE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv(f"LOOKALIKE_{setting}", url)
    if setting == "QDRANT_API_KEY":
        monkeypatch.setenv("LOOKALIKE_QDRANT_URL", "http://127.0.0.1:1")
    (tmp_path / "listings.csv").write_text("a,b\n")
    for command in COMMANDS if setting == "DATABASE_URL" else [["keys", "create", "--role", "admin"], *COMMANDS]:
        if command[0] == "serve" and setting == "PHOTOS_URL" and url.startswith("s3"):
            continue  # it starts: a bucket is not asked before there is a photo
        told = lookalike(*command)
        printed = told.out + told.err
        assert [part for part in PARTS if part in printed] == [], f"{command}: {printed}"
        assert "Traceback" not in printed


@pytest.mark.parametrize("name", ["sig", "%73ig", "%53%49%47", "api%5fkey"])
@pytest.mark.parametrize("value", ["planted", "'planted", "a'planted", "a;planted", "<planted", "%27planted"])
def test_no_secret_of_a_query_is_shown_however_it_is_encoded(name: str, value: str) -> None:
    assert redacted_path("/v1/jobs", f"k=1&{name}={value}&v=2") == f"/v1/jobs?k=1&{name}=***&v=2"


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("nonsense", "not a URL"),
        ("postgresql://", "names no database"),
        ("postgresql://u:p@host", "names no database"),
        ("postgresql://u:p@host:abc/db", "port must be a number"),
        ("postgresql://u:p/w@host/db", "must be encoded"),
        ("postgresql://u:p#w@host/db", "must be encoded"),
        ("postgresql://u:p@host:99999/db", "up to 65535"),
        ("postgresql+psycopg2://u:p@host/db", "'psycopg2' is not supported"),
        ("mysql+pymysql://u:p@host/db", "'mysql' is not supported"),
        ("postgresql://u:p@host/db?bogus=1", "bogus"),
        ("sqlite://", "name a file"),
        ("sqlite:///:memory:", "name a file"),
        ("sqlite:///a.sqlite?mode=ro", "sqlite:///FILE"),
        ("sqlite+aiosqlite:///a.sqlite", "sqlite:///FILE"),
        ("://", "is not supported"),
    ],
)
def test_an_unusable_database_url_gets_a_sentence(
    lookalike: RunCommand, monkeypatch: pytest.MonkeyPatch, url: str, told: str
) -> None:
    monkeypatch.setenv("LOOKALIKE_DATABASE_URL", url)
    answer = lookalike("keys", "list")
    assert answer.code == 1
    assert answer.err.count("\n") == 1
    assert answer.err.startswith("Error: LOOKALIKE_DATABASE_URL: ")
    assert told in answer.err


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("postgres://u:p%40@host/db", "postgresql+psycopg://u:p%40@host/db"),
        ("postgresql://u@host:5432/db?sslmode=require", "postgresql+psycopg://u@host:5432/db?sslmode=require"),
        ("postgresql+psycopg:///db?host=%2Ftmp", "postgresql+psycopg:///db?host=%2Ftmp"),
        ("sqlite:////srv/data/a.sqlite", "sqlite:////srv/data/a.sqlite"),
        (" sqlite:///a.sqlite ", "sqlite:///a.sqlite"),
        ("", ""),
    ],
)
def test_common_forms_of_database_urls_work(url: str, normal: str) -> None:
    assert normal_database_url(url) == normal


def test_readiness_and_answers_hide_the_password_of_qdrant(
    tmp_path: Path, tiny_bundle: Bundle, live_data: Path
) -> None:
    with resources_in(tmp_path / "data", model=tiny_bundle, like=live_data) as first:
        changed = Settings(_env_file=None, data_dir=first.settings.data_dir, qdrant_url=URLS["Qdrant"][1], threads=1)
    resources = Resources(changed)
    with TestClient(build_app(resources), raise_server_exceptions=False) as client:
        ready = client.get("/health/ready")
        search = client.get("/v1/listings/x/similar", params={"engine": "qdrant"})
        consistency = client.get("/v1/admin/consistency")
    resources.close()
    assert "qdrant" in ready.json()["unavailable"]
    for answer in (ready, search, consistency):
        assert [part for part in PARTS if part in answer.text] == []


def test_logs_and_their_tracebacks_hide_passwords() -> None:
    hide_secrets_of(URLS["unreachable"][1])
    try:
        raise OSError(f"connecting to {URLS['unreachable'][1]} as {PASSWORD}")
    except OSError:
        record = logging.LogRecord("x", logging.ERROR, "f", 1, "to %s", (URLS["Qdrant"][1],), sys.exc_info())
    text = RedactingFormatter("%(message)s").format(record)
    assert "Traceback" in text
    assert [part for part in PARTS if part in text] == []


def test_the_traceback_of_an_error_that_nothing_catches_hides_passwords() -> None:
    program = (
        "from services.redaction import redact_logs_and_tracebacks, hide\n"
        f"hide({PASSWORD!r}); redact_logs_and_tracebacks()\n"
        f"raise ValueError('http://u:x@h and ' + {PASSWORD!r})"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "ValueError: http://u:***@h and ***" in done.stderr


def test_settings_do_not_show_their_secrets() -> None:
    settings = Settings(
        _env_file=None,
        database_url=URLS["unreachable"][1],
        qdrant_url=URLS["Qdrant"][1],
        qdrant_api_key=PASSWORD,
        photos_url=URLS["a bucket"][1],
    )
    assert [part for part in PARTS if part in f"{settings!r} {settings}"] == []


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("at http://user:pass@host:6333/x", "at http://user:***@host:6333/x"),
        ("https://host:8443/img@2x.jpg", "https://host:8443/img@2x.jpg"),
        ("s3://b/p?key=AK&secret=SK&region=eu", "s3://b/p?key=***&secret=***&region=eu"),
        ("host=h password=abc user=u", "host=h password=*** user=u"),
        ("`lookalike keys create --role admin`", "`lookalike keys create --role admin`"),
    ],
)
def test_only_passwords_are_hidden(text: str, shown: str) -> None:
    assert redacted(text) == shown
    assert str(LookalikeError(text)) == shown
