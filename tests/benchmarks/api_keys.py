"""Measures what API keys cost: searches of 16 clients without keys, with one good key, and beside wrong secrets.

    python -m tests.benchmarks.api_keys DATA_DIR [--seconds 10] [--checkout OTHER_VERSION]

DATA_DIR is copied. With `--checkout`, the same load is also sent to the server of another checkout of this repository.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from services.bench.machine import this_machine
from tests.benchmarks.load import Load, saturating
from tests.benchmarks.serving import CONCURRENCY, wait_until_ready
from tests.sites import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parents[2]
WRONG_AT_ONCE = 8
PATH = "/v1/categories"


def main() -> None:
    """Measure this version, and the other one if there is one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data_dir", type=Path)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--checkout", type=Path)
    arguments = parser.parse_args()
    print(this_machine())
    for checkout in filter(None, (arguments.checkout, HERE)):
        with tempfile.TemporaryDirectory() as folder:
            data = Path(shutil.copytree(arguments.data_dir, Path(folder) / "data"))
            measure(checkout, data, arguments.seconds)


def measure(checkout: Path, data: Path, seconds: float) -> None:
    """Print the load of one version, first without keys."""
    print(f"{'this version' if checkout == HERE else checkout.name}, {CONCURRENCY} clients, GET {PATH}")
    with server(checkout, data) as port:
        report("no keys", saturating(port, [request("")], at_once=CONCURRENCY, seconds=seconds))
    key = run(checkout, data, "keys", "create", "--role", "read").strip()
    wrong = key[:-8] + "AAAAAAAA"
    with server(checkout, data) as port:
        good = request(key)
        report("one good key", saturating(port, [good], at_once=CONCURRENCY, seconds=seconds))
        with background(port, request(wrong), seconds):
            report("beside wrong secrets", saturating(port, [good], at_once=CONCURRENCY, seconds=seconds))


@contextmanager
def background(port: int, wrong: bytes, seconds: float) -> Iterator[None]:
    """Send wrong secrets during the block."""
    sent: list[Load] = []
    sender = threading.Thread(
        target=lambda: sent.append(saturating(port, [wrong], at_once=WRONG_AT_ONCE, seconds=seconds + 1))
    )
    sender.start()
    time.sleep(0.5)
    yield
    sender.join()
    print(f"  wrong secrets, {WRONG_AT_ONCE} at once: {dict(sent[0].statuses)}")


def report(name: str, load: Load) -> None:
    slowest = max(load.took_ms, default=float("nan"))
    print(f"  {name:<22}{load.summary()}, slowest {slowest:.0f} ms")


def request(key: str) -> bytes:
    """Return the bytes of a request with a key, or without one."""
    header = f"Authorization: Bearer {key}\r\n" if key else ""
    return f"GET {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\n{header}\r\n".encode()


@contextmanager
def server(checkout: Path, data: Path) -> Iterator[int]:
    """Serve during the block, and yield the port."""
    port = free_port()
    process = subprocess.Popen(command("serve", "--port", str(port)), env=environment(checkout, data), cwd=checkout)
    try:
        wait_until_ready(f"http://127.0.0.1:{port}/health/live", process)
        yield port
    finally:
        process.terminate()
        process.wait(60)


def run(checkout: Path, data: Path, *arguments: str) -> str:
    """Run a command and return what it prints."""
    done = subprocess.run(
        command(*arguments),
        env=environment(checkout, data),
        cwd=checkout,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return done.stdout


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "services.cli", *arguments]


def environment(checkout: Path, data: Path) -> dict[str, str]:
    return {**os.environ, "LOOKALIKE_DATA_DIR": str(data), "PYTHONPATH": str(checkout)}


if __name__ == "__main__":
    main()
