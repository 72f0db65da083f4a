"""Bodies that state a listing: JSON with photo URLs, or a form with photos; a call takes either."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import IO, TYPE_CHECKING, Any, cast
from uuid import uuid4

import msgspec
from litestar.datastructures import UploadFile
from litestar.enums import RequestEncodingType
from litestar.exceptions import ClientException, ValidationException
from litestar.openapi.spec import (
    Encoding,
    Example,
    OpenAPIFormat,
    OpenAPIHeader,
    OpenAPIMediaType,
    OpenAPIType,
    Operation,
    Reference,
    RequestBody,
    Schema,
)
from msgspec import UNSET, UnsetType

from services.errors import PhotoRejected
from services.ingest.cleaning.listing_schema import ID_LIMIT, SELLER_LIMIT
from services.ingest.pipeline.changes import GivenListing
from services.reason_codes import RejectReason
from services.web.requests import INVALID, form_values

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from litestar import Request

    from services.fetching.photo_fetcher import PhotoFetcher
    from services.ingest.pipeline.changes import GivenPhoto


class ListingFields(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A whole listing; the description of the bodies, below, says what the fields are."""

    title: str
    category: str
    description: str = ""
    price: str | float | None = None
    currency: str | None = None
    location: str = ""
    seller: str = ""
    listed_at: str | float | None = None

    def to_listing(self) -> GivenListing:
        """Return the listing."""
        return GivenListing(**_stated(self))


class NewListingFields(ListingFields, kw_only=True):
    """A listing that is added; without an id it is given one."""

    listing_id: str = msgspec.field(default_factory=lambda: uuid4().hex)

    def to_listing(self) -> GivenListing:
        """Return the listing."""
        fields = _stated(self)
        del fields["listing_id"]
        return GivenListing(**fields)


class ChangedFields(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The fields of a listing that are to change."""

    title: str | UnsetType = UNSET
    category: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    price: str | float | UnsetType | None = UNSET
    currency: str | UnsetType | None = UNSET
    location: str | UnsetType = UNSET
    seller: str | UnsetType = UNSET
    listed_at: str | float | UnsetType | None = UNSET

    def stated(self) -> dict[str, Any]:
        """Return the fields of `GivenListing` that are stated."""
        return _stated(self)


@dataclass(frozen=True, slots=True)
class UploadedPhoto:
    """A photo that came with the body."""

    name: str
    file: IO[bytes]
    max_bytes: int

    def content(self) -> bytes:
        """Return its bytes.

        Raises:
            PhotoRejected: it is too large.
        """
        content = self.file.read(self.max_bytes + 1)
        if len(content) > self.max_bytes:
            raise PhotoRejected(RejectReason.TOO_LARGE, f"{self.name} is larger than {self.max_bytes} bytes")
        return content


@dataclass(frozen=True, slots=True)
class LinkedPhoto:
    """A photo that is named by its URL."""

    name: str
    fetcher: PhotoFetcher

    def content(self) -> bytes:
        """Fetch it.

        Raises:
            PhotoRejected: it cannot be fetched.
        """
        return self.fetcher.fetch(self.name)


async def read_body(request: Request[Any, Any, Any]) -> tuple[dict[str, Any], bool]:
    """Return the body's fields, and whether they came as JSON, where they have types.

    Raises:
        ClientException: it is neither JSON nor a form.
    """
    if request.content_type[0] == RequestEncodingType.MULTI_PART:
        return form_values(await request.form()), False
    if request.content_type[0] in (RequestEncodingType.JSON, ""):
        values = await request.json()
        if not isinstance(values, dict):
            raise ClientException("The JSON body is not an object.")
        return values, True
    raise ClientException("Send application/json, or multipart/form-data with the photos as `photos`.", status_code=415)


def take_photos(
    values: dict[str, Any], *, is_json: bool, fetcher: PhotoFetcher, max_bytes: int
) -> Sequence[GivenPhoto] | None:
    """Take the photos out of a body's fields; None where it has no such field.

    Raises:
        ValidationException: they are not a list of URLs (JSON) or files (a form).
    """
    if "photos" not in values:
        return None
    given = values.pop("photos")
    if is_json:
        if not isinstance(given, list) or not all(isinstance(url, str) for url in given):
            raise ValidationException(INVALID, extra=[{"key": "photos", "message": "give a list of URLs"}])
        return [LinkedPhoto(url, fetcher) for url in given]
    files = given if isinstance(given, list) else [given]
    if not all(isinstance(file, UploadFile) for file in files):
        raise ValidationException(INVALID, extra=[{"key": "photos", "message": "give files, each with a file name"}])
    return [UploadedPhoto(file.filename, cast("IO[bytes]", file.file), max_bytes) for file in files]


def _stated(fields: msgspec.Struct) -> dict[str, Any]:
    stated = {name: value for name, value in msgspec.structs.asdict(fields).items() if value is not UNSET}
    for name in {"price", "listed_at"} & stated.keys():  # numbers or text, which are read as a file's cells are
        stated[name] = "" if stated[name] is None else str(stated[name])
    return stated


_TEXT = Schema(type=OpenAPIType.STRING)
_LINE = Schema(type=OpenAPIType.STRING, pattern=r"\S")
_FIELDS = {
    "title": _LINE,
    "category": replace(_LINE, description="A path: `Home & Garden / Lamps`."),
    "description": _TEXT,
    "price": Schema(
        any_of=[Schema(type=OpenAPIType.NUMBER, minimum=0), _TEXT], description="An amount, or text such as `£10`."
    ),
    "currency": replace(_TEXT, description="ISO 4217 code of the price; it says nothing where there is no price."),
    "location": _TEXT,
    "seller": replace(_TEXT, description=f"The marketplace's own id of who sells it: up to {SELLER_LIMIT} characters."),
    "listed_at": Schema(
        any_of=[Schema(type=OpenAPIType.NUMBER), _TEXT],
        description=(
            "When it was listed: an ISO 8601 date or date with a time (UTC unless it names a zone), or Unix seconds. "
            "What cannot be read, is before 1990 or more than a day ahead is left out; the listing is flagged "
            "`unreadable_date`. Without it, the time at which the listing was added stands for it."
        ),
    ),
}
_ID = replace(_LINE, description=f"The marketplace's own id, up to {ID_LIMIT} characters; made if there is none.")
_URLS = Schema(type=OpenAPIType.ARRAY, items=Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.URI))
_FILES = Schema(type=OpenAPIType.ARRAY, items=Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.BINARY))
_FILE_PART = Encoding(
    content_type="image/jpeg, image/png, image/webp, image/gif, image/bmp",
    headers={"Content-Disposition": OpenAPIHeader(schema=Schema(example='form-data; name="photos"; filename="a.jpg"'))},
)
_EXAMPLE = {
    "title": "Brass desk lamp",
    "category": "Home & Garden / Lamps",
    "price": "£24.50",
    "location": "Delph, Manchester",
}


def _or_null(name: str, schema: Schema) -> Schema:
    if schema.any_of is not None:
        return replace(schema, any_of=[*schema.any_of, Schema(type=OpenAPIType.NULL)])
    return replace(schema, type=[OpenAPIType.STRING, OpenAPIType.NULL]) if name == "currency" else schema


def _body(fields: dict[str, Schema], required: list[str], example: dict[str, str]) -> RequestBody:
    def described(properties: Mapping[str, Reference | Schema]) -> Schema:
        return Schema(
            type=OpenAPIType.OBJECT, properties={**properties}, required=required, additional_properties=False
        )

    in_json = {name: _or_null(name, schema) for name, schema in fields.items()}
    return RequestBody(
        content={
            "application/json": OpenAPIMediaType(
                schema=described({**in_json, "photos": _URLS}), examples={"lamp": Example(value=example)}
            ),
            "multipart/form-data": OpenAPIMediaType(
                schema=described({**fields, "photos": _FILES}), encoding={"photos": _FILE_PART}
            ),
        },
        required=True,
        description="JSON with the photos' addresses, or a form with photos: `curl -F title=Lamp -F photos=@a.jpg`.",
    )


@dataclass
class NewListingBody(Operation):
    """Describes a listing that is added."""

    def __post_init__(self) -> None:
        """Describe both kinds of body."""
        self.request_body = _body(
            {"listing_id": _ID, **_FIELDS}, ["title", "category"], {"listing_id": "lamp-9", **_EXAMPLE}
        )


@dataclass
class WholeListingBody(Operation):
    """Describes a listing that replaces another."""

    def __post_init__(self) -> None:
        """Describe both kinds of body."""
        self.request_body = _body(_FIELDS, ["title", "category"], _EXAMPLE)


@dataclass
class ChangedListingBody(Operation):
    """Describes the fields of a listing that change."""

    def __post_init__(self) -> None:
        """Describe both kinds of body."""
        self.request_body = _body(_FIELDS, [], {"price": "£19.00"})
