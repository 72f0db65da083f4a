"""Lets a command ask a running server instead of opening the data directory."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from services.client import ApiError, Client
from services.errors import BadInput, LookalikeError

if TYPE_CHECKING:
    from collections.abc import Iterator

Server = Annotated[
    str, typer.Option(help="URL of a Lookalike server to ask. Without it, the command uses the local data directory.")
]
Key = Annotated[str, typer.Option(envvar="LOOKALIKE_API_KEY", help="API key for the server.", show_envvar=True)]


@contextmanager
def open_client(server: str, key: str) -> Iterator[Client]:
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
