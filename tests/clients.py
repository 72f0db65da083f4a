"""Both kinds of client behind one interface, and a loopback server that gives scripted answers."""

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
    """Makes a client of the tested kind, with the arguments of `Client`."""

    def __call__(self, base_url: str, **settings: Any) -> Client: ...


class BlockingAsyncClient:
    """An AsyncClient with blocking methods: each call runs its own event loop; iterators become lists."""

    def __init__(self, base_url: str, **settings: Any) -> None:
        self._make = lambda: AsyncClient(base_url, **settings)
        anyio.run(self._make().aclose)  # raises for invalid settings here, as `Client` does

    def __getattr__(self, name: str) -> Callable[..., Any]:
        async def call(*arguments: Any, **named: Any) -> Any:
            async with self._make() as client:
                answer = getattr(client, name)(*arguments, **named)
                return [item async for item in answer] if hasattr(answer, "__aiter__") else await answer

        return lambda *arguments, **named: anyio.run(lambda: call(*arguments, **named))

    def close(self) -> None:
        """Do nothing: every call closes its own client."""


@contextmanager
def client_factory(kind: Connect) -> Iterator[Connect]:
    """Yield a factory of clients of one kind; they are closed when the block ends."""
    with ExitStack() as made:
        yield lambda base_url, **settings: made.enter_context(closing(kind(base_url, **settings)))


@dataclass(frozen=True, slots=True)
class ScriptedAnswer:
    """One answer. With `cut`, its Content-Length promises that many bytes more than the body has."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})
    cut: int = 0


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
    """A request that the server received."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class ScriptedServer(ThreadingHTTPServer):
    """Gives the answers in order, repeats the last one, and records the requests."""

    daemon_threads = True

    def __init__(self, *answers: ScriptedAnswer) -> None:
        super().__init__(("127.0.0.1", 0), _ScriptedHandler)
        self.answers, self.requests = deque(answers), list[ReceivedRequest]()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@contextmanager
def scripted_server(*answers: ScriptedAnswer) -> Iterator[ScriptedServer]:
    """Run a scripted server while the block runs."""
    server = ScriptedServer(*answers)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _ScriptedHandler(BaseHTTPRequestHandler):
    server: ScriptedServer

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.requests.append(ReceivedRequest(self.command, self.path, dict(self.headers), body))
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
