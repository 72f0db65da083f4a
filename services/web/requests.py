"""Reading request bodies such that no body, however broken, becomes an internal error.

Litestar 2.25 answers 500 to JSON that is not UTF-8 or is nested thousands deep, and to multipart text in a charset
that does not exist or does not fit: the decoders' own exceptions pass through. Here they become a 400.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import msgspec
from litestar import Request
from litestar.datastructures import State, UploadFile
from litestar.enums import RequestEncodingType
from litestar.exceptions import ClientException, SerializationException, ValidationException

if TYPE_CHECKING:
    from collections.abc import Mapping

    from litestar.datastructures import FormMultiDict

T = TypeVar("T", bound=msgspec.Struct)

_PLACE = re.compile(r" - at `\$\.?(?P<path>.*)`$")


class CarefulRequest(Request[Any, Any, State]):
    """A request whose body readers raise nothing but client errors for what a client sent."""

    async def json(self) -> Any:
        """Return the body as JSON values.

        Raises:
            ClientException: it is not UTF-8, not JSON, or nested too deep.
        """
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
            ClientException: it is not a form, or a text field cannot be decoded by the charset it names.
        """
        try:
            return await super().form()
        except (LookupError, UnicodeError) as error:
            raise ClientException("A text field of the form is not in the charset that it names.") from error


async def read_form_first(request: Request[Any, Any, Any]) -> None:
    """Parse a multipart body before Litestar does: it reuses what `Request.form` found. A `before_request` hook."""
    if request.content_type[0] == RequestEncodingType.MULTI_PART:
        await request.form()


def decode_upload(target: type, value: object) -> NoReturn:
    """Say what is wrong with a form field that should have been one file (a Litestar type decoder)."""
    del target
    raise ValueError("give one file, not several" if isinstance(value, list) else "give a file, with a file name")


def is_upload(target: Any) -> bool:
    """Say whether `target` is the type of an uploaded file: the predicate that goes with `decode_upload`."""
    return isinstance(target, type) and issubclass(target, UploadFile)


def form_values(form: FormMultiDict) -> dict[str, Any]:
    """Return the fields by name, a list where a name occurs several times; text fields left blank are left out."""
    values: dict[str, list[Any]] = {}
    for name, value in form.multi_items():
        if not (isinstance(value, str) and not value.strip()):
            values.setdefault(name, []).append(value)
    return {name: found if len(found) > 1 else found[0] for name, found in values.items()}


def converted(values: Mapping[str, Any], into: type[T], *, strict: bool) -> T:
    """Convert decoded fields into a struct; text is read as numbers unless `strict`.

    Raises:
        ValidationException: a field is missing, unknown or of another type; its `extra` names the field.
    """
    try:
        return msgspec.convert(values, into, strict=strict, dec_hook=_decode)
    except msgspec.ValidationError as error:
        place, message = _PLACE.search(str(error)), _PLACE.sub("", str(error))
        if "unknown field" in message:
            message += f"; the fields are {', '.join(field.name for field in msgspec.structs.fields(into))}"
        problem = {"key": place["path"] if place else "", "message": message}
        raise ValidationException("The request is not valid.", extra=[problem]) from error


def _decode(target: type, value: Any) -> Any:
    return value if isinstance(value, target) else decode_upload(target, value)
