"""Query tokens and cursors that this installation did not issue: each is a 400 problem, before any work is done."""

from __future__ import annotations

import base64
import hashlib
import hmac
import threading
import time
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from litestar.testing import TestClient
from sqlalchemy import event

from db.rows.access import signing_keys
from services.search.app import create_app
from services.search.query.frozen_results import FrozenResults
from services.search.query.keys import ListingKey
from services.search.query.tokens import MAX_TOKEN_LENGTH, Cursor, Tokens
from services.signing import Purpose, Signer
from tests.worlds import resources_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from litestar import Litestar

    from services.resources import Resources

HEAD, MAC = 8, 16
"""Bytes of the key id and expiry before the content, and of the signature behind it."""

UNSIGNED_CURSOR = (
    "lZKhbKRsYW1w3gADoWsDqGNhdGVnb3J5kaZQaG9uZXOsbWF4X2FnZV9kYXlzy0A-AAAAAAAAlqFtpWZhaXNzqWZhaXNzIGl2ZqN3aHkEkaZQaG9uZXPE"
    "CDEyMzQ1Njc4xA142mNkgID_-wEC0QHAJ_zu0Q"
)
"""Of an earlier release: four bytes of checksum, which anybody can compute."""


@dataclass(frozen=True)
class Forger:
    """What somebody who means harm has: genuine tokens, and all of the source code.

    Attributes:
        field: `cursor` or `query_token`.
        genuine: a token for the field.
        second: another one.
        other: a genuine token for the other field.
        secret: the installation's own secret, for tokens that it signed under other conditions.
    """

    field: str
    genuine: str
    second: str
    other: str
    foreign: str
    expired: str
    photo: str
    odd: str
    secret: bytes

    @property
    def purpose(self) -> Purpose:
        return Purpose.CURSOR if self.field == "cursor" else Purpose.QUERY_TOKEN

    @property
    def signed(self) -> bytes:
        return raw(self.genuine)

    def with_mac(self, body: bytes, secret: bytes, prefix: bytes | None = None, kind: str = "sha256") -> str:
        start = self.purpose.value[0] if prefix is None else prefix
        return text(body + hmac.digest(secret, start + body, kind)[:MAC])


def raw(token: str) -> bytes:
    return base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))


def text(signed: bytes) -> str:
    return base64.urlsafe_b64encode(signed).decode().rstrip("=")


def checksummed(content: bytes) -> str:
    """As earlier releases made tokens."""
    return text(content + hashlib.blake2b(content, digest_size=4).digest())


def changed(token: str, at: int) -> str:
    signed = bytearray(raw(token))
    signed[at] ^= 1
    return text(bytes(signed))


def other_unused_bits(token: str) -> str:
    """Write the same bytes with other bits in the part of the last character that base64 does not use."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    padded = token if len(token) % 4 else token + "AA"
    return padded[:-1] + alphabet[alphabet.index(padded[-1]) ^ 1]


def many_photos(forger: Forger) -> bytes:
    """The content of a cursor that names 5,000 photos; for the other field, a longer array."""
    frozen = FrozenResults.of([[(10**6 + number, 0.5)] for number in range(5000)]).packed()
    if forger.field != "cursor":
        return msgspec.msgpack.encode(["r", ["x"] * 6500])
    body = raw(forger.genuine)[HEAD:-MAC]
    return msgspec.msgpack.encode(
        msgspec.structs.replace(msgspec.msgpack.decode(body, type=Cursor), seen=b"", frozen=frozen)
    )


FORGERIES: dict[str, Callable[[Forger], str]] = {
    "empty": lambda _: "",
    "one character": lambda _: "x",
    "words": lambda _: "not base64 at all!",
    "not ASCII": lambda _: "é" * 60,
    "a NUL inside": lambda one: one.genuine[:20] + "\0" + one.genuine[21:],
    "a backslash inside": lambda one: one.genuine[:20] + "\\" + one.genuine[21:],
    "the other base64 alphabet": lambda one: base64.b64encode(one.signed + b"\xff\xff\xff").decode(),
    "padding added": lambda one: one.genuine + "=" * (-len(one.genuine) % 4 or 4),
    "a line break at the end": lambda one: one.genuine + "\n",
    "a blank at the start": lambda one: " " + one.genuine,
    "unused bits changed": lambda one: other_unused_bits(one.genuine),
    "upper and lower case swapped": lambda one: one.genuine.swapcase(),
    "first character missing": lambda one: one.genuine[1:],
    "last character missing": lambda one: one.genuine[:-1],
    "first half": lambda one: one.genuine[: len(one.genuine) // 2],
    "twice": lambda one: one.genuine * 2,
    "only the head": lambda one: text(one.signed[:HEAD]),
    "only head and signature": lambda one: text(one.signed[:HEAD] + one.signed[-MAC:]),
    "a bit of the key id": lambda one: changed(one.genuine, 3),
    "a bit of the expiry": lambda one: changed(one.genuine, 4),
    "a bit of the content": lambda one: changed(one.genuine, HEAD + 3),
    "a bit of the signature": lambda one: changed(one.genuine, -1),
    "a later expiry": lambda one: text(one.signed[:4] + b"\xff\xff\xff\xff" + one.signed[8:]),
    "an unknown key": lambda one: text(b"\xff\xff\xff\xff" + one.signed[4:]),
    "key 0": lambda one: text(bytes(4) + one.signed[4:]),
    "signature of zeros": lambda one: text(one.signed[:-MAC] + bytes(MAC)),
    "no signature": lambda one: text(one.signed[:-MAC]),
    "signature of another token": lambda one: text(one.signed[:-MAC] + raw(one.second)[-MAC:]),
    "content of another token": lambda one: text(one.signed[:HEAD] + raw(one.second)[HEAD:-MAC] + one.signed[-MAC:]),
    "four bytes of checksum": lambda one: checksummed(one.signed[HEAD:-MAC]),
    "of an earlier release": lambda _: UNSIGNED_CURSOR,
    "6,500 photos, checksummed": lambda one: checksummed(many_photos(one)),
    "6,500 photos, under a genuine signature": lambda one: text(
        one.signed[:HEAD] + many_photos(one) + one.signed[-MAC:]
    ),
    "a zip bomb": lambda one: text(one.signed[:HEAD] + zlib.compress(bytes(10**7), 9) + one.signed[-MAC:]),
    "signed with an empty key": lambda one: one.with_mac(one.signed[:-MAC], b""),
    "signed with zeros": lambda one: one.with_mac(one.signed[:-MAC], bytes(32)),
    "signed with another secret": lambda one: one.with_mac(one.signed[:-MAC], b"secret"),
    "signed with SHA-1": lambda one: one.with_mac(one.signed[:-MAC], one.secret, kind="sha1"),
    "signed without a purpose": lambda one: one.with_mac(one.signed[:-MAC], one.secret, prefix=b""),
    "signed by another installation": lambda one: one.foreign,
    "a genuine token for the other field": lambda one: one.other,
    "a genuine signature of a photo": lambda one: one.photo,
    "a genuine signature, but of something else": lambda one: one.odd,
    "expired": lambda one: one.expired,
    "too long": lambda _: "A" * (MAX_TOKEN_LENGTH + 1),
    "a genuine one, made too long": lambda one: one.genuine + "A" * MAX_TOKEN_LENGTH,
    "a JSON Web Token without a signature": lambda _: "eyJhbGciOiJub25lIn0.eyJzdWIiOiJsYW1wLTEifQ.",
    "JSON": lambda _: '{"listing_id": "lamp-1"}',
}


@pytest.fixture(scope="module")
def forgers(five_listings: Resources, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Forger]]:
    signer = five_listings.signer
    earlier = Signer(five_listings.database, clock=lambda: time.time() - 40 * 24 * 60 * 60)
    with (
        TestClient(create_app(five_listings)) as client,
        resources_in(tmp_path_factory.mktemp("foreign") / "data") as foreign,
    ):
        pages = [client.post("/v1/search", json={"listing_id": name, "k": 1}).json() for name in ("query", "near")]
        with five_listings.database.read() as session:
            secret = signing_keys.signing_keys(session)[-1].secret
        made = {}
        for field, other in (("cursor", "query_token"), ("query_token", "cursor")):
            purpose = Purpose.CURSOR if field == "cursor" else Purpose.QUERY_TOKEN
            content = raw(pages[0][field])[HEAD:-MAC]
            made[field] = Forger(
                field,
                pages[0][field],
                pages[1][field],
                pages[0][other],
                foreign=text(foreign.signer.sign(purpose, content)),
                expired=text(earlier.sign(purpose, content)),
                photo=text(signer.sign(Purpose.PHOTO, content)),
                odd=text(signer.sign(purpose, msgspec.msgpack.encode({"listing_id": "query"}))),
                secret=secret,
            )
        yield made


@pytest.fixture(scope="module")
def queries(five_listings: Resources) -> list[str]:
    """The statements of requests that read listings, photos, vectors or signing keys."""
    sent: list[str] = []
    tables = ("FROM photo", "FROM listing", "FROM embedding", "FROM signing_key")

    def note(*call: Any) -> None:
        if threading.current_thread().name != "audit recall" and any(table in call[2] for table in tables):
            sent.append(call[2])

    event.listen(five_listings.database.engine, "before_cursor_execute", note)
    return sent


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES)
@pytest.mark.parametrize("field", ["cursor", "query_token"])
def test_a_forged_token_is_refused_before_any_work_is_done(
    five_client: TestClient[Litestar],
    forgers: dict[str, Forger],
    queries: list[str],
    field: str,
    forge: Callable[[Forger], str],
) -> None:
    queries.clear()
    answer = five_client.post("/v1/search", json={field: forge(forgers[field])})
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
    assert answer.json()["field"] == field
    assert queries == []


@pytest.mark.parametrize("field", ["cursor", "query_token"])
def test_the_genuine_tokens_are_accepted(
    five_client: TestClient[Litestar], forgers: dict[str, Forger], field: str
) -> None:
    for token in (forgers[field].genuine, forgers[field].second):
        assert five_client.post("/v1/search", json={field: token}).status_code == 200


FORGED: dict[str, Callable[[TestClient[Litestar], str], Any]] = {
    "similar listings": lambda client, token: client.get("/v1/listings/query/similar", params={"cursor": token}),
    "the photo of a search": lambda client, token: client.get("/v1/search/photo", params={"query_token": token}),
    "a recommendation": lambda client, token: client.post("/v1/recommend", json={"query_token": token}),
    "a recommendation's next page": lambda client, token: client.post("/v1/recommend", json={"cursor": token}),
}


@pytest.mark.parametrize("call", FORGED.values(), ids=FORGED)
def test_every_call_refuses_a_forged_token(
    five_client: TestClient[Litestar],
    forgers: dict[str, Forger],
    queries: list[str],
    call: Callable[[TestClient[Litestar], str], Any],
) -> None:
    queries.clear()
    for forger in forgers.values():
        answer = call(five_client, changed(forger.genuine, HEAD + 3))
        assert answer.status_code == 400, answer.text
    assert queries == []


def test_a_batch_answers_its_other_searches(five_client: TestClient[Litestar], forgers: dict[str, Forger]) -> None:
    searches = [{"listing_id": "query"}, {"cursor": changed(forgers["cursor"].genuine, HEAD + 3)}]
    good, forged = five_client.post("/v1/search/batch", json={"queries": searches}).json()["answers"]
    assert good["answer"]["results"]
    assert (forged["problem"]["status"], forged["problem"]["field"]) == (400, "cursor")


def test_a_token_of_an_earlier_key_is_accepted(five_listings: Resources) -> None:
    signer = five_listings.signer
    token = Tokens(signer).query_token(ListingKey("query"))
    with five_listings.database.write() as session:
        stored = signing_keys.signing_keys(session)
        signing_keys.add_signing_key(
            session, bytes(32), created_at=stored[-1].created_at, replaced_before=stored[0].created_at
        )
    assert Tokens(Signer(five_listings.database)).read_query_token(token) == ListingKey("query")
