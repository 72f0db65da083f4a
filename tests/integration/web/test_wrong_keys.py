"""Wrong keys are refused cheaply, and never hold a correct one; slow hashes of earlier versions are replaced."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from litestar.testing import TestClient

from db.models import ApiKey, HashScheme, Role
from db.rows.access import keys
from services.cli.serve import build_app
from services.web.access import failures
from services.web.access.key_ring import KeyRing
from tests.worlds import resources_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from litestar import Litestar

    from services.resources import Resources


@pytest.fixture
def resources(tmp_path: Path) -> Iterator[Resources]:
    with resources_in(tmp_path / "data") as opened:
        yield opened


@pytest.fixture
def key(resources: Resources) -> str:
    with resources.database.write() as session:
        return keys.create_key(session, "shop", Role.READ)


@pytest.fixture
def old_key(resources: Resources, key: str) -> str:
    """The key as earlier versions stored it."""
    _, key_id, secret = key.split("_", 2)
    with resources.database.write() as session:
        row = session.get_one(ApiKey, key_id)
        row.hashed_with, row.salt = HashScheme.SCRYPT, b"salt of 16 bytes"
        row.secret_hash = hashlib.scrypt(secret.encode(), salt=row.salt, n=2**14, r=8, p=5, dklen=32)
    return key


@pytest.fixture
def slow_hashes(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The secrets that scrypt has hashed."""
    return recorded(monkeypatch, hashlib, "scrypt")


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Reads of the keys in the database."""
    return recorded(monkeypatch, KeyRing, "_read_now")


def recorded(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str) -> list[Any]:
    original, calls = getattr(owner, name), list[Any]()

    def record(*arguments: Any, **named: Any) -> Any:
        calls.append(arguments[0])
        return original(*arguments, **named)

    monkeypatch.setattr(owner, name, record)
    return calls


@pytest.fixture
def client(resources: Resources, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient[Litestar]]:
    """A client of a server in one long minute."""
    monkeypatch.setattr(failures, "_present_minute", lambda: 7)
    with TestClient(build_app(resources), raise_server_exceptions=False) as made:
        yield made


def status(client: TestClient[Litestar], key: str) -> int:
    return client.get("/v1/categories", headers={"Authorization": f"Bearer {key}"}).status_code


def test_a_key_of_an_earlier_version_is_hashed_slowly_once(
    old_key: str, client: TestClient[Litestar], slow_hashes: list[bytes], resources: Resources
) -> None:
    assert [status(client, old_key) for _ in range(5)] == [200] * 5
    assert len(slow_hashes) == 1
    with resources.database.read() as session:
        (stored,) = keys.valid_keys(session).values()
    assert not stored.hash.is_slow
    with TestClient(build_app(resources)) as another:
        assert status(another, old_key) == 200
    assert len(slow_hashes) == 1


def test_calls_that_arrive_together_share_one_slow_hash(
    old_key: str, client: TestClient[Litestar], slow_hashes: list[bytes]
) -> None:
    with ThreadPoolExecutor(16) as senders:
        answers = list(senders.map(lambda _: status(client, old_key), range(16)))
    assert (answers, len(slow_hashes)) == ([200] * 16, 1)


def test_a_wrong_secret_of_an_earlier_key_is_refused_and_soon_not_even_hashed(
    old_key: str, client: TestClient[Litestar], slow_hashes: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failures, "_PER_KEY", 3)
    assert [status(client, f"{old_key}{number}") for number in range(8)] == [401] * 3 + [429] * 5
    assert len(slow_hashes) == 3


def test_no_call_with_a_new_key_is_hashed_slowly(
    client: TestClient[Litestar], key: str, slow_hashes: list[bytes]
) -> None:
    assert (status(client, key), status(client, key[:-1] + "!")) == (200, 401)
    assert slow_hashes == []


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(lambda key, number: f"{key}{number}", id="secrets of a known id"),
        pytest.param(lambda _key, number: f"lk_{number}_secret", id="many ids"),
    ],
)
def test_after_many_wrong_keys_an_address_gets_429_without_reads_and_the_good_key_still_works(
    client: TestClient[Litestar],
    key: str,
    reads: list[object],
    monkeypatch: pytest.MonkeyPatch,
    wrong: Callable[[str, int], str],
) -> None:
    monkeypatch.setattr(failures, "_PER_ADDRESS", 20)
    assert status(client, key) == 200
    answers = [status(client, wrong(key, number)) for number in range(60)]
    assert answers == [401] * 20 + [429] * 40
    assert status(client, key) == 200
    before = len(reads)
    for number in range(60, 100):
        status(client, wrong(key, number))
    assert len(reads) - before <= 5  # those by the clock, of a second or two


def test_other_addresses_may_still_mistype_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = failures.FailureLimits()
    for number in range(100):
        limits.count(f"2001:db8:1:2::{number}", "a key")
    assert limits.are_exceeded("2001:db8:1:2:3::4", "a key")  # of the same subscriber
    assert not limits.are_exceeded("2001:db8:1:3::1", "a key")
    assert not limits.are_exceeded("192.0.2.1", "a key")


def test_one_address_does_not_fill_the_memory_with_counters() -> None:
    limits = failures.FailureLimits()
    for number in range(5000):
        limits.count("192.0.2.1", f"{number}")
    assert len(limits._counts) < 300
