"""Runs `lookalike` commands in the process of the tests."""

from __future__ import annotations

from typing import NamedTuple, Protocol


class CommandResult(NamedTuple):
    """The exit code of a command, and what it printed to standard output and standard error."""

    code: int
    out: str
    err: str


class RunCommand(Protocol):
    """Runs `lookalike` with these arguments."""

    def __call__(self, *arguments: str) -> CommandResult: ...
