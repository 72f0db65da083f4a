"""The commands of `lookalike`, listed without importing them."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from services.cli.commands import COMMANDS, load
from services.cli.main import app


@pytest.mark.parametrize("name", COMMANDS)
def test_the_summary_of_a_command_is_the_first_paragraph_of_its_help(name: str) -> None:
    whole = inspect.cleandoc(load(name).help or "")
    assert whole.split("\n\n")[0].replace("\n", " ") == COMMANDS[name].summary


def test_listing_the_commands_imports_nothing_that_serves() -> None:
    script = (
        "import sys; from services.cli.main import app; app(['--help'], standalone_mode=False); print(*sys.modules)"
    )
    printed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    imported = set(printed.splitlines()[-1].split())
    assert "services.cli.commands" in imported
    assert imported.isdisjoint({"numpy", "litestar", "sqlalchemy", "qdrant_client", "faiss", "services.resources"})


def test_a_mistyped_command_suggests_the_right_one() -> None:
    result = CliRunner().invoke(app, ["serch"])
    assert result.exit_code == 2
    assert "Did you mean 'search'" in result.output


@pytest.mark.parametrize("command", ["serve", "demo"])
def test_a_port_out_of_range_is_named(command: str) -> None:
    result = CliRunner().invoke(app, [command, "--port", "99999"])
    assert result.exit_code == 2
    assert "less than or equal to 65535" in result.output
