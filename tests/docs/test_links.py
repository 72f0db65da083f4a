"""Links in the README and the docs lead somewhere."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.docs.pages import PAGES, ROOT, name_of

if TYPE_CHECKING:
    from pathlib import Path

_LINK = re.compile(r"\]\(([^)\s]+)\)")
_CODE_PATH = re.compile(r"`((?:services|ml|db|tests|infra|docs)/[\w./-]+)")
_CODE_NAME = re.compile(r"`((?:services|ml|db|tests)/[\w./-]+\.py): (\w+)`")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_to_a_file_leads_to_a_file_and_a_heading_in_it(page: Path) -> None:
    targets = [link for link in _LINK.findall(page.read_text()) if "://" not in link]
    broken = [target for target in targets if not _is_there(page, target)]
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_path_of_the_repository_that_a_page_names_exists(page: Path) -> None:
    missing = [path for path in _CODE_PATH.findall(page.read_text()) if not (ROOT / path).exists()]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_name_that_a_page_places_in_a_module_is_defined_there(page: Path) -> None:
    wrong = [
        f"{path}: {name}" for path, name in _CODE_NAME.findall(page.read_text()) if not _defines(ROOT / path, name)
    ]
    assert wrong == []


def _defines(module: Path, name: str) -> bool:
    return re.search(rf"^\s*(?:def|async def|class) {name}\b|^{name}\b", module.read_text(), re.MULTILINE) is not None


def _is_there(page: Path, target: str) -> bool:
    file, _, heading = target.partition("#")
    path = (page.parent / file) if file else page
    return path.exists() and (not heading or heading in _anchors(path))


def _anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub makes of the page's headings."""
    headings = _HEADING.findall(page.read_text())
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
