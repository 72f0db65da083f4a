"""Signatures of tokens and photo URLs: shared by processes, bound to a purpose, expiring, with rotating keys."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from db.rows.access import signing_keys
from db.session import Database
from services.signing import InvalidSignature, Purpose, SignatureExpired, Signer
from tests.databases import migrated_database_url
from tests.worlds import resources_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DAY_S = 24 * 60 * 60
START = 1_800_000_000.0


class SetClock:
    """A clock that tests set."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    with migrated_database_url(request.param, tmp_path) as url:
        opened = Database(url)
        yield opened
        opened.close()


def key_ids(database: Database) -> list[int]:
    with database.read() as session:
        return [key.key_id for key in signing_keys.signing_keys(session)]


def reread(signer: Signer) -> Signer:
    """Let the signer read the keys again, as it does each minute."""
    signer._ring = None
    return signer


def test_each_process_accepts_what_another_one_signed(database: Database) -> None:
    one, other = Signer(database), Signer(database)
    signed = one.sign(Purpose.CURSOR, b"content")
    assert other.content(Purpose.CURSOR, signed) == b"content"
    assert one.content(Purpose.CURSOR, other.sign(Purpose.CURSOR, b"more")) == b"more"
    assert len(key_ids(database)) == 1


def test_processes_that_start_together_make_one_key(database: Database) -> None:
    signers = [Signer(database) for _ in range(8)]
    threads = [threading.Thread(target=signer.sign, args=(Purpose.CURSOR, b"")) for signer in signers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(key_ids(database)) == 1


def test_another_installation_accepts_nothing_that_was_signed_here(database: Database, tmp_path: Path) -> None:
    signed = Signer(database).sign(Purpose.CURSOR, b"content")
    with resources_in(tmp_path / "other") as other, pytest.raises(InvalidSignature):
        other.signer.content(Purpose.CURSOR, signed)


def test_a_signature_is_not_valid_for_another_purpose(database: Database) -> None:
    signer = Signer(database)
    signed = signer.sign(Purpose.CURSOR, b"content")
    for purpose in (Purpose.QUERY_TOKEN, Purpose.PHOTO):
        with pytest.raises(InvalidSignature):
            signer.content(purpose, signed)


def test_a_change_of_any_bit_is_refused(database: Database) -> None:
    signer = Signer(database)
    signed = signer.sign(Purpose.CURSOR, b"content")
    for bit in range(8 * len(signed)):
        changed = bytearray(signed)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(InvalidSignature):
            signer.content(Purpose.CURSOR, bytes(changed))


@pytest.mark.parametrize("purpose", Purpose)
def test_a_signature_lives_as_long_as_its_purpose_says(database: Database, purpose: Purpose) -> None:
    clock = SetClock()
    signer = Signer(database, clock=clock)
    signed = signer.sign(purpose, b"content")
    clock.now += purpose.value[1]
    assert reread(signer).content(purpose, signed) == b"content"
    clock.now += purpose.longest_s
    with pytest.raises(SignatureExpired):
        reread(signer).content(purpose, signed)


def test_equal_content_gets_an_equal_signature_within_a_step(database: Database) -> None:
    clock = SetClock()
    clock.now = START // DAY_S * DAY_S
    signer = Signer(database, clock=clock)
    signed = signer.sign(Purpose.PHOTO, b"7")
    clock.now += DAY_S - 1
    assert signer.sign(Purpose.PHOTO, b"7") == signed
    clock.now += 1
    assert signer.sign(Purpose.PHOTO, b"7") != signed


def test_a_key_of_thirty_days_is_replaced_and_accepted_until_what_it_signed_has_expired(database: Database) -> None:
    clock = SetClock()
    signer = Signer(database, clock=clock)
    signer.sign(Purpose.QUERY_TOKEN, b"")
    clock.now += 30 * DAY_S - 1
    signed = signer.sign(Purpose.QUERY_TOKEN, b"content")
    clock.now += 2
    reread(signer).sign(Purpose.QUERY_TOKEN, b"")
    assert key_ids(database) == [1, 2]
    clock.now += 29 * DAY_S
    assert reread(signer).content(Purpose.QUERY_TOKEN, signed) == b"content"
    clock.now += 33 * DAY_S
    reread(signer).sign(Purpose.QUERY_TOKEN, b"")
    assert key_ids(database) == [2, 3]


def test_a_further_key_signs_only_once_every_process_has_read_it(database: Database) -> None:
    clock = SetClock()
    rotating, other = Signer(database, clock=clock), Signer(database, clock=clock)
    rotating.sign(Purpose.CURSOR, b"")
    clock.now += 30 * DAY_S
    other.content(Purpose.CURSOR, rotating.sign(Purpose.CURSOR, b""))  # reads the keys as they were
    signed = reread(rotating).sign(Purpose.CURSOR, b"content")
    assert key_ids(database) == [1, 2]
    assert other.content(Purpose.CURSOR, signed) == b"content"
    clock.now += 5 * 60
    assert reread(other).content(Purpose.CURSOR, reread(rotating).sign(Purpose.CURSOR, b"content")) == b"content"
    assert int.from_bytes(rotating.sign(Purpose.CURSOR, b"")[:4]) == 2


def test_replacing_the_keys_ends_all_signatures_in_every_process(database: Database) -> None:
    here, other = Signer(database), Signer(database)
    signed = other.sign(Purpose.PHOTO, b"content")
    here.replace_keys()
    for signer in (here, reread(other)):
        with pytest.raises(InvalidSignature):
            signer.content(Purpose.PHOTO, signed)
    assert other.content(Purpose.PHOTO, here.sign(Purpose.PHOTO, b"new")) == b"new"


def test_an_unknown_key_costs_no_query(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    signer = Signer(database)
    signed = signer.sign(Purpose.CURSOR, b"content")
    monkeypatch.setattr(database, "read", lambda: pytest.fail("the keys were read again"))
    with pytest.raises(InvalidSignature):
        signer.content(Purpose.CURSOR, b"\xff" + signed[1:])
