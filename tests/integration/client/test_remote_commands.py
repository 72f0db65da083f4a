"""`lookalike search` and `lookalike classify` with `--server`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from services.cli.main import main

if TYPE_CHECKING:
    from tests.worlds import Marketplace


@pytest.mark.parametrize("arguments", [("search", "PHOTO", "-k", "1"), ("classify", "PHOTO")])
def test_searches_and_classifies_by_a_photo_on_a_server(
    url: str,
    shop: Marketplace,
    arguments: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    photo = str(shop.folder / "photos" / "photo-4-a.jpg")
    out = run_lookalike([photo if one == "PHOTO" else one for one in arguments], url, monkeypatch, capsys)
    assert ("listing-4" in out) == (arguments[0] == "search")
    assert '"model_version"' in out


def test_searches_by_a_listing_with_filters_on_a_server(
    url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = run_lookalike(
        ["search", "--listing", "listing-3", "--currency", "GBP", "--region", "Manchester", "-k", "20"],
        url,
        monkeypatch,
        capsys,
    )
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
    url: str, arguments: list[str], words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="1"):
        run_lookalike(["search", "--server", url, *arguments], "", monkeypatch, capsys)
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


def run_lookalike(
    arguments: list[str], url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> str:
    """Run `lookalike` against the server, and return what it prints."""
    command = ["lookalike", *arguments, *(["--server", url, "--json"] if url else [])]
    monkeypatch.setattr(sys, "argv", command)
    with pytest.raises(SystemExit) as ended:
        main()
    if ended.value.code:
        raise ended.value
    return capsys.readouterr().out
