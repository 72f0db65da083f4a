"""`lookalike serve`: serve the search app and the ingest app in one process, or one of them."""

from __future__ import annotations

import gc
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.terminal.console import console
from services.cli.terminal.exit_codes import ExitCode, exit_on_sigterm
from services.cli.terminal.listening import DEFAULT_HOST, DEFAULT_PORT, ListenAddress, check_open_to, open_served
from services.cli.terminal.ports import check_port
from services.cli.terminal.resources import check_first_model, read_settings
from services.cli.terminal.start_warnings import only_server, warn_of_embedded_stores, warn_of_missing_parts
from services.cli.terminal.wait_for_stores import wait_for_stores
from services.ingest.app import create_app as create_ingest_app
from services.ingest.app import ingest_part
from services.search.app import create_app as create_search_app
from services.search.app import search_part
from services.web.app import create_app
from services.web.serving.server import http_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import uvicorn
    from litestar import Litestar

    from services.resources import Resources

    BackgroundWork = Callable[[threading.Event], None]
    """Gets an event that is set when the server stops."""

_STARTUP_FAILURE = 3
"""Exit code when the server cannot start; uvicorn uses the same."""


class ServedApp(StrEnum):
    """Which app a process serves."""

    BOTH = "both"
    SEARCH = "search"
    INGEST = "ingest"


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = DEFAULT_HOST,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on.")] = DEFAULT_PORT,
    app: Annotated[
        ServedApp, typer.Option(help="App to serve. Separate apps need PostgreSQL and a Qdrant server.")
    ] = ServedApp.BOTH,
) -> None:
    """Serve the search app and the ingest app on one port, or only one of them.

    Without settings it uses SQLite, FAISS and Qdrant Edge in the data directory.
    """
    check_port(host, port)
    address = ListenAddress(host, port)
    settings = read_settings()
    if app != ServedApp.BOTH:
        warn_of_embedded_stores(settings)
    check_first_model(settings)
    with open_served(address, settings) as resources:
        wait_for_stores(resources)
        run(resources, address, app=app)


def run(
    resources: Resources,
    address: ListenAddress,
    *,
    app: ServedApp = ServedApp.BOTH,
    work: BackgroundWork | None = None,
) -> None:
    """Serve until stopped.

    Args:
        resources: the stores and models that the app uses.
        address: where to listen.
        app: the app to serve.
        work: runs on a thread while the server runs. If it raises, the server stops and the error is raised here.

    SIGTERM ends the process with exit code 0, after the stores were closed; uvicorn would end it at once.

    Raises:
        BadInput: other machines reach the address, and no key exists.
        ModelUnusable: the live model cannot be run with these settings.
    """
    check_open_to(resources, address)
    exit_on_sigterm(ExitCode.DONE)
    resources.ensure_generation()
    resources.load_live_model()
    resources.live.refresh()
    gc.collect()
    gc.freeze()  # all objects so far live as long as the process; each collection would spend 0.1 s on them
    console.print(f"Lookalike runs at {address.url} (API documentation: /docs). Press Ctrl-C to stop.")
    style = resources.settings.request_log
    warn_of_missing_parts(resources)
    server = http_server(build_app(resources, app), host=address.host, port=address.port, request_log=style)
    with (
        only_server(resources),
        background_work(server, work),
        suppress(KeyboardInterrupt),
    ):  # uvicorn raises it again after shutting down
        server.run()
    if not server.started:
        sys.exit(_STARTUP_FAILURE)


@contextmanager
def background_work(server: uvicorn.Server, work: BackgroundWork | None) -> Iterator[None]:
    """Run `work` on a thread during the block. If it raises, stop the server and raise the error after the block."""
    if work is None:
        yield
        return
    stopping = threading.Event()
    with ThreadPoolExecutor(1, thread_name_prefix="background-work") as executor:
        running = executor.submit(work, stopping)
        running.add_done_callback(lambda ended: setattr(server, "should_exit", True) if ended.exception() else None)
        try:
            yield
        finally:
            stopping.set()
    running.result()


def build_app(resources: Resources, app: ServedApp = ServedApp.BOTH) -> Litestar:
    """Build the search app, the ingest app, or one app with the routes of both."""
    if app == ServedApp.SEARCH:
        return create_search_app(resources)
    if app == ServedApp.INGEST:
        return create_ingest_app(resources)
    return create_app(resources, title="Lookalike", parts=[search_part(resources), ingest_part(resources)])
