"""The command line: errors are one line with exit code 1, and `--json` prints JSON."""

from __future__ import annotations

import json
import re
import shlex
import socket
import subprocess
import sys
import threading
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import msgspec
import pytest

import services.cli
from db.locks import hold_lock
from db.rows import duplicates
from services.cli.demo import DemoRecord, hold_build_lock
from services.cli.terminal.listening import ListenAddress
from services.ingest.pipeline.job_progress import JobCancelled
from tests.worlds import ingest, marketplace, resources_in

if TYPE_CHECKING:
    from ml.bundle.bundle import Bundle
    from tests.commands import CommandResult, RunCommand
    from tests.conftest import MakeJpeg


@pytest.fixture
def lookalike(lookalike: RunCommand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunCommand:
    """Runs a `lookalike` command in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOOKALIKE_DATA_DIR", str(tmp_path / "data"))
    return lookalike


def assert_one_line_error(result: CommandResult, words: str) -> None:
    assert result.code == 1
    (line,) = [line for line in result.err.splitlines() if line.startswith("Error: ")]
    assert result.err.endswith(line + "\n")
    assert words in line


def test_help_lists_the_commands(lookalike: RunCommand) -> None:
    code, out, _ = lookalike("--help")
    assert code == 0
    for command in ("demo", "ingest", "train", "serve", "search", "classify", "verify", "reindex"):
        assert command in out


def test_prints_its_version(lookalike: RunCommand) -> None:
    assert lookalike("--version")[:2] == (0, f"lookalike {version('lookalike')}\n")


@pytest.mark.parametrize(
    "command",
    [
        ("search", __file__),
        ("classify", __file__),
        ("keys", "list"),
        ("index", "list"),
        ("evaluate",),
        ("train",),
        ("verify",),
        ("export", "out"),
    ],
    ids=lambda command: command[0],
)
def test_reports_a_missing_database_and_creates_no_file(
    lookalike: RunCommand, tmp_path: Path, command: tuple[str, ...]
) -> None:
    assert_one_line_error(lookalike(*command), f"no database at {tmp_path / 'data' / 'lookalike.sqlite'}")
    assert list(tmp_path.iterdir()) == []


def test_search_without_a_model_suggests_training(lookalike: RunCommand, tmp_path: Path, jpeg: MakeJpeg) -> None:
    lookalike("db", "upgrade")
    (tmp_path / "a.jpg").write_bytes(jpeg())
    assert_one_line_error(lookalike("search", "a.jpg"), "lookalike train")


@pytest.mark.parametrize("command", [("search", "a.jpg"), ("classify", "a.jpg"), ("reindex",), ("verify",)], ids=str)
def test_a_command_that_needs_a_model_begins_with_the_one_that_the_settings_name(
    lookalike: RunCommand, tmp_path: Path, tiny_bundle: Bundle, jpeg: MakeJpeg, monkeypatch: pytest.MonkeyPatch,
    command: tuple[str, ...],
) -> None:  # fmt: skip
    with resources_in(tmp_path / "data") as resources:
        ingest(resources, marketplace(tmp_path / "shop", jpeg, count=1).inputs)
    (tmp_path / "a.jpg").write_bytes(jpeg())
    monkeypatch.setenv("LOOKALIKE_MODEL", str(tmp_path / "nowhere"))
    assert_one_line_error(lookalike(*command), "nowhere")
    monkeypatch.setenv("LOOKALIKE_MODEL", str(tiny_bundle.path))
    code, _, messages = lookalike(*command)
    assert (code, "not embedded yet" in messages) == (0, command[0] == "search")


@pytest.mark.parametrize("command", ["search", "classify"])
def test_names_a_missing_photo_file(lookalike: RunCommand, command: str) -> None:
    lookalike("db", "upgrade")
    assert_one_line_error(lookalike(command, "nothing.jpg"), "nothing.jpg")


def test_creates_lists_and_revokes_keys(lookalike: RunCommand, tmp_path: Path) -> None:
    code, key, messages = lookalike("keys", "create", "--role", "write", "--name", "importer")
    assert (code, key.split("_")[0]) == (0, "lk")
    assert f"for the database at {tmp_path / 'data' / 'lookalike.sqlite'}" in messages
    _, out, messages = lookalike("keys", "list", "--json")
    (listed,) = json.loads(out)
    assert str(tmp_path / "data" / "lookalike.sqlite") in messages
    assert (listed["name"], listed["role"], listed["key_id"]) == ("importer", "write", key.split("_")[1])
    assert lookalike("keys", "revoke", listed["key_id"])[0] == 0
    assert_one_line_error(lookalike("keys", "revoke", listed["key_id"]), "keys list")
    audited = json.loads(lookalike("keys", "audit", "--json")[1])
    assert [entry["status"] for entry in audited] == [1, 0, 0]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "shop.example", ""])
@pytest.mark.parametrize("command", [("serve",), ("demo", "--data-dir", "data/demo")], ids=["serve", "demo"])
def test_refuses_to_listen_beyond_this_machine_without_an_api_key(
    lookalike: RunCommand, command: tuple[str, ...], host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.cli.demo.check_port", lambda *_arguments, **_named: None)
    monkeypatch.setattr("services.cli.serve.check_port", lambda *_arguments, **_named: None)
    assert_one_line_error(lookalike(*command, "--host", host, "--port", "0"), "lookalike keys create")


@pytest.mark.parametrize(
    ("host", "url"),
    [("127.0.0.1", "http://127.0.0.1:80"), ("0.0.0.0", "http://127.0.0.1:80"), ("::1", "http://[::1]:80")],
)
def test_prints_an_address_that_a_browser_on_this_machine_can_open(host: str, url: str) -> None:
    assert ListenAddress(host, 80).url == url


@pytest.mark.parametrize(
    ("host", "is_loopback"),
    [("127.0.0.1", True), ("::1", True), ("LocalHost", True), ("::", False), ("localhos", False)],
)
def test_knows_which_addresses_only_this_machine_reaches(host: str, is_loopback: bool) -> None:
    assert ListenAddress(host, 80).is_loopback == is_loopback


def test_an_interrupted_command_says_that_it_can_be_continued(
    lookalike: RunCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_arguments: object) -> None:
        raise KeyboardInterrupt

    lookalike("db", "upgrade")
    monkeypatch.setattr(Path, "is_file", interrupted)
    code, _, error = lookalike("train", "--weights", "weights.pth")
    assert code == 130
    assert "run the same command again to continue" in error


def test_names_a_setting_with_an_invalid_value(lookalike: RunCommand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOOKALIKE_FETCH_ALLOW", "everywhere")
    assert_one_line_error(lookalike("index", "list"), "LOOKALIKE_FETCH_ALLOW")


def test_warns_of_an_unknown_setting_and_suggests_the_closest_one(
    lookalike: RunCommand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("LOOKALIKE_PRECISON", "int8")
    monkeypatch.setenv("LOOKALIKE_TEST_KILLS", "50")
    monkeypatch.setenv("LOOKALIKE_API_KEY", "lk_1_2")
    (tmp_path / ".env").write_text("LOOKALIKE_BOGUS=1\nPOSTGRES_PASSWORD=x\n")
    lookalike("keys", "create", "--role", "read")
    assert [record.message for record in caplog.records if "not a setting" in record.message] == [
        "LOOKALIKE_BOGUS is not a setting and has no effect. docs/settings.md lists the settings.",
        "LOOKALIKE_PRECISON is not a setting and has no effect. Did you mean LOOKALIKE_PRECISION?",
    ]


def test_warns_when_a_single_app_uses_embedded_stores(lookalike: RunCommand) -> None:
    _, _, messages = lookalike("serve", "--app", "search", "--host", "0.0.0.0", "--port", "0")
    assert "LOOKALIKE_DATABASE_URL (PostgreSQL) and LOOKALIKE_QDRANT_URL" in messages


def test_refers_to_the_server_when_it_has_the_generation_open(
    lookalike: RunCommand, tmp_path: Path, tiny_bundle: Bundle
) -> None:
    with resources_in(tmp_path / "data", model=tiny_bundle) as serving:
        serving.ensure_generation()
        serving.live.refresh()
        assert lookalike("reindex")[0] == 0
        assert_one_line_error(lookalike("index", "rollback"), "POST /v1/admin/indexes/2/rollback")
        assert_one_line_error(lookalike("index", "promote", "1"), "POST /v1/admin/indexes/1/promote")
    code, out, messages = lookalike("index", "rollback")
    model = tiny_bundle.version
    assert (code, out) == (0, f"Generation 1 is live: model {model} answers searches.\n")
    assert f"Model {model} will answer searches, from generation 1. No photo has to be embedded." in messages


def test_the_demo_shows_where_to_put_the_api_key_once_one_exists(
    lookalike: RunCommand, tmp_path: Path, tiny_bundle: Bundle, jpeg: MakeJpeg
) -> None:
    home = tmp_path / "data"
    with resources_in(home, model=tiny_bundle) as resources:
        ingest(resources, marketplace(home / "catalogue", jpeg, count=2).inputs)
    (home / "demo.json").write_bytes(msgspec.json.encode(DemoRecord(26, tiny_bundle.version, {}, 1.0)))
    command = ("demo", "--no-serve", "--listings", "26", "--data-dir", str(home))
    assert "Bearer" not in lookalike(*command)[1]
    lookalike("keys", "create", "--role", "read")
    assert lookalike(*command)[1].count("curl -s -H 'Authorization: Bearer KEY'") == 3


def test_the_demo_prints_commands_that_a_shell_can_run(
    lookalike: RunCommand, tmp_path: Path, tiny_bundle: Bundle, jpeg: MakeJpeg, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "my data"
    with resources_in(home, model=tiny_bundle) as resources:
        ingest(resources, marketplace(home / "catalogue", jpeg, count=2).inputs)
    (home / "demo.json").write_bytes(msgspec.json.encode(DemoRecord(26, tiny_bundle.version, {}, 1.0)))
    program = Path(services.cli.__file__).parent / "__main__.py"
    started_as = SimpleNamespace(argv=[str(program)], executable=sys.executable)
    monkeypatch.setattr("services.cli.terminal.examples.sys", started_as)
    _, out, _ = lookalike("demo", "--no-serve", "--port", "8641", "--listings", "26", "--data-dir", str(home))
    assert "Search page:" not in out
    (serving,) = re.findall(r"To serve the search page at http://127.0.0.1:8641: (.+ serve --port 8641)", out)
    without_serving = serving.replace("serve --port 8641", "--version")
    shown = subprocess.run(["/bin/sh", "-c", without_serving], capture_output=True, text=True, check=False)
    assert (shown.returncode, shown.stdout.split()) == (0, ["lookalike", version("lookalike")])
    (photo,) = {word for line in out.splitlines() if "curl" in line for word in shlex.split(line) if "image=@" in word}
    assert Path(photo.removeprefix("image=@")).is_file()


def test_duplicates_without_any_says_how_to_compare_photos(
    lookalike: RunCommand, tmp_path: Path, tiny_bundle: Bundle, jpeg: MakeJpeg
) -> None:
    with resources_in(tmp_path / "data", model=tiny_bundle) as resources:
        ingest(resources, marketplace(tmp_path / "shop", jpeg, count=2).inputs)
    messages = lookalike("duplicates").err
    assert "4 photos not compared with others yet. To compare: lookalike duplicates --find" in messages
    assert "No groups are open." in messages


@pytest.mark.slow
def test_builds_the_demo_once_and_measures_it_on_all_listings(lookalike: RunCommand, tmp_path: Path) -> None:
    command = ("demo", "--no-serve", "--listings", "26", "--data-dir", str(tmp_path / "demo"))
    code, out, messages = lookalike(*command)
    assert code == 0
    assert re.search(r"category accuracy +\d", out)
    assert "report.html" in messages
    assert re.search(r"found copies in [1-9]\d* pairs of listings", messages)
    again = lookalike(*command)
    assert "is ready in" in again[2]
    assert "store photos" not in again[2]


def test_waits_for_another_process_that_builds_the_demo(tmp_path: Path) -> None:
    stopping = threading.Event()
    with resources_in(tmp_path) as resources, hold_lock(resources.database, "demo"):
        stopping.set()
        with pytest.raises(JobCancelled), hold_build_lock(resources, stopping):
            pytest.fail("two processes build the same demo")


def test_suggests_a_free_port_when_the_port_is_in_use(lookalike: RunCommand) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert_one_line_error(lookalike("serve", f"--port={port}"), "is free: use --port")
        assert_one_line_error(lookalike("demo", f"--port={port}"), 'make demo DEMO="--port')


def test_names_a_missing_listings_file(lookalike: RunCommand) -> None:
    assert_one_line_error(lookalike("ingest", "nothing.csv"), "nothing.csv")


def test_a_preview_shows_records_or_suggests_a_mapping(lookalike: RunCommand, tmp_path: Path) -> None:
    known, unknown = tmp_path / "etsy.csv", tmp_path / "shop.csv"
    known.write_text(
        "TITLE,DESCRIPTION,PRICE,CURRENCY_CODE,TAGS,IMAGE1,SKU\nMug,,18.00,GBP,mug,,M-1\nHat,,1,GBP,hat,,\n"
    )
    unknown.write_text("Sku,Titel,Kategorie\n1,Lampe,Haus\n")
    code, out, _ = lookalike("ingest", str(known), "--preview")
    assert code == 0
    assert "preset etsy" in out
    assert "missing_id" in out.replace("\n", "")
    assert json.loads(lookalike("ingest", str(known), "--preview", "--json").out)["records"][0]["listing_id"] == "M-1"
    code, out, _ = lookalike("ingest", str(unknown), "--preview")
    assert (code, 'title = "Titel"' in out) == (1, True)
    assert not (tmp_path / "data").exists()


def test_search_verify_and_index_list_print_json(
    lookalike: RunCommand, tmp_path: Path, tiny_bundle: Bundle, jpeg: MakeJpeg
) -> None:
    with resources_in(tmp_path / "data", model=tiny_bundle) as resources:
        ingest(resources, marketplace(tmp_path / "shop", jpeg, count=2).inputs)
    (tmp_path / "a.jpg").write_bytes(jpeg(seed=2))
    _, out, _ = lookalike("search", "a.jpg", "--json", "-k", "1")
    assert [one["listing_id"] for one in json.loads(out)["results"]] == ["listing-1"]
    with resources_in(tmp_path / "data") as resources, resources.database.write() as session:
        duplicates.decide(session, ("listing-0", "listing-1"), "accept", key_id=None)
    _, out, _ = lookalike("search", "a.jpg")
    assert "score (cosine)" in out, "the model is not calibrated"
    assert ("1 listing, found" in out, "also offered by" in out, "listing-0" in out) == (True, True, True)
    _, out, _ = lookalike("search", "a.jpg", "--no-fold-copies")
    assert ("2 listings, found" in out, "also offered by" in out) == (True, False)
    for sort, ids in (("price", ["listing-0", "listing-1"]), ("price_descending", ["listing-1", "listing-0"])):
        _, out, _ = lookalike("search", "a.jpg", "--no-fold-copies", "--sort", sort, "--json")
        assert [one["listing_id"] for one in json.loads(out)["results"]] == ids
    _, _, messages = lookalike("search", "a.jpg", "--sort", "cheapest")
    assert "price_descending" in messages
    _, out, _ = lookalike("search", "a.jpg", "--no-sold", "--facet", "category", "--facet", "sold")
    assert "4 photos with category" in out
    assert re.search(r"false +4", out)
    _, out, _ = lookalike("search", "a.jpg", "--json", "--attribute", "brand=Acme", "--attribute", "size=3..5")
    assert "Drop several of: attributes.brand, attributes.size." in out
    assert_one_line_error(lookalike("search", "a.jpg", "--attribute", "brand"), "write it as brand=Acme")
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


def test_ingest_tells_that_photos_were_given_and_none_is_used(
    lookalike: RunCommand, tmp_path: Path, jpeg: MakeJpeg
) -> None:
    header = "id,product_name,category,product_description,price,location"
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_bytes(jpeg())
    (tmp_path / "shop.csv").write_text(f"{header},shots\n1,Lamp,Home,,£5,Leeds,a.jpg\n")
    command = ("ingest", "shop.csv", "--photo-dir", "photos")
    code, _, messages = lookalike(*command)
    assert (code, "Photos were given (photos), and none is used" in messages) == (3, True)
    assert json.loads(lookalike(*command, "--json").out)["warnings"] == {"no_photo_used": 1}
    (tmp_path / "shop.csv").write_text(f"{header},photos\n1,Lamp,Home,,£5,Leeds,a.jpg\n")
    code, _, messages = lookalike(*command)
    assert (code, "Photos were given" in messages) == (0, False)
