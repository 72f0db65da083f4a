"""The generated parts of the docs are what the code says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.docs.generate import PARTS, generated
from tests.docs.pages import PAGES, name_of

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_generated_parts_are_up_to_date(page: Path) -> None:
    text = page.read_text()
    assert text == generated(text), "run `make docs`"


def test_every_generated_part_stands_on_one_page() -> None:
    names = [name for page in PAGES for name in re.findall(r"<!-- generated: ([\w-]+) -->", page.read_text())]
    assert sorted(names) == sorted(PARTS)
