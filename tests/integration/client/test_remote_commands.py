"""`lookalike search` and `lookalike classify` with `--server`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.commands import RunCommand
    from tests.worlds import Marketplace


@pytest.mark.parametrize("arguments", [("search", "PHOTO", "-k", "1"), ("classify", "PHOTO")])
def test_searches_and_classifies_by_a_photo_on_a_server(
    url: str, shop: Marketplace, arguments: tuple[str, ...], lookalike: RunCommand
) -> None:
    photo = str(shop.folder / "photos" / "photo-4-a.jpg")
    command = [photo if one == "PHOTO" else one for one in arguments]
    code, out, _ = lookalike(*command, "--server", url, "--json")
    assert code == 0
    assert ("listing-4" in out) == (arguments[0] == "search")
    assert '"model_version"' in out


def test_searches_by_a_listing_with_filters_on_a_server(url: str, lookalike: RunCommand) -> None:
    filters = ("--currency", "GBP", "--region", "Manchester", "-k", "20")
    code, out, _ = lookalike("search", "--listing", "listing-3", *filters, "--server", url, "--json")
    assert code == 0
    assert '"listing-4"' in out
    assert '"listing-3"' not in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--listing", "none"], "Not found"),
        ([], "Give either a photo file or --listing"),
        (["--listing", "listing-1", "--min-score", "2"], "min_score"),
        (["--listing", "listing-1", "--server", "nowhere"], "not a server address"),
    ],
)
def test_prints_one_line_that_says_what_is_wrong(
    url: str, arguments: list[str], words: str, lookalike: RunCommand
) -> None:
    code, _, error = lookalike("search", "--server", url, *arguments)
    assert code == 1
    assert words in error
    assert error.count("\n") == 1
