"""Compares column names without regard to how they are written. Pure."""

from __future__ import annotations

import re

_SPACING = re.compile(r"[\s_\-]+")


def header_key(name: str) -> str:
    """Return a column name without case, blanks, `_`, `-`, a BOM, the `g:` of Google's feeds and the `*` of eBay's."""
    return _SPACING.sub("", name.strip("\ufeff").casefold()).removeprefix("g:").removeprefix("*")


def pattern_key(pattern: str) -> str:
    """Return a pattern such as `IMAGE *` as `header_key` does names; a `*` stays."""
    return _SPACING.sub("", pattern.casefold())
