"""`lookalike search` and `lookalike classify`: search the local data directory, or ask a running server."""

from __future__ import annotations

import logging
import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from db.rows import photos
from db.vectors.attributes import attribute_text
from ml.photos.formats import FORMAT_NAMES
from ml.text.classifier import Words
from services.cli.terminal.console import console, output, print_json, print_table
from services.cli.terminal.resources import open_resources
from services.client import ApiError, Client
from services.errors import BadInput, LookalikeError
from services.ingest.cleaning.text import counted
from services.search.query.parsing import parse_crop
from services.search.rest.photo_urls import PhotoUrls
from services.search.rest.to_wire import search_answer
from services.search.service import SearchService
from services.settings import Engine
from services.wire import (
    SORTED_LISTINGS,
    AttributeFilter,
    AttributeValue,
    Classification,
    FacetAnswer,
    OtherOffer,
    Result,
    SearchAnswer,
    SearchFields,
    Sort,
)
from services.wire.attributes import parse_condition_texts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from services.resources import Resources

Crop = Annotated[
    str | None, typer.Option(help="Part of the photo to use: x,y,width,height, as fractions of its width and height.")
]
Attribute = Annotated[
    list[str] | None,
    typer.Option(help="Only listings with this attribute: brand=Acme, boxed=true, size=3..5; can be repeated."),
]
Sold = Annotated[
    bool | None, typer.Option("--sold/--no-sold", help="Only sold listings, or only those still for sale.")
]
FacetNames = Annotated[
    list[str] | None,
    typer.Option("--facet", help="Count the photos that pass by category, currency, seller, sold or an attribute."),
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Server = Annotated[
    str, typer.Option(help="URL of a Lookalike server to ask. Without it, the command uses the local data directory.")
]
Key = Annotated[str, typer.Option(envvar="LOOKALIKE_API_KEY", help="API key for the server.", show_envvar=True)]


def search(
    photo: Annotated[Path | None, typer.Argument(help=f"Photo to search by: {FORMAT_NAMES}.")] = None,
    listing: Annotated[str | None, typer.Option(help="Id of a listing to search by, instead of a photo.")] = None,
    k: Annotated[int, typer.Option("-k", help="Number of results, 1 to 100.")] = 10,
    category: Annotated[list[str] | None, typer.Option(help="Only this category; can be repeated.")] = None,
    category_path: Annotated[str | None, typer.Option(help="Only below this path: 'Home & Garden / Lamps'.")] = None,
    price_min: Annotated[float | None, typer.Option(help="Lowest price.")] = None,
    price_max: Annotated[float | None, typer.Option(help="Highest price.")] = None,
    currency: Annotated[str | None, typer.Option(help="Only prices in this currency, such as GBP.")] = None,
    location: Annotated[str | None, typer.Option(help="Only this location, or a part of one, such as Leeds.")] = None,
    region: Annotated[str | None, typer.Option(help="Only locations whose last part is this region.")] = None,
    max_age_days: Annotated[float | None, typer.Option(help="Only listings from the last N days.")] = None,
    attribute: Attribute = None,
    sold: Sold = None,
    facet: FacetNames = None,
    min_score: Annotated[float | None, typer.Option(help="Lowest score, 0 to 1.")] = None,
    sort: Annotated[
        Sort, typer.Option(help=f"Order of the {SORTED_LISTINGS} most similar listings; no others follow.")
    ] = "similarity",
    diversity: Annotated[float, typer.Option(help="From 0, the most similar, to 1, the most varied.")] = 0.0,
    crop: Crop = None,
    fold_copies: Annotated[
        bool, typer.Option(help="Show listings that a reviewer called the same item as one result.")
    ] = True,
    engine: Annotated[Engine, typer.Option(help="Index that answers the search.")] = Engine.AUTO,
    server: Server = "",
    key: Key = "",
    json: Json = False,
) -> None:
    """Find listings that look like a photo or like another listing."""
    fields = _search_fields(locals())
    subject = _subject(photo, listing)
    answer = _search_server(subject, fields, server=server, key=key) if server else _search_here(subject, fields)
    print_json(answer) if json else _print_results(answer)


def classify(
    photos: Annotated[
        list[Path] | None, typer.Argument(metavar="PHOTO", help=f"Photos of the item: {FORMAT_NAMES}.")
    ] = None,
    title: Annotated[str, typer.Option(help="Title of the listing.")] = "",
    description: Annotated[str, typer.Option(help="Description of the listing.")] = "",
    k: Annotated[int, typer.Option("-k", help="Number of categories.", min=1)] = 5,
    crop: Crop = None,
    server: Server = "",
    key: Key = "",
    json: Json = False,
) -> None:
    """Predict the category of an item from photos, its title and description, or both."""
    contents, words = [_read(photo) for photo in photos or ()], Words(title, description)
    if server:
        with _open_client(server, key) as client:
            answer = client.classify(*contents, title=title, description=description, k=k, crop=crop)
    else:
        answer = _classify_here(contents, words, k=k, crop=crop)
    print_json(answer) if json else _print_categories(answer)


def _search_fields(options: Mapping[str, Any]) -> SearchFields:
    """Return the fields that the options of `search` set; most have the field's name.

    Raises:
        BadInput: an attribute is malformed.
    """
    renamed = {"attributes": _conditions(options["attribute"] or []), "facets": options["facet"] or []}
    engine = None if options["engine"] == Engine.AUTO else options["engine"]
    given = {name: value for name, value in options.items() if name in SearchFields.__struct_fields__}
    return SearchFields(**{**given, **renamed, "category": options["category"] or [], "engine": engine})


def _conditions(texts: Sequence[str]) -> dict[str, AttributeFilter]:
    """Parse texts such as `brand=Acme`.

    Raises:
        BadInput: a text is malformed.
    """
    try:
        return parse_condition_texts([re.sub(r"^(\s*\w+\s*)=", r"\1:", text) for text in texts])
    except ValueError as error:
        raise BadInput(f"--attribute: {str(error).replace(':', '=')}.") from error


def _subject(photo: Path | None, listing: str | None) -> bytes | str:
    """Return the photo's bytes, or the listing's id.

    Raises:
        BadInput: neither or both are given, or the photo cannot be read.
    """
    if photo is not None and listing is None:
        return _read(photo)
    if listing is not None and photo is None:
        return listing
    raise BadInput("Give either a photo file or --listing ID.")


def _search_here(subject: bytes | str, fields: SearchFields) -> SearchAnswer:
    if fields.engine is None:  # if one engine is unavailable the other answers, and the answer names it
        logging.getLogger("services.indexing.live").setLevel(logging.ERROR)
    with open_resources(needs_model=True) as resources:
        _tell_pending(resources)
        service = SearchService(resources)
        if isinstance(subject, bytes):
            return search_answer(service.by_photo(subject, fields), PhotoUrls())
        return search_answer(service.by_listing(subject, fields), PhotoUrls())


def _tell_pending(resources: Resources) -> None:
    with resources.database.read() as session:
        if photos.any_pending(session):
            console.print(
                "Some photos are not embedded yet, so searches cannot find them. "
                "`lookalike reindex` embeds them, and so does `lookalike serve`.",
                soft_wrap=True,
            )


@contextmanager
def _open_client(server: str, key: str) -> Iterator[Client]:
    """Open a client of the server at the URL `server`.

    Raises:
        BadInput: the URL or the key is malformed.
        LookalikeError: the server does not answer, or answers with an error.
    """
    try:
        client = Client(server, key=key)
    except ValueError as error:
        raise BadInput(f"--server, --key: {error}.") from error
    with client:
        try:
            yield client
        except ApiError as error:
            raise LookalikeError(str(error)) from error


def _search_server(subject: bytes | str, fields: SearchFields, *, server: str, key: str) -> SearchAnswer:
    with _open_client(server, key) as client:
        return client.search(subject, fields) if isinstance(subject, bytes) else client.similar(subject, fields)


def _classify_here(photos: Sequence[bytes], words: Words, *, k: int, crop: str | None) -> Classification:
    box = parse_crop(crop)
    with open_resources(needs_model=True) as resources:
        return SearchService(resources).classify(photos, words, k=k, crop=box)


def _print_results(answer: SearchAnswer) -> None:
    score = "score" if answer.score_kind == "probability" else "score (cosine)"
    columns = [score, "listing", "title", "category", "price"]
    rows = [[f"{one.score:.3f}", one.listing_id, one.title, one.category, _price(one)] for one in answer.results]
    if any(one.also_offered_by for one in answer.results):
        columns.append("also offered by")
        rows = [[*row, _others(one)] for row, one in zip(rows, answer.results, strict=True)]
    found = f"{counted(len(rows), 'listing')}, found by {answer.engine} in {answer.took_ms['total']:.0f} ms"
    print_table(found, columns, rows)
    if answer.empty:
        console.print(answer.empty.detail)
    for name, facet in (answer.facets or {}).items():
        print_table(
            _facet_title(name, facet), [name, "photos"], [(_text(one.value), one.photos) for one in facet.values]
        )


def _price(one: Result | OtherOffer) -> str:
    return "" if one.price is None else f"{one.price:,.2f}"


def _others(result: Result) -> str:
    """Return the copies of a result, one a line: `lamp-2 19.00 seller-9`."""
    return "\n".join(
        " ".join(filter(None, (one.listing_id, _price(one), one.seller))) for one in result.also_offered_by
    )


def _facet_title(name: str, facet: FacetAnswer) -> str:
    numbers = "" if facet.min is None else f"; from {_text(facet.min)} to {_text(facet.max)}"
    more = f"; {counted(facet.more, 'more value')}" if facet.more else ""
    return f"{counted(facet.photos, 'photo')} with {name}{numbers}{more}"


def _text(value: AttributeValue | None) -> str:
    return "" if value is None else attribute_text(value)


def _print_categories(answer: Classification) -> None:
    rows = [(guess.category, f"{guess.probability:.3f}") for guess in answer.categories]
    if answer.in_distribution is False:
        output.print("The photo is unlike anything that the model was trained on. The categories are guesses.")
    sure = "Confident" if answer.confident else "Not confident"
    print_table(f"{sure}, by {answer.based_on}", ["category", "probability"], rows)
    for one in answer.evidence if len(answer.evidence) > 1 else ():
        output.print(f"By the {one.source} alone: {one.category} ({one.probability:.3f})", markup=False)


def _read(photo: Path) -> bytes:
    try:
        return photo.read_bytes()
    except OSError as error:
        raise BadInput(f"{photo}: this file cannot be read ({error.strerror}).") from error
