"""A browser, and the demo that it looks at: for the tests of the page, and for its screenshots."""

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
CHROMIUM = os.environ.get("LOOKALIKE_TEST_CHROMIUM") or shutil.which("chromium")


@dataclass(slots=True)
class Demo:
    """A copy of the demo that is served.

    Attributes:
        url: where it is, without a slash at the end.
        folder: its data directory.
    """

    url: str
    folder: Path

    @property
    def photos(self) -> list[Path]:
        """The photos of its catalogue."""
        return sorted((self.folder / "catalogue" / "photos").glob("*.jpg"))

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=30)


@contextmanager
def served(folder: Path, **settings: str) -> Iterator[Demo]:
    """Serve a copy of the demo, in `folder`, on a free port of loopback."""
    data = folder / "demo"
    shutil.copytree(DEMO, data)
    with serving(data, **settings) as url:
        yield Demo(url, data)


@contextmanager
def serving(data: Path, *, port: int | None = None, app: str = "both", **settings: str) -> Iterator[str]:
    """Serve a data directory, and give the address."""
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
def browser() -> Iterator[Browser]:
    """Start Chromium."""
    with sync_playwright() as playwright:
        opened = launched(playwright)
        try:
            yield opened
        finally:
            opened.close()


def launched(playwright: Playwright) -> Browser:
    """Start Chromium without its sandbox, which containers do not allow."""
    return playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])


@dataclass
class Witness:
    """What a page asked for, and what went wrong in it."""

    requests: list[Request] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        """Note every request, error and message of the page from now on."""
        page.on("request", lambda request: self.requests.append(request))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda said: self.errors.append(said.text) if said.type == "error" else None)

    def strangers(self, url: str) -> list[str]:
        """Return the addresses asked for that are not at `url`."""
        return [one.url for one in self.requests if not one.url.startswith((f"{url}/", "blob:", "data:"))]

    def of(self, path: str) -> list[Request]:
        """Return the requests of a path."""
        return [one for one in self.requests if httpx.URL(one.url).path == path]
