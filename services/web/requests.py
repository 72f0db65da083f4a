"""Reads request bodies. A body that is broken in any way becomes a client error.

Litestar 2.25 answers 500 to JSON that is not UTF-8 or is nested thousands deep, and to multipart text in a charset
that does not exist or does not fit: the decoders' own exceptions pass through. Here they become a 400.
"""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any, TypeVar, get_args

import msgspec
from litestar import Request
from litestar.datastructures import State, UploadFile
from litestar.enums import RequestEncodingType
from litestar.exceptions import ClientException, SerializationException, ValidationException
from litestar.params import QueryParameter

from services.web.invalid_values import allowed, parameters_of
from services.wire.fields import described_fields

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from litestar.datastructures import FormMultiDict
    from litestar.typing import FieldDefinition

T = TypeVar("T", bound=msgspec.Struct)

INVALID = "The request is not valid."

_PLACE = re.compile(r" - at `\$\.?(?P<path>.*)`$")


class CarefulRequest(Request[Any, Any, State]):
    """A request whose body readers raise only client errors."""

    async def json(self) -> Any:
        """Return the body as JSON values.

        Raises:
            ClientException: the body is not of a JSON type, not UTF-8, not JSON, or nested too deep.
        """
        if not is_json(self):
            raise ClientException("Send the body with the header `Content-Type: application/json`.", status_code=415)
        try:
            return await super().json()
        except UnicodeDecodeError as error:
            raise ClientException("The JSON body is not UTF-8.") from error
        except RecursionError as error:
            raise ClientException("The JSON body is nested too deep.") from error
        except SerializationException as error:
            raise ClientException(f"The body is not JSON: {error.__cause__ or error}.") from error

    async def form(self) -> FormMultiDict:
        """Return the body's form fields.

        Raises:
            ClientException: the body is not a form, or a text field is not in the charset that it names.
        """
        if not is_form(self):
            raise ClientException("Send the body as multipart/form-data.", status_code=415)
        try:
            return await super().form()
        except (LookupError, UnicodeError) as error:
            raise ClientException("A text field of the form is not in the charset that it names.") from error


def is_json(request: Request[Any, Any, Any]) -> bool:
    """Say whether the body is of a JSON type, which pages of other sites cannot send unasked (text/plain they can)."""
    media_type = request.content_type[0].lower()
    return _has_one_type(request) and (
        media_type == RequestEncodingType.JSON
        or (media_type.startswith("application/") and media_type.endswith("+json"))
    )


def is_form(request: Request[Any, Any, Any]) -> bool:
    """Say whether the body is a form with files."""
    return _has_one_type(request) and request.content_type[0].lower() == RequestEncodingType.MULTI_PART


def _has_one_type(request: Request[Any, Any, Any]) -> bool:
    return len(request.headers.getall("content-type", [])) == 1


async def check_request(request: Request[Any, Any, Any]) -> None:
    """Refuse query parameters and form fields that Litestar would ignore; a `before_request` hook.

    It also parses a multipart body before Litestar does, which reuses the result of `Request.form`.

    Raises:
        ValidationException: a field is unknown, or a parameter that takes one value has several.
        ClientException: the call takes a form, and the body is none.
    """
    handler = request.route_handler
    parameters = handler.parsed_fn_signature.parameters
    if request.url.path.startswith("/v1/"):
        taken = {
            one.kwarg_definition.name or name: one
            for name, one in parameters_of(handler).items()
            if isinstance(one.kwarg_definition, QueryParameter)
        }
        for name in dict.fromkeys(request.query_params):
            _refuse_unknown(name, taken)
            _refuse_null(request, name, taken[name])
            if len(request.query_params.getall(name)) > 1 and not taken[name].is_non_string_sequence:
                raise ValidationException(INVALID, extra=[{"key": name, "message": "send it once"}])
    if is_form(request) or _takes_form(parameters):
        form = await request.form()
        if "data" in parameters and is_dataclass(body := parameters["data"].annotation):
            for name in form:
                _refuse_unknown(name, [field.name for field in fields(body)])


def _takes_form(parameters: Mapping[str, FieldDefinition]) -> bool:
    body = parameters["data"].kwarg_definition if "data" in parameters else None
    return getattr(body, "media_type", None) == RequestEncodingType.MULTI_PART


def _refuse_null(request: Request[Any, Any, Any], name: str, parameter: FieldDefinition) -> None:
    """Refuse `null` unless the parameter is text: msgspec reads it as None, so `state=null` would mean every state."""
    if not _takes_text(parameter.annotation) and "null" in (
        value.lower() for value in request.query_params.getall(name)
    ):
        raise ValidationException(INVALID, extra=[{"key": name, "message": "is null; leave it out"}])


def _takes_text(annotation: Any) -> bool:
    return annotation is str or any(_takes_text(inner) for inner in get_args(annotation))


def _refuse_unknown(name: str, taken: Collection[str]) -> None:
    if name not in taken:
        message = f"unknown; this call takes {', '.join(taken) or 'none'}"
        raise ValidationException(INVALID, extra=[{"key": name, "message": message}])


class TextPart:
    """A part of a form that may be a text field or a small file, which is read up to one byte more than `limit`."""

    limit = 100_000

    def __init__(self, content: bytes) -> None:
        self.content = content


def decode_upload(target: type, value: Any) -> Any:
    """Return an uploaded file unchanged, or as a TextPart if `target` is one (a type decoder).

    Raises:
        ValueError: the form field is not one file.
    """
    if issubclass(target, TextPart) and isinstance(value, UploadFile):
        return target(value.file.read(target.limit + 1))
    if issubclass(target, TextPart) and isinstance(value, str):
        return target(value.encode("utf-8", "surrogatepass"))
    if isinstance(value, target):
        return value
    raise ValueError("send one file, not several" if isinstance(value, list) else "send a file with a file name")


def is_upload(target: Any) -> bool:
    """Say whether `target` is the type of an uploaded file: the predicate for `decode_upload`."""
    return isinstance(target, type) and issubclass(target, UploadFile | TextPart)


def form_values(form: FormMultiDict, struct: type[msgspec.Struct]) -> dict[str, Any]:
    """Return the values by field name, in a list if the struct's field is a list; blank text is left out."""
    lists = {field.name for field in described_fields(struct) if field.schema.get("type") == "array"}
    values: dict[str, list[Any]] = {}
    for name, value in form.multi_items():
        if not (isinstance(value, str) and not value.strip()):
            values.setdefault(name, []).append(value)
    return {name: found if name in lists or len(found) > 1 else found[0] for name, found in values.items()}


def converted(values: object, into: type[T], *, strict: bool) -> T:
    """Convert decoded JSON or form fields into a struct; text is read as numbers unless `strict`.

    Raises:
        ValidationException: a field is missing, unknown or of another type; its `extra` names the field.
    """
    try:
        return msgspec.convert(values, into, strict=strict, dec_hook=decode_upload)
    except msgspec.ValidationError as error:
        place, message = _PLACE.search(str(error)), _PLACE.sub("", str(error))
        key = place["path"] if place else ""
        problem = {"key": key, "message": message + allowed(into, key, message)}
        raise ValidationException(INVALID, extra=[problem]) from error
