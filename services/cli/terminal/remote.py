"""Commands that ask a server, rather than open the data directory."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from services.client import ApiError, Client
from services.errors import BadInput, LookalikeError

if TYPE_CHECKING:
    from collections.abc import Iterator

Server = Annotated[str, typer.Option(help="Ask the server at this URL; without it, this data directory answers.")]
Key = Annotated[str, typer.Option(envvar="LOOKALIKE_API_KEY", help="An API key of the server.", show_envvar=True)]


@contextmanager
def asking(server: str, key: str) -> Iterator[Client]:
    """Give a client of the server.

    Raises:
        BadInput: the URL or the key cannot be one.
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
