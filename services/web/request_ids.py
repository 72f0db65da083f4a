"""An id for each request: in the answer, in the log, and in the report of whoever saw it fail."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from uuid import uuid4

from litestar.datastructures import Headers, MutableScopeHeaders

if TYPE_CHECKING:
    from litestar.types import Message, Scope

HEADER = "X-Request-ID"

_ACCEPTED = re.compile(r"[A-Za-z0-9._:-]{1,64}")
"""Ids that are taken over from the caller: what a proxy makes, and nothing that could forge a line in the log."""


def request_id(scope: Scope) -> str:
    """Return the id of the request: the one that it came with, for example from a proxy, or else a new one."""
    state = scope["state"]
    if "request_id" not in state:
        given = Headers.from_scope(scope).get(HEADER, "")
        state["request_id"] = given if _ACCEPTED.fullmatch(given) else uuid4().hex
    known: str = state["request_id"]
    return known


async def send_request_id(message: Message, scope: Scope) -> None:
    """Add the id to the answer: a `before_send` hook, since a middleware never sees what the router refuses."""
    if message["type"] == "http.response.start":
        MutableScopeHeaders.from_message(message)[HEADER] = request_id(scope)
