"""Chromium and a running copy of the demo, for the page tests and the screenshots."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
from playwright.sync_api import Playwright, sync_playwright

from tests.faults.shop import wait_until_ready
from tests.sites import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page, Request

ROOT = Path(__file__).parents[2]
DEMO = Path(os.environ.get("LOOKALIKE_TEST_DEMO", ROOT / "data" / "demo"))
FOREIGN_HOST = "elsewhere.example"
"""A name that Chromium, as the tests start it, finds on loopback."""

CHROMIUM = os.environ.get("LOOKALIKE_TEST_CHROMIUM") or shutil.which("chromium")


@dataclass(slots=True)
class Demo:
    """A running copy of the demo.

    Attributes:
        url: base URL of the server, without a trailing slash.
        folder: data directory of the server.
    """

    url: str
    folder: Path

    @property
    def photos(self) -> list[Path]:
        """Photos of the catalogue, sorted by path."""
        return sorted((self.folder / "catalogue" / "photos").glob("*.jpg"))

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=30)


@contextmanager
def serving_demo_copy(folder: Path, **settings: str) -> Iterator[Demo]:
    """Copy the demo into `folder` and serve it on a free loopback port."""
    data = folder / "demo"
    shutil.copytree(DEMO, data)
    with serving(data, **settings) as url:
        yield Demo(url, data)


@contextmanager
def serving(data: Path, *, port: int | None = None, app: str = "both", **settings: str) -> Iterator[str]:
    """Serve a data directory during the block; yield the base URL."""
    port = port or free_port()
    environment = os.environ | {"LOOKALIKE_DATA_DIR": str(data), "OMP_NUM_THREADS": "2"} | settings
    command = [sys.executable, "-m", "services.cli", "serve", "--app", app, "--port", str(port)]
    with (data.parent / "server.log").open("ab") as log:
        process = subprocess.Popen(command, env=environment, cwd=data.parent, stdout=log, stderr=log)
        try:
            url = f"http://127.0.0.1:{port}"
            with httpx.Client(base_url=url) as client:
                wait_until_ready(process, client)
            yield url
        finally:
            process.terminate()
            process.wait(30)


@contextmanager
def running_chromium() -> Iterator[Browser]:
    """Run Chromium during the block."""
    with sync_playwright() as playwright:
        browser = launch_chromium(playwright)
        try:
            yield browser
        finally:
            browser.close()


def launch_chromium(playwright: Playwright) -> Browser:
    """Start Chromium without its sandbox, which containers do not allow."""
    arguments = ["--no-sandbox", f"--host-resolver-rules=MAP {FOREIGN_HOST} 127.0.0.1"]
    return playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)


@dataclass
class PageLog:
    """Requests and errors of a page."""

    requests: list[Request] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        """Record every request, exception and console error of the page from now on."""
        page.on("request", lambda request: self.requests.append(request))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)

    def requests_elsewhere(self, url: str) -> list[str]:
        """Return the requested addresses that are not on the server at `url`."""
        return [request.url for request in self.requests if not request.url.startswith((f"{url}/", "blob:", "data:"))]

    def requests_to(self, path: str) -> list[Request]:
        """Return the requests to a path."""
        return [request for request in self.requests if httpx.URL(request.url).path == path]
