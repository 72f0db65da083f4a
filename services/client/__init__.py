"""The Python client of both apps, sync and async: it needs httpx, httpx-sse and msgspec, and no part of a server.

    with Client("http://127.0.0.1:8000", key="...") as lookalike:
        answer = lookalike.search(Path("lamp.jpg"), SearchFields(k=5, price_max=50))
        for result in lookalike.results(answer):
            print(result.score, result.title)

Requests and answers are the structs of `services.wire`. Inside this repository only `services.cli` imports it.
"""

from services.client.async_client import AsyncClient
from services.client.errors import ApiError, NotFound, Refused, Rejected, Unavailable
from services.client.events import JobEvent
from services.client.retries import Retries
from services.client.sync_client import Client

__all__ = [
    "ApiError",
    "AsyncClient",
    "Client",
    "JobEvent",
    "NotFound",
    "Refused",
    "Rejected",
    "Retries",
    "Unavailable",
]
