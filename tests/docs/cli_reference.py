"""The help of every command as Markdown."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

import typer
from typer.cli import get_docs_for_click

from services.cli.commands import COMMANDS, load
from services.cli.main import app

if TYPE_CHECKING:
    import click


def cli_reference() -> str:
    """Return the Markdown page, with a section for each command and its options."""
    command = typer.main.get_group(app)
    command.commands = {name: load(name) for name in COMMANDS}
    _show_whole_summaries(command)
    return get_docs_for_click(obj=command, ctx=typer.Context(command), name="lookalike").rstrip() + "\n"


def _show_whole_summaries(command: click.Command) -> None:
    """Set each command's summary to the first paragraph of its help, which click would cut after 45 characters."""
    command.short_help = inspect.cleandoc(command.help or "").split("\n\n")[0]
    for subcommand in getattr(command, "commands", {}).values():
        _show_whole_summaries(subcommand)
