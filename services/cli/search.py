"""`lookalike search` and `lookalike classify`: what the search app answers, without a server or from one."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer

from services.cli.terminal.console import console, print_json, print_table
from services.cli.terminal.opening import open_resources
from services.cli.terminal.remote import Key, Server, asking
from services.errors import BadInput
from services.search.query.parsing import query_of
from services.search.rest.answers import classify_answer, search_answer
from services.search.service import SearchService
from services.settings import Engine
from services.wire import Classification, SearchAnswer, SearchFields

Crop = Annotated[str | None, typer.Option(help="Part of the photo: x,y,width,height, in shares of its sides.")]


def search(
    photo: Annotated[Path | None, typer.Argument(help="A photo: JPEG, PNG, WebP, GIF or BMP.")] = None,
    listing: Annotated[str | None, typer.Option(help="Search by the listing of this id, not by a photo.")] = None,
    k: Annotated[int, typer.Option("-k", help="Number of listings, 1 to 100.")] = 10,
    category: Annotated[list[str] | None, typer.Option(help="Only this category; may be repeated.")] = None,
    category_path: Annotated[str | None, typer.Option(help="Only below this path: 'Home & Garden / Lamps'.")] = None,
    price_min: Annotated[float | None, typer.Option(help="Only from this price.")] = None,
    price_max: Annotated[float | None, typer.Option(help="Only up to this price.")] = None,
    currency: Annotated[str | None, typer.Option(help="Only in this currency: GBP.")] = None,
    location: Annotated[str | None, typer.Option(help="Only at this place, or part of a place.")] = None,
    region: Annotated[str | None, typer.Option(help="Only where this is the last part of the place.")] = None,
    max_age_days: Annotated[float | None, typer.Option(help="Only listed in so many days.")] = None,
    min_score: Annotated[float | None, typer.Option(help="Only from this score, 0 to 1.")] = None,
    diversity: Annotated[float, typer.Option(help="0 to 1: from most similar to most varied.")] = 0.0,
    crop: Crop = None,
    engine: Annotated[Engine, typer.Option(help="Which index answers.")] = Engine.AUTO,
    server: Server = "",
    key: Key = "",
    json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")] = False,
) -> None:
    """Find listings that look like a photo, or like a listing."""
    fields = SearchFields(
        k=k,
        category=category or [],
        category_path=category_path,
        price_min=price_min,
        price_max=price_max,
        currency=currency,
        location=location,
        region=region,
        max_age_days=max_age_days,
        min_score=min_score,
        diversity=diversity,
        crop=crop,
        engine=None if engine == Engine.AUTO else engine,
    )
    subject = _subject(photo, listing)
    answer = _asked(subject, fields, server, key) if server else _found(subject, fields)
    if json:
        print_json(answer)
    else:
        _print_results(answer)


def classify(
    photo: Annotated[Path, typer.Argument(help="A photo: JPEG, PNG, WebP, GIF or BMP.")],
    k: Annotated[int, typer.Option("-k", help="Number of categories.", min=1)] = 5,
    crop: Crop = None,
    server: Server = "",
    key: Key = "",
    json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")] = False,
) -> None:
    """Say which category a photo belongs to."""
    answer = _classified(_read(photo), k, crop, server, key)
    if json:
        print_json(answer)
        return
    rows = [(guess.category, f"{guess.probability:.3f}") for guess in answer.categories]
    print_table("Confident" if answer.confident else "Not confident", ["category", "probability"], rows)


def _subject(photo: Path | None, listing: str | None) -> bytes | str:
    """Return the photo's bytes or the listing's id, whichever is given.

    Raises:
        BadInput: none is, or both are; or the photo cannot be read.
    """
    if photo is not None and listing is None:
        return _read(photo)
    if listing is not None and photo is None:
        return listing
    raise BadInput("Give a photo, or a listing by --listing ID, and not both.")


def _found(subject: bytes | str, fields: SearchFields) -> SearchAnswer:
    if fields.engine is None:  # the other engine answers; the answer says which
        logging.getLogger("services.indexing.live").setLevel(logging.ERROR)
    with open_resources() as resources:
        service = SearchService(resources)
        if isinstance(subject, bytes):
            return search_answer(service.by_photo(subject, fields))
        return search_answer(service.by_listing(subject, fields))


def _asked(subject: bytes | str, fields: SearchFields, server: str, key: str) -> SearchAnswer:
    with asking(server, key) as client:
        return client.search(subject, fields) if isinstance(subject, bytes) else client.similar(subject, fields)


def _classified(photo: bytes, k: int, crop: str | None, server: str, key: str) -> Classification:
    if server:
        with asking(server, key) as client:
            return client.classify(photo, k=k, crop=crop)
    part = query_of(SearchFields(crop=crop)).crop
    with open_resources() as resources:
        return classify_answer(SearchService(resources).classify(photo, k, part))


def _print_results(answer: SearchAnswer) -> None:
    rows = [
        (f"{one.score:.3f}", one.listing_id, one.title, one.category, "" if one.price is None else f"{one.price:,.2f}")
        for one in answer.results
    ]
    print_table(
        f"{len(rows)} listings by {answer.engine} in {answer.took_ms['total']:.0f} ms",
        ["score", "listing", "title", "category", "price"],
        rows,
    )
    if answer.empty:
        console.print(answer.empty.detail)


def _read(photo: Path) -> bytes:
    try:
        return photo.read_bytes()
    except OSError as error:
        raise BadInput(f"{photo}: cannot be read ({error.strerror}).") from error
