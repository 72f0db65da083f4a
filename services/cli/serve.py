"""`lookalike serve`: both apps on one port, in one process, or one of them."""

from __future__ import annotations

import gc
import socket
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from enum import StrEnum
from ipaddress import ip_address
from typing import TYPE_CHECKING, Annotated

import typer
import uvicorn

from db.rows import keys
from services.cli.terminal.console import console
from services.cli.terminal.opening import open_resources
from services.cli.terminal.waiting import await_stores
from services.errors import BadInput, LookalikeError
from services.ingest.app import create_app as create_ingest_app
from services.ingest.app import ingest_part
from services.search.app import create_app as create_search_app
from services.search.app import search_part
from services.web.app import create_app
from services.web.limits.http_protocol import BoundedHttp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from litestar import Litestar

    from services.resources import Resources
    from services.settings import Settings

DEFAULT_PORT = 8000

_STARTUP_FAILURE = 3
"""Exit code where the server could not start, as uvicorn's own."""

GRACE_S = 10
"""How long requests may take to end when the server stops; a job's events would never."""


class ServedApp(StrEnum):
    """Which app a process serves."""

    BOTH = "both"
    SEARCH = "search"
    INGEST = "ingest"


class PortTaken(LookalikeError):
    """Something else listens on the port."""

    def __init__(self, host: str, port: int, remedy: str) -> None:
        free = _next_free(host, port)
        super().__init__(f"Port {port} on {host} is taken. Port {free} is free: {remedy.format(port=free)}.")


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = DEFAULT_PORT,
    app: Annotated[
        ServedApp, typer.Option(help="What to serve; apart, they need PostgreSQL and Qdrant.")
    ] = ServedApp.BOTH,
) -> None:
    """Serve search and ingest on one port, or one of them, with the embedded stores or those that the settings name."""
    check_port(host, port)
    with open_resources(creating=True) as resources:
        if app != ServedApp.BOTH:
            _warn_of_embedded_stores(resources.settings)
        await_stores(resources)
        _check_keys(resources, host)
        run(resources, host=host, port=port, app=app)


def run(
    resources: Resources,
    *,
    host: str,
    port: int,
    app: ServedApp = ServedApp.BOTH,
    beside: Callable[[threading.Event], None] | None = None,
) -> None:
    """Serve until stopped.

    Args:
        resources: what it serves.
        host, port: where it listens.
        app: which app.
        beside: work to do on another thread while it serves; told by the event when to stop. What it raises stops the
            server and is raised here.

    Raises:
        ModelUnusable: the live model cannot be run as the settings want.
    """
    resources.ensure_generation()
    resources.load_live_model()
    resources.live.refresh()
    gc.collect()
    gc.freeze()  # what is loaded by now lives as long as the process: looking through it again takes 0.1 s each time
    console.print(f"Lookalike is at http://{host}:{port} (API: /docs). Stop it with Ctrl-C.")
    server = uvicorn.Server(
        uvicorn.Config(
            build_app(resources, app),
            host=host,
            port=port,
            http=BoundedHttp,
            ws="none",
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=GRACE_S,
        )
    )
    with beside_server(server, beside), suppress(KeyboardInterrupt):  # raised again by uvicorn once it has shut down
        server.run()
    if not server.started:
        sys.exit(_STARTUP_FAILURE)


@contextmanager
def beside_server(server: uvicorn.Server, work: Callable[[threading.Event], None] | None) -> Iterator[None]:
    """Run the work on a thread while the block runs, and stop the server where the work fails."""
    if work is None:
        yield
        return
    stopping = threading.Event()
    with ThreadPoolExecutor(1, thread_name_prefix="beside") as executor:
        running = executor.submit(work, stopping)
        running.add_done_callback(lambda ended: setattr(server, "should_exit", True) if ended.exception() else None)
        try:
            yield
        finally:
            stopping.set()
    running.result()


def _warn_of_embedded_stores(settings: Settings) -> None:
    """Say what a process that serves one app lacks to be one of several."""
    needed = {
        "LOOKALIKE_DATABASE_URL (PostgreSQL)": settings.sqlite_file is None,
        "LOOKALIKE_QDRANT_URL": bool(settings.qdrant_url),
    }
    if lacking := " and ".join(name for name, is_set in needed.items() if not is_set):
        console.print(
            f"Warning: the apps share their stores only where {lacking} name servers; "
            "what is embedded is for one process, which serves both.",
            soft_wrap=True,
        )


def _check_keys(resources: Resources, host: str) -> None:
    """Raise BadInput where strangers could reach a server that asks nobody for a key."""
    with resources.database.read() as session:
        guarded = keys.any_key(session) or resources.settings.allow_anyone
    if not guarded and not _is_this_machine(host):
        raise BadInput(
            f"--host {host}: no API key was created, so that others could reach the server and do everything. "
            "Create one (lookalike keys create --role admin), or set LOOKALIKE_ALLOW_ANYONE=true."
        )


def _is_this_machine(host: str) -> bool:
    return host == "localhost" or (_is_address(host) and ip_address(host).is_loopback)


def build_app(resources: Resources, app: ServedApp = ServedApp.BOTH) -> Litestar:
    """Return the search app, the ingest app, or one app that answers what they both answer."""
    if app == ServedApp.SEARCH:
        return create_search_app(resources)
    if app == ServedApp.INGEST:
        return create_ingest_app(resources)
    return create_app(resources, title="Lookalike", parts=[search_part(resources), ingest_part(resources)])


def check_port(host: str, port: int, *, remedy: str = "use --port {port}") -> None:
    """Raise PortTaken, which names a free port and says how to take it, when `port` cannot be listened on."""
    if not _is_free(host, port):
        raise PortTaken(host, port, remedy)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _is_free(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def _next_free(host: str, port: int) -> int:
    return next((candidate for candidate in range(port + 1, port + 200) if _is_free(host, candidate)), port + 200)
