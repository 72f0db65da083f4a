"""Presets: the column mappings of well-known exports, each a file in `preset_files`."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

from services.errors import BadInput

_PRESETS = Path(__file__).parent / "preset_files"


def preset_names() -> tuple[str, ...]:
    """Return the names of all presets, sorted."""
    return tuple(sorted(path.stem for path in _PRESETS.glob("*.toml")))


@cache
def preset_tables(name: str) -> dict[str, dict[str, object]]:
    """Return the tables of a preset's file. Do not change them.

    Raises:
        BadInput: there is no such preset.
    """
    if name not in preset_names():
        raise BadInput(f"There is no preset {name!r}. Use one of {', '.join(preset_names())}.")
    return tomllib.loads((_PRESETS / f"{name}.toml").read_text(encoding="utf-8"))
