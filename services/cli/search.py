"""`lookalike search` and `lookalike classify`: what the search app answers, without a server."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer

from db.vectors.base import Filter
from services.cli.console import print_json, print_table
from services.cli.opening import open_resources
from services.errors import BadInput
from services.search.schemas import classify_answer, search_answer
from services.search.service import Query, SearchService
from services.settings import Engine


def search(
    photo: Annotated[Path, typer.Argument(help="A photo: JPEG, PNG, WebP, GIF or BMP.")],
    k: Annotated[int, typer.Option("-k", help="Number of listings, 1 to 100.")] = 10,
    category: Annotated[list[str] | None, typer.Option(help="Only this category; may be repeated.")] = None,
    price_min: Annotated[float | None, typer.Option(help="Only from this price.")] = None,
    price_max: Annotated[float | None, typer.Option(help="Only up to this price.")] = None,
    location: Annotated[str | None, typer.Option(help="Only at this place, or part of a place.")] = None,
    engine: Annotated[Engine, typer.Option(help="Which index answers.")] = Engine.AUTO,
    json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")] = False,
) -> None:
    """Find listings that look like a photo."""
    where = Filter(frozenset(category or ()), price_min, price_max, location)
    query = Query(k=k, where=where, engine=engine)
    if engine == Engine.AUTO:  # the other engine answers; the answer says which
        logging.getLogger("services.indexing.live").setLevel(logging.ERROR)
    with open_resources() as resources:
        answer = search_answer(SearchService(resources).by_photo(_read(photo), query))
    if json:
        print_json(answer)
        return
    rows = [
        (f"{one.score:.3f}", one.listing_id, one.title, one.category, "" if one.price is None else f"{one.price:,.2f}")
        for one in answer.results
    ]
    print_table(
        f"{len(rows)} listings by {answer.engine} in {answer.took_ms:.0f} ms",
        ["score", "listing", "title", "category", "price"],
        rows,
    )


def classify(
    photo: Annotated[Path, typer.Argument(help="A photo: JPEG, PNG, WebP, GIF or BMP.")],
    k: Annotated[int, typer.Option("-k", help="Number of categories.", min=1)] = 5,
    json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")] = False,
) -> None:
    """Say which category a photo belongs to."""
    with open_resources() as resources:
        answer = classify_answer(SearchService(resources).classify(_read(photo), k))
    if json:
        print_json(answer)
        return
    rows = [(guess.category, f"{guess.probability:.3f}") for guess in answer.categories]
    print_table("Confident" if answer.confident else "Not confident", ["category", "probability"], rows)


def _read(photo: Path) -> bytes:
    try:
        return photo.read_bytes()
    except OSError as error:
        raise BadInput(f"{photo}: cannot be read ({error.strerror}).") from error
