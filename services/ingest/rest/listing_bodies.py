"""Reads bodies that hold a listing: JSON with the photos' addresses, or a form with the photos as files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, TypeVar, cast

import msgspec
from litestar.datastructures import UploadFile
from litestar.exceptions import ClientException, ValidationException
from msgspec import UNSET

from services.errors import PhotoRejected
from services.fetching.photo_fetcher import Caller
from services.ingest.photos.urls import normal_url
from services.ingest.pipeline.listing_input import ListingInput
from services.reason_codes import RejectReason
from services.web.requests import INVALID, converted, form_values, is_form, is_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from litestar import Request

    from services.fetching.photo_fetcher import PhotoFetcher
    from services.ingest.pipeline.changes import PhotoInput
    from services.resources import Resources
    from services.wire import ListingChange, WholeListing

T = TypeVar("T", bound=msgspec.Struct)

_CALLER = Caller("Send the listing again later", max_waiting=8)
"""With those being fetched (LOOKALIKE_FETCH_PER_HOST), fewer than the threads for changes: one host cannot hold all."""


@dataclass(frozen=True, slots=True)
class UploadedPhoto:
    """A photo that came with the body."""

    name: str
    file: IO[bytes]
    max_bytes: int

    def content(self) -> bytes:
        """Return the photo's bytes.

        Raises:
            PhotoRejected: the file is too large.
        """
        content = self.file.read(self.max_bytes + 1)
        if len(content) > self.max_bytes:
            raise PhotoRejected(RejectReason.TOO_LARGE, f"{self.name} is larger than {self.max_bytes} bytes")
        return content


@dataclass(frozen=True, slots=True)
class LinkedPhoto:
    """A photo that the body names by its address."""

    name: str
    fetcher: PhotoFetcher

    def content(self) -> bytes:
        """Fetch the photo.

        Raises:
            PhotoRejected: it cannot be fetched.
            Overloaded: too many photos of its host are being fetched.
        """
        return self.fetcher.fetch(self.name, _CALLER)


async def read_listing(
    request: Request[Any, Any, Any], struct: type[T], resources: Resources
) -> tuple[T, Sequence[PhotoInput] | None]:
    """Return the body's fields, and its photos; None if the body has no field `photos`.

    Raises:
        ClientException: the body is neither JSON nor a form.
        ValidationException: a field is missing, unknown or of another type.
    """
    if is_form(request):
        values = form_values(await request.form(), struct)
        photos = _uploaded(values.pop("photos", None), resources.settings.max_upload_bytes)
        if isinstance(text := values.get("attributes"), str):
            values["attributes"] = _decoded(text)
        return converted(values, struct, strict=False), photos
    if is_json(request):
        values = await request.json()
        if not isinstance(values, dict):
            raise ClientException("The JSON body is not an object.")
        photos = _linked(values.pop("photos"), resources.photo_fetcher) if "photos" in values else None
        return converted(values, struct, strict=True), photos
    raise ClientException("Send application/json, or multipart/form-data with the photos as `photos`.", status_code=415)


def _decoded(text: str) -> object:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise ValidationException(INVALID, extra=[{"key": "attributes", "message": "send a JSON object"}]) from error


def listing_input(listing: WholeListing) -> ListingInput:
    """Return a whole listing without its id and photos, which are separate arguments of a change."""
    fields = set_fields(listing)
    return ListingInput(**{name: fields[name] for name in fields if name not in {"listing_id", "photos"}})


def set_fields(listing: WholeListing | ListingChange) -> dict[str, Any]:
    """Return the fields that are set, named as those of `ListingInput`; numbers become text, as in a file's cells."""
    fields = {name: value for name, value in msgspec.structs.asdict(listing).items() if value is not UNSET}
    for name in {"price", "listed_at"} & fields.keys():
        fields[name] = "" if fields[name] is None else str(fields[name])
    return fields


def _linked(urls: object, fetcher: PhotoFetcher) -> Sequence[PhotoInput]:
    if not isinstance(urls, list) or not all(isinstance(url, str) for url in urls):
        raise ValidationException(INVALID, extra=[{"key": "photos", "message": "send a list of URLs"}])
    return [LinkedPhoto(normal_url(url) or url, fetcher) for url in urls]


def _uploaded(files: list[object] | None, max_bytes: int) -> Sequence[PhotoInput] | None:
    if files is None:
        return None
    uploads = [file for file in files if isinstance(file, UploadFile)]
    if len(uploads) < len(files):
        raise ValidationException(INVALID, extra=[{"key": "photos", "message": "send files, each with a file name"}])
    return [UploadedPhoto(file.filename, cast("IO[bytes]", file.file), max_bytes) for file in uploads]
