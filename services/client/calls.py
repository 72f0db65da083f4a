"""A call of the API as a value: what is sent, and how the answer is read. Nothing here sends anything."""

from __future__ import annotations

import inspect
import json
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import update_wrapper
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import quote

import httpx
import msgspec

from services.client.errors import error_of, no_answer, unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

T = TypeVar("T")

Photo = bytes | Path
"""A photo's bytes, or the file that they are in: JPEG, PNG, WebP, GIF or BMP."""

Outcome = httpx.Response | httpx.RequestError
"""What became of a request."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file of a form; one that is a path is opened for each try, and sent in pieces."""

    field: str
    name: str
    content: Photo

    @classmethod
    def of(cls, field: str, content: Photo) -> Upload:
        """Return the file under its own name, or some name.

        Raises:
            TypeError: it is text: a path would be taken for an address, and an address for a path.
        """
        if isinstance(content, str):
            raise TypeError("give a pathlib.Path, or bytes; an address goes into StoredSearch(image_url=...)")
        return cls(field, content.name if isinstance(content, Path) else "photo", content)

    def opened(self, until: ExitStack) -> bytes | IO[bytes]:
        """Return the bytes, or the file, open until the stack is left."""
        return self.content if isinstance(self.content, bytes) else until.enter_context(self.content.open("rb"))


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """A call.

    Attributes:
        path: below the server's address, escaped.
        read: makes the result of a good answer; it raises ApiError for one that it cannot read.
        repeatable: to be asked twice is the same as to be asked once.
        params, form: values by name; a list stands for several of one name.
        content: a JSON body; `form` is sent where there are `files`.
        wait_s: seconds for each piece of the answer, if not the client's own.
    """

    method: str
    path: str
    read: Callable[[httpx.Response], T]
    repeatable: bool = True
    params: Mapping[str, Any] = field(default_factory=dict)
    content: bytes | None = None
    form: Mapping[str, Any] = field(default_factory=dict)
    files: Sequence[Upload] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    wait_s: float | None = None

    def result(self, outcome: Outcome) -> T:
        """Return what the answer says.

        Raises:
            ApiError: there is no answer, it is an error, or it cannot be read.
        """
        if isinstance(outcome, httpx.RequestError):
            raise no_answer(outcome) from outcome
        if not outcome.is_success:
            raise error_of(outcome)
        return self.read(outcome)


@contextmanager
def request_of(call: Call[Any], http: httpx.Client | httpx.AsyncClient) -> Iterator[httpx.Request]:
    """Give the request of one try; its files are open while the block runs.

    Raises:
        OSError: a file cannot be read.
    """
    with ExitStack() as opened:
        files = [(one.field, (one.name, one.opened(opened))) for one in call.files]
        yield http.build_request(
            call.method,
            call.path,
            params=call.params or None,
            content=call.content,
            data=call.form or None,
            files=files or None,
            headers=call.headers,
            timeout=httpx.USE_CLIENT_DEFAULT if call.wait_s is None else call.wait_s,
        )


def as_method(method: Callable[..., Any], build: Callable[..., Any]) -> None:
    """Give a client's method the name, the documentation and the signature of the function that builds its call."""
    update_wrapper(method, build)
    signature = inspect.signature(build)
    me = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
    method.__signature__ = signature.replace(parameters=[me, *signature.parameters.values()])  # type: ignore[attr-defined]


def escaped(listing_id: str) -> str:
    """Return an id as one part of a path."""
    return quote(listing_id, safe="")


def json_call(path: str, asked: msgspec.Struct, into: type[T], *, method: str = "POST", repeatable: bool) -> Call[T]:
    """Return a call that sends JSON and is answered with JSON.

    Raises:
        ValueError: a number is not finite. (msgspec would send null for it: a filter would be lost without a word.)
    """
    headers = {"Content-Type": "application/json"}
    content = json.dumps(msgspec.to_builtins(asked), allow_nan=False).encode()
    return Call(method, path, json_of(into), repeatable=repeatable, content=content, headers=headers)


def json_of(into: type[T]) -> Callable[[httpx.Response], T]:
    """Return what reads a JSON answer; fields that a newer server adds are left out."""

    def read(response: httpx.Response) -> T:
        try:
            return msgspec.json.decode(response.content, type=into)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise unreadable(response, f"what is not a {into.__name__} ({error})") from error

    return read


def bytes_of(media_type: str) -> Callable[[httpx.Response], bytes]:
    """Return what reads an answer whose media type begins so."""

    def read(response: httpx.Response) -> bytes:
        found = response.headers.get("content-type", "nothing")
        if not found.startswith(media_type):
            raise unreadable(response, f"{found}, not {media_type}")
        return response.content

    return read


def nothing(_response: httpx.Response) -> None:
    """Read an answer that says nothing."""
