"""Request ids, which link an answer to the log."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from uuid import uuid4

from litestar.datastructures import Headers, MutableScopeHeaders

if TYPE_CHECKING:
    from litestar.types import Message, Scope

HEADER = "X-Request-ID"

_ACCEPTED = re.compile(r"[A-Za-z0-9._:-]{1,64}")
"""Ids accepted from the caller, such as a proxy; no characters that could forge a line in the log."""


def request_id(scope: Scope) -> str:
    """Return the request's id: the caller's X-Request-ID if acceptable, otherwise a new one."""
    state = scope["state"]
    if "request_id" not in state:
        sent = Headers.from_scope(scope).get(HEADER, "")
        state["request_id"] = sent if _ACCEPTED.fullmatch(sent) else uuid4().hex
    return str(state["request_id"])


async def send_request_id(message: Message, scope: Scope) -> None:
    """Add the id to the answer: a `before_send` hook, since no middleware sees requests that the router refuses."""
    if message["type"] == "http.response.start":
        MutableScopeHeaders.from_message(message)[HEADER] = request_id(scope)
