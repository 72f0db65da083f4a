"""A command that is refused in a new data directory has written nothing: no database, and no reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from services.cli.terminal.ports import CannotListen, check_port

if TYPE_CHECKING:
    from pathlib import Path

    from tests.commands import RunCommand

HEADER = "id,product_name,category,product_description,price,location\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, without a data directory, with a listings file and the reports of an earlier ingest."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOOKALIKE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setattr("services.cli.serve.check_port", lambda *_arguments, **_named: None)
    monkeypatch.setattr("services.cli.demo.check_port", lambda *_arguments, **_named: None)
    (tmp_path / "shop.csv").write_text(f"{HEADER}a,Item,Phones,,£1,Leeds\n")
    (tmp_path / "orders.csv").write_text("number,customer\n1,Ann\n")
    for name in ("rejects.csv", "warnings.csv"):
        (tmp_path / name).write_text("of an earlier ingest")
    return tmp_path


def contents(folder: Path) -> dict[str, bytes | None]:
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("serve --host 0.0.0.0", "without an API key"),
        ("demo --host 0.0.0.0 --data-dir data/demo", "without an API key"),
        ("ingest nothing.csv", "nothing.csv: cannot be read (No such file or directory)"),
        ("ingest nothing.csv --dry-run", "nothing.csv: cannot be read"),
        ("ingest notes.doc1", "unknown file name extension"),
        ("ingest orders.csv", "missing"),
        ("ingest shop.csv --photo-dir nowhere", "nowhere: cannot be read"),
        ("ingest shop.csv --photos-table nothing.csv --photo-dir .", "nothing.csv: cannot be read"),
        ("ingest shop.csv --photos-table shop.csv --photo-dir .", "product_id"),
        ("ingest shop.csv --photos-table shop.csv", "a photo table without photos"),
    ],
)
def test_a_refused_command_writes_nothing(lookalike: RunCommand, folder: Path, command: str, words: str) -> None:
    before = contents(folder)
    code, _, error = lookalike(*command.split())
    assert (code, words in error) == (1, True)
    assert contents(folder) == before


@pytest.mark.parametrize("command", ["serve", "worker", "ingest shop.csv"])
def test_a_first_model_that_is_no_bundle_is_refused_before_a_database_is_made(
    lookalike: RunCommand, folder: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("LOOKALIKE_MODEL", "nowhere")
    before = contents(folder)
    code, _, error = lookalike(*command.split())
    assert (code, "nowhere: is not a folder" in error) == (1, True)
    assert contents(folder) == before


@pytest.mark.parametrize(("host", "words"), [("host.invalid", "--host host.invalid"), ("203.0.113.7", "203.0.113.7")])
def test_an_address_of_no_interface_is_not_called_a_port_in_use(host: str, words: str) -> None:
    with pytest.raises(CannotListen, match=words) as refused:
        check_port(host, 8640)
    assert "in use" not in str(refused.value)
