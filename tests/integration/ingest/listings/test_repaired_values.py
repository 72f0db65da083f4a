"""What cleaning guessed in a listing that a client sends, and what an update keeps of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.ingest.listings.calls import LAMP, get_listing

if TYPE_CHECKING:
    from litestar import Litestar
    from litestar.testing import TestClient


def _put(client: TestClient[Litestar], **fields: Any) -> Any:
    answer = client.put("/v1/listings/lamp", json={**LAMP, **fields})
    assert answer.status_code in (200, 201)
    return get_listing(client, "lamp")


@pytest.mark.parametrize(
    ("price", "currency", "read", "flags"),
    [
        ("$5", "CAD", "CAD", []),
        ("5 kr", "SEK", "SEK", []),
        ("5", "eur", "EUR", []),
        ("5 kr", "EUR", None, ["currency_conflict"]),
        ("£5", "EUR", "GBP", ["currency_conflict"]),
    ],
)
def test_a_currency_decides_what_the_sign_of_a_price_means(
    client: TestClient[Litestar], price: str, currency: str, read: str | None, flags: list[str]
) -> None:
    listing = _put(client, price=price, currency=currency)
    assert (listing["price"], listing["currency"], listing["flags"]) == (5.0, read, flags)


def test_a_patch_keeps_the_flags_and_levels_of_what_it_does_not_change(client: TestClient[Litestar]) -> None:
    _put(client, price="£10 - £20", category="Lights > Indoor / Outdoor", listed_at="03/04/2024")
    client.patch("/v1/listings/lamp", json={"title": "Lamp", "listed_at": "2024-04-03"})
    listing = get_listing(client, "lamp")
    assert listing["category_path"] == ["Lights", "Indoor / Outdoor"]
    assert (listing["price"], listing["flags"]) == (10.0, ["price_range"])


def test_a_patched_price_may_name_another_currency(client: TestClient[Litestar]) -> None:
    _put(client, price="£10 - £20")
    client.patch("/v1/listings/lamp", json={"price": "€9"})
    listing = get_listing(client, "lamp")
    assert (listing["price"], listing["currency"], listing["flags"]) == (9.0, "EUR", [])


def test_a_title_that_is_too_long_is_shortened_and_the_answer_says_so(client: TestClient[Litestar]) -> None:
    answer = client.put("/v1/listings/lamp", json={**LAMP, "title": "lamp " * 200_000}).json()
    (warning,) = answer["warnings"]
    assert (warning["field"], warning["flag"]) == ("title", "shortened_text")
    assert len(warning["before"]) <= 500
    listing = get_listing(client, "lamp")
    assert (len(listing["title"]), listing["title"][-6:], listing["flags"]) == (500, " lamp…", ["shortened_text"])
    assert client.patch("/v1/listings/lamp", json={"title": "Lamp"}).json()["warnings"] == []
    assert get_listing(client, "lamp")["flags"] == []
