"""The OpenAPI description of request bodies that a call reads by itself, since it takes more than one kind."""

from __future__ import annotations

from dataclasses import dataclass, replace

import msgspec
from litestar.openapi.spec import (
    Encoding,
    Example,
    OpenAPIFormat,
    OpenAPIHeader,
    OpenAPIMediaType,
    OpenAPIType,
    Operation,
    Parameter,
    RequestBody,
    Schema,
)

from services import wire

_IMAGE = Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.BINARY, description="JPEG, PNG, WebP, GIF or BMP.")
_IMAGE_PART = Encoding(
    content_type="image/jpeg, image/png, image/webp, image/gif, image/bmp",
    headers={"Content-Disposition": OpenAPIHeader(schema=Schema(example='form-data; name="image"; filename="a.jpg"'))},
)
_TEXT = Schema(type=OpenAPIType.STRING)
_BOOLEAN = Schema(type=OpenAPIType.BOOLEAN)
_SHARE = Schema(type=OpenAPIType.NUMBER, minimum=0, maximum=1, default=0)
_PRICE = Schema(type=OpenAPIType.NUMBER, minimum=0, description="Inclusive; who has no price is left out.")
_K = Schema(type=OpenAPIType.INTEGER, minimum=1, maximum=100, default=10, description="Number of listings.")
_CURRENCY = Schema(type=OpenAPIType.STRING, pattern="^[A-Za-z]{3}$", description="ISO 4217 code of the price.")
_NUMBER = r"\s*[0-9]*\.?[0-9]+\s*"
_FOUR_NUMBERS = f"^{_NUMBER}(,{_NUMBER}){{3}}$"
_TEXTS = Schema(type=OpenAPIType.ARRAY, items=_TEXT)
_WEIGHTS = Schema(type=OpenAPIType.ARRAY, items=Schema(type=OpenAPIType.NUMBER, exclusive_minimum=0))

FIELDS = {
    "k": _K,
    "category": replace(_TEXTS, description="Any of these."),
    "category_path": replace(_TEXT, description="The first levels of the path: `Home & Garden / Lamps`."),
    "price_min": _PRICE,
    "price_max": _PRICE,
    "currency": _CURRENCY,
    "location": replace(_TEXT, description="A place, or one part of it: `Delph, Manchester` or `Delph`."),
    "region": replace(_TEXT, description="The last part of the place."),
    "max_age_days": Schema(
        type=OpenAPIType.NUMBER, exclusive_minimum=0, maximum=36_500, description="Days since it was listed, at most."
    ),
    "seller": replace(_TEXTS, description="Any of these."),
    "exclude_seller": replace(_TEXTS, description="None of these."),
    "same_seller": replace(_BOOLEAN, description="Only of the seller of the listing asked by, or only of others."),
    "exclude_listing": replace(_TEXTS, description="None of these, such as those already seen."),
    "min_score": replace(_SHARE, description="Least similarity."),
    "diversity": replace(_SHARE, description="From the most similar results to those that differ from each other."),
    "price_weight": replace(_SHARE, description="How far the score falls with the distance in price."),
    "place_weight": replace(_SHARE, description="How far the score falls with the distance in place."),
    "recency_weight": replace(_SHARE, description="How far the score falls with age."),
    "near_price": Schema(
        type=OpenAPIType.NUMBER,
        exclusive_minimum=0,
        description="What prices are compared with; that of the listing asked by, if left out.",
    ),
    "near_currency": replace(_CURRENCY, description="Of `near_price`."),
    "near_place": replace(_TEXT, description="What places are compared with; that of the listing asked by."),
    "category_aware": replace(_BOOLEAN, description="Prefer the categories that the model sees."),
    "crop": replace(
        _TEXT, pattern=_FOUR_NUMBERS, description="Part of the photo: `x,y,width,height`, in shares of its sides."
    ),
    "engine": Schema(
        type=OpenAPIType.STRING,
        enum=["auto", "faiss", "qdrant"],
        default="auto",
        description="The index to ask; the answer's `plan` says which one did, and why.",
    ),
    "cursor": replace(
        _TEXT,
        description="Where the answer before ended. It holds the whole query: nothing but `k` is given besides it, and "
        "a listing in the path means nothing. After 500 listings there is no further one.",
    ),
}
"""The fields of `services.wire.search.SearchFields`."""

_SUBJECTS = {
    "listing_id": replace(_TEXT, description="Search by this listing's photos; the listing itself is left out."),
    "photo_id": Schema(type=OpenAPIType.INTEGER, description="Search by this photo; its own listing is left out."),
    "query_token": replace(_TEXT, description="Search again by the photo of an earlier answer."),
    "image_url": replace(_TEXT, format=OpenAPIFormat.URI, description="Search by the photo at this public address."),
}
_CURSOR = {"cursor": FIELDS["cursor"]}
_NO_CURSOR = {"cursor": Schema(type=OpenAPIType.NULL)}


def _in_json(properties: dict[str, Schema]) -> dict[str, Schema]:
    """Return the fields as JSON may have them: those that need not be there may be null."""
    optional = {field.name for field in msgspec.structs.fields(wire.StoredSearch) if field.default is None}
    return {name: _or_null(one) if name in optional else one for name, one in properties.items()}


def _or_null(schema: Schema) -> Schema:
    assert isinstance(schema.type, OpenAPIType), "the fields have one type each"
    enum = [*schema.enum, None] if schema.enum else None
    return replace(schema, type=[schema.type, OpenAPIType.NULL], enum=enum, default=None)


def _object(properties: dict[str, Schema], required: list[str]) -> Schema:
    return Schema(type=OpenAPIType.OBJECT, properties={**properties}, required=required, additional_properties=False)


def _one_way(name: str, schema: Schema) -> Schema:
    return Schema(required=[name], properties={name: Schema(type=schema.type)})


STORED = replace(
    _object(_in_json({**_SUBJECTS, **FIELDS}), []),
    one_of=[_one_way(name, schema) for name, schema in {**_SUBJECTS, **_CURSOR}.items()],
)
"""A search by what is known."""


def _unchecked(schema: Schema) -> Schema:
    """Return a search of a batch: what is wrong with its values is said in its own answer, and refuses no other."""
    loose = {
        name: Schema(type=one.type, items=one.items, enum=one.enum, description=one.description)
        for name, one in (schema.properties or {}).items()
        if isinstance(one, Schema)
    }
    return _object(loose, [])


def _form(fields: dict[str, Schema]) -> OpenAPIMediaType:
    schema = _object({"image": _IMAGE, **fields}, ["image"])
    return OpenAPIMediaType(schema=schema, encoding={"image": _IMAGE_PART})


def _json(schema: Schema, **examples: object) -> OpenAPIMediaType:
    return OpenAPIMediaType(
        schema=schema, examples={name: Example(summary=name, value=value) for name, value in examples.items()}
    )


@dataclass
class SearchBody(Operation):
    """An uploaded photo, or what is known."""

    def __post_init__(self) -> None:
        """Describe both kinds of body."""
        form = {name: schema for name, schema in FIELDS.items() if name != "cursor"}
        known = _json(
            STORED,
            listing={"listing_id": "lamp-1", "k": 5, "category": ["Home & Garden"], "price_max": 50},
            crop={"query_token": "...", "crop": "0.25,0.25,0.5,0.5"},
            next_page={"cursor": "...", "k": 20},
        )
        self.request_body = RequestBody(
            content={"multipart/form-data": _form(form), "application/json": known},
            required=True,
            description="A photo: `curl -F image=@lamp.jpg -F k=5 -F price_max=50 .../v1/search`. Or what is known.",
        )


@dataclass
class BatchBody(Operation):
    """Several searches."""

    def __post_init__(self) -> None:
        """Describe the body."""
        queries = Schema(type=OpenAPIType.ARRAY, items=_unchecked(STORED), min_items=1, max_items=20)
        example = {"queries": [{"listing_id": "lamp-1"}, {"photo_id": 7, "k": 3}]}
        self.request_body = RequestBody(
            content={"application/json": _json(_object({"queries": queries}, ["queries"]), two=example)}, required=True
        )


@dataclass
class RecommendBody(Operation):
    """What a buyer liked and what not."""

    def __post_init__(self) -> None:
        """Describe the body."""
        taste: dict[str, Schema] = {
            "positive": replace(_TEXTS, description="Listings that are liked."),
            "negative": replace(_TEXTS, description="Listings that are not."),
            "query_token": _or_null(
                replace(_TEXT, description="An earlier search, which counts as one more that is liked.")
            ),
            "positive_weights": _WEIGHTS,
            "negative_weights": _WEIGHTS,
            "strategy": Schema(type=OpenAPIType.STRING, enum=["average", "best_score"], default="average"),
        }
        example = {"positive": ["lamp-1", "lamp-2"], "negative": ["lamp-3"], "diversity": 0.3, "k": 10}
        less_like = {"query_token": "...", "negative": ["lamp-3"]}
        schema = _object({**taste, **_in_json(FIELDS)}, [])
        schema.any_of = [
            Schema(properties={"positive": Schema(min_items=1), **_NO_CURSOR}, required=["positive"]),
            Schema(properties={"query_token": _TEXT, **_NO_CURSOR}, required=["query_token"]),
            Schema(properties={"positive": Schema(max_items=0), **_CURSOR}, required=["cursor"]),
        ]
        content = _json(schema, liked=example, less_like_this=less_like)
        self.request_body = RequestBody(content={"application/json": content}, required=True)


@dataclass
class ClassifyBody(Operation):
    """An uploaded photo."""

    def __post_init__(self) -> None:
        """Describe the body."""
        fields = {"k": replace(_K, default=5, description="Number of categories."), "crop": FIELDS["crop"]}
        self.request_body = RequestBody(
            content={"multipart/form-data": _form(fields)},
            required=True,
            description="`curl -F image=@lamp.jpg -F k=3 .../v1/classify`",
        )


@dataclass
class SimilarQuery(Operation):
    """The fields of a search as query parameters: Litestar 2.25 leaves out some limits, and says null."""

    def __post_init__(self) -> None:
        """Describe the parameters as the bodies' fields."""
        self.parameters = [
            _as_in_bodies(one) if isinstance(one, Parameter) and one.name in FIELDS else one
            for one in self.parameters or ()
        ]


def _as_in_bodies(parameter: Parameter) -> Parameter:
    schema = FIELDS[parameter.name]
    return replace(parameter, schema=schema, description=schema.description)
