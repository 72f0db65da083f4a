"""The client in tests: both kinds of it by one interface, and a server on loopback that answers by a script."""

from __future__ import annotations

import threading
from collections import deque
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Protocol

import anyio

from services.client import AsyncClient, Client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


class Connect(Protocol):
    """Returns a client of the kind that is tested; the arguments are those of `Client`."""

    def __call__(self, base_url: str, **settings: Any) -> Client: ...


class Blocking:
    """An AsyncClient that is waited for: each call runs in an event loop of its own; iterators become lists."""

    def __init__(self, base_url: str, **settings: Any) -> None:
        self._make = lambda: AsyncClient(base_url, **settings)
        anyio.run(self._make().aclose)  # what it cannot be made with is refused now

    def __getattr__(self, name: str) -> Callable[..., Any]:
        async def asked(*arguments: Any, **named: Any) -> Any:
            async with self._make() as client:
                found = getattr(client, name)(*arguments, **named)
                return [one async for one in found] if hasattr(found, "__aiter__") else await found

        return lambda *arguments, **named: anyio.run(lambda: asked(*arguments, **named))

    def close(self) -> None:
        """Do nothing: every call closes its own."""


@contextmanager
def connecting(kind: Connect) -> Iterator[Connect]:
    """Give what makes clients of a kind; they are closed when the block ends."""
    with ExitStack() as made:
        yield lambda base_url, **settings: made.enter_context(closing(kind(base_url, **settings)))


@dataclass(frozen=True, slots=True)
class Scripted:
    """One answer. `cut` bytes more than there are were promised."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})
    cut: int = 0


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, as it came."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class ScriptedServer(ThreadingHTTPServer):
    """Gives one answer after the other, the last one again and again, and keeps what it is asked."""

    daemon_threads = True

    def __init__(self, *answers: Scripted) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers, self.asked = deque(answers), list[Asked]()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.server_port}"


@contextmanager
def scripted(*answers: Scripted) -> Iterator[ScriptedServer]:
    """Serve while the block runs."""
    server = ScriptedServer(*answers)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: ScriptedServer

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.asked.append(Asked(self.command, self.path, dict(self.headers), body))
        answers = self.server.answers
        answer = answers.popleft() if len(answers) > 1 else answers[0]
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body) + answer.cut))
        self.end_headers()
        self.wfile.write(answer.body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer

    def log_message(self, *_arguments: object) -> None:
        """Keep the test's output clean."""
