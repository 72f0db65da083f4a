"""The shell blocks of the README and the docs run as they stand, each page on a demo of its own that is served."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, ROOT, name_of, shell_blocks
from tests.page.browsing import serving

_RUNNABLE = [page for page in PAGES if any(block.not_run is None for block in shell_blocks(page))]

_DOCUMENTED_SERVER = "http://127.0.0.1:8000"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which `lookalike demo` was run: it holds `data/demo`."""
    folder = tmp_path_factory.mktemp("checkout")
    environment = os.environ | {"PYTHONPATH": str(ROOT), "LOOKALIKE_THREADS": "1"}
    command = [sys.executable, "-m", "services.cli", "demo", "--no-serve"]
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, timeout=300)
    return folder


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("page", _RUNNABLE, ids=name_of)
def test_the_shell_blocks_of_a_page_run_in_order(page: Path, demo: Path, tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    subprocess.run(["cp", "-r", demo, checkout], check=True)
    (checkout / ".venv").symlink_to(sys.prefix)
    with serving(checkout / "data" / "demo", PYTHONPATH=str(ROOT)) as url:
        script = "set -euo pipefail\n" + "".join(
            f"echo '== line {block.line}'\n{block.commands.replace(_DOCUMENTED_SERVER, url)}"
            for block in shell_blocks(page)
            if block.not_run is None
        )
        environment = os.environ | {
            "PYTHONPATH": str(ROOT),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }
        ran = subprocess.run(
            ["bash", "-c", script], cwd=checkout, env=environment, capture_output=True, text=True, timeout=500
        )
    assert ran.returncode == 0, f"{ran.stdout[-3000:]}\n{ran.stderr[-3000:]}"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_fenced_shell_block_is_found(page: Path) -> None:
    assert len(list(shell_blocks(page))) == len(re.findall(r"^```sh$", page.read_text(), re.MULTILINE))
