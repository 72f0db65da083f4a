"""The command line: one-line errors with exit code 1, JSON for machines."""

from __future__ import annotations

import json
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from services.cli.main import main
from tests.worlds import ingest, marketplace, resources_in

if TYPE_CHECKING:
    from ml.bundle import Bundle
    from tests.conftest import MakeJpeg


@pytest.fixture
def lookalike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):  # type: ignore[no-untyped-def]
    """Runs a command in an empty folder and returns its exit code, standard output and standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOOKALIKE_DATA_DIR", str(tmp_path / "data"))

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["lookalike", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err

    return run


def assert_one_line_error(outcome: tuple[int, str, str], words: str) -> None:
    code, _, error = outcome
    assert code == 1
    (line,) = [line for line in error.splitlines() if line.startswith("Error: ")]
    assert error.endswith(line + "\n")
    assert words in line


def test_help_lists_the_commands(lookalike) -> None:  # type: ignore[no-untyped-def]
    code, out, _ = lookalike("--help")
    assert code == 0
    for command in ("demo", "ingest", "train", "serve", "search", "classify", "verify", "reindex"):
        assert command in out


def test_searching_without_a_model_says_what_to_do(lookalike, tmp_path: Path, jpeg: MakeJpeg) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "a.jpg").write_bytes(jpeg())
    assert_one_line_error(lookalike("search", "a.jpg"), "lookalike train")


@pytest.mark.parametrize("command", ["search", "classify"])
def test_a_photo_that_is_not_there_is_named(lookalike, command: str) -> None:  # type: ignore[no-untyped-def]
    assert_one_line_error(lookalike(command, "nothing.jpg"), "nothing.jpg")


def test_keys_are_created_listed_and_revoked(lookalike) -> None:  # type: ignore[no-untyped-def]
    code, key, _ = lookalike("keys", "create", "--role", "write", "--name", "importer")
    assert (code, key.split("_")[0]) == (0, "lk")
    (listed,) = json.loads(lookalike("keys", "list", "--json")[1])
    assert (listed["name"], listed["role"], listed["key_id"]) == ("importer", "write", key.split("_")[1])
    assert lookalike("keys", "revoke", listed["key_id"])[0] == 0
    assert_one_line_error(lookalike("keys", "revoke", listed["key_id"]), "keys list")
    assert json.loads(lookalike("keys", "audit", "--json")[1]) == []


def test_a_server_that_asks_nobody_for_a_key_does_not_listen_to_others(lookalike) -> None:  # type: ignore[no-untyped-def]
    assert_one_line_error(lookalike("serve", "--host", "0.0.0.0", "--port", "0"), "lookalike keys create")


def test_an_interrupted_command_says_what_becomes_of_its_work(lookalike, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    def interrupted(*_arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "is_file", interrupted)
    code, _, error = lookalike("train", "--weights", "weights.pth")
    assert code == 130
    assert "run the same command to go on" in error


def test_a_setting_that_cannot_be_used_is_named(lookalike, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv("LOOKALIKE_FETCH_ALLOW", "everywhere")
    assert_one_line_error(lookalike("index", "list"), "LOOKALIKE_FETCH_ALLOW")


def test_a_taken_port_is_named_with_a_free_one(lookalike) -> None:  # type: ignore[no-untyped-def]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert_one_line_error(lookalike("serve", f"--port={port}"), "is free: use --port")


def test_a_listings_file_that_is_not_there_is_named(lookalike) -> None:  # type: ignore[no-untyped-def]
    assert_one_line_error(lookalike("ingest", "nothing.csv"), "nothing.csv")


def test_search_verify_and_index_list_answer_json(  # type: ignore[no-untyped-def]
    lookalike, tmp_path: Path, tiny_bundle: Bundle, jpeg: MakeJpeg
) -> None:
    with resources_in(tmp_path / "data", model=tiny_bundle) as resources:
        ingest(resources, marketplace(tmp_path / "shop", jpeg, count=2).inputs)
    (tmp_path / "a.jpg").write_bytes(jpeg(seed=2))
    _, out, _ = lookalike("search", "a.jpg", "--json", "-k", "1")
    assert [one["listing_id"] for one in json.loads(out)["results"]] == ["listing-1"]
    code, out, _ = lookalike("verify", "--queries", "3", "--json")
    assert code == 0
    found = json.loads(out)
    assert [(one["engine"], one["held"], one["missing"]) for one in found["drift"]] == [
        ("faiss", 4, []),
        ("qdrant", 4, []),
    ]
    assert {(one["queries"], one["agreeing"]) for one in found["agreement"]} == {(3, 3)}
    _, out, _ = lookalike("index", "list", "--json")
    assert [one["state"] for one in json.loads(out)] == ["live"]
