"""The pages of the documentation, and their shell blocks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]

PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")))

_BLOCK = re.compile(
    r"(?:<!-- not run: (?P<reason>[^>]+) -->\n)?^```sh\n(?P<commands>.*?)^```$", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True, slots=True)
class ShellBlock:
    """A fenced `sh` block.

    Attributes:
        line: 1-based line on which the commands start.
        not_run: why it cannot run in a test, from the comment before it; None if it is run.
    """

    line: int
    commands: str
    not_run: str | None


def shell_blocks(page: Path) -> Iterator[ShellBlock]:
    """Yield the page's shell blocks in order."""
    text = page.read_text(encoding="utf-8")
    for block in _BLOCK.finditer(text):
        line = text.count("\n", 0, block.start("commands")) + 1
        yield ShellBlock(line, block["commands"], block["reason"])


def name_of(page: Path) -> str:
    """Return the page's path from the root, as a test's id."""
    return str(page.relative_to(ROOT))
