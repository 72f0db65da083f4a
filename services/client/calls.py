"""API calls as values: the request, how to read its answer, and httpx's settings. Nothing here uses the network."""

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

from services.client.errors import error_from, missing_answer, unreadable_answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

T = TypeVar("T")

Photo = bytes | Path
"""A photo's bytes, or the path of its file: JPEG, PNG, WebP, GIF, BMP, HEIC, AVIF or TIFF."""

Outcome = httpx.Response | httpx.RequestError
"""The result of sending a request: an answer of any status, or the reason why there is none."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file in a form. A path is opened for each attempt and streamed."""

    field: str
    name: str
    content: Photo

    @classmethod
    def of(cls, field: str, content: Photo) -> Upload:
        """Return an upload of `content`, named after its file, or `photo` for bytes.

        Raises:
            TypeError: `content` is text, which may be a path or a URL.
        """
        if isinstance(content, str):
            raise TypeError(
                f"A photo must be a pathlib.Path or bytes, not the text {content!r}. "
                "To search by a URL, use StoredSearch(image_url=...)."
            )
        return cls(field, content.name if isinstance(content, Path) else "photo", content)

    def open(self, stack: ExitStack) -> bytes | IO[bytes]:
        """Return the bytes, or the file, which `stack` closes."""
        return self.content if isinstance(self.content, bytes) else stack.enter_context(self.content.open("rb"))


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """A request, and how to read its answer.

    Attributes:
        path: relative to the server's base URL, percent-encoded.
        read: turns a successful answer into the result; raises ApiError when it cannot.
        repeatable: whether sending the request twice has the same effect as sending it once.
        params, form: values by name; a list gives several values for one name.
        content: a JSON body; calls with `files` send a `form` instead.
        timeout_s: timeout for each piece of the answer; the client's own when None.
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
    timeout_s: float | None = None

    def result(self, outcome: Outcome) -> T:
        """Return the result of the call.

        Raises:
            ApiError: there is no answer, or it is an error or unreadable.
        """
        if isinstance(outcome, httpx.RequestError):
            raise missing_answer(outcome) from outcome
        if not outcome.is_success:
            raise error_from(outcome)
        return self.read(outcome)


def httpx_options(base_url: str, *, key: str, timeout_s: float) -> dict[str, Any]:
    """Return the arguments of an httpx client; redirects stay off, so that the key goes to the named server only.

    Raises:
        ValueError: `base_url` is not an HTTP URL, or `key` is not printable ASCII.
    """
    try:
        url = httpx.URL(base_url)
    except httpx.InvalidURL as error:
        raise ValueError(f"{base_url!r} is not a URL ({error}). Use one such as http://127.0.0.1:8000") from error
    if url.scheme not in ("http", "https") or not url.host:
        raise ValueError(f"{base_url!r} is not a server address. Use one such as http://127.0.0.1:8000")
    if not (key.isascii() and key.isprintable()):
        raise ValueError("The API key has characters that no API key has. Copy it again.")
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return {"base_url": url, "headers": headers, "timeout": timeout_s}


@contextmanager
def build_request(call: Call[Any], http: httpx.Client | httpx.AsyncClient) -> Iterator[httpx.Request]:
    """Build the request of one attempt; its files stay open while the block runs.

    Raises:
        OSError: a file cannot be read.
    """
    with ExitStack() as stack:
        files = [(upload.field, (upload.name, upload.open(stack))) for upload in call.files]
        yield http.build_request(
            call.method,
            call.path,
            params=call.params or None,
            content=call.content,
            data=call.form or None,
            files=files or None,
            headers=call.headers,
            timeout=httpx.USE_CLIENT_DEFAULT if call.timeout_s is None else call.timeout_s,
        )


def document_method(method: Callable[..., Any], build: Callable[..., Any]) -> None:
    """Give a client method the name, docstring and signature of `build`, the function that builds its call."""
    update_wrapper(method, build)
    signature = inspect.signature(build)
    self_parameter = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
    parameters = [self_parameter, *signature.parameters.values()]
    method.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]


def path_segment(record_id: str) -> str:
    """Return an id percent-encoded as one segment of a path."""
    return quote(record_id, safe="")


def json_call(
    path: str, body: msgspec.Struct, answer_type: type[T], *, method: str = "POST", repeatable: bool
) -> Call[T]:
    """Return a call that sends JSON and expects JSON.

    Raises:
        ValueError: a number is not finite. msgspec would send null, and so silently drop a filter.
    """
    headers = {"Content-Type": "application/json"}
    content = json.dumps(msgspec.to_builtins(body), allow_nan=False).encode()
    return Call(method, path, json_reader(answer_type), repeatable=repeatable, content=content, headers=headers)


def json_reader(answer_type: type[T]) -> Callable[[httpx.Response], T]:
    """Return a function that decodes a JSON answer and ignores fields that a newer server adds."""

    def read(response: httpx.Response) -> T:
        try:
            return msgspec.json.decode(response.content, type=answer_type)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise unreadable_answer(response, f"no valid {answer_type.__name__} ({error})") from error

    return read


def bytes_reader(media_type: str) -> Callable[[httpx.Response], bytes]:
    """Return a function that returns the body of an answer whose media type starts with `media_type`."""

    def read(response: httpx.Response) -> bytes:
        actual = response.headers.get("content-type", "nothing")
        if not actual.startswith(media_type):
            raise unreadable_answer(response, f"{actual} instead of {media_type}")
        return response.content

    return read


def no_content(_response: httpx.Response) -> None:
    """Ignore the body of an answer."""
