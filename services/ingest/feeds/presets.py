"""Presets: the column mappings of well-known exports, each a file in `preset_files`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from services.errors import BadInput
from services.ingest.feeds.header_keys import header_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_PRESETS = Path(__file__).parent / "preset_files"


@dataclass(frozen=True, slots=True)
class Preset:
    """A well-known export.

    Attributes:
        name: as users write it.
        signatures: sets of columns by which the export is recognised: all of one set are in its header.
        foreign: columns that the export never has.
        other_exports: what else the program exports, and the columns by which each is recognised.
        mapping: the tables of a column mapping.
    """

    name: str
    signatures: tuple[tuple[str, ...], ...]
    foreign: tuple[str, ...]
    other_exports: Mapping[str, tuple[str, ...]]
    mapping: Mapping[str, Any]

    def fits(self, present: Iterable[str]) -> bool:
        """Say whether a table with these columns is this export."""
        return any(not missing for missing in self.missing(present))

    def missing(self, present: Iterable[str]) -> list[list[str]]:
        """Return, for each signature, the columns that the table lacks; nothing if a foreign column is there."""
        keys = {header_key(name) for name in present}
        if keys & {header_key(name) for name in self.foreign}:
            return []
        return [[name for name in signature if header_key(name) not in keys] for signature in self.signatures]


def preset_names() -> tuple[str, ...]:
    """Return the names of all presets, sorted."""
    return tuple(sorted(path.stem for path in _PRESETS.glob("*.toml")))


@cache
def find_preset(name: str) -> Preset:
    """Return a preset.

    Raises:
        BadInput: there is no such preset.
    """
    if name not in preset_names():
        raise BadInput(f"There is no preset {name!r}. Use one of {', '.join(preset_names())}.")
    tables = tomllib.loads((_PRESETS / f"{name}.toml").read_text(encoding="utf-8"))
    recognised = tables.pop("recognised")
    others = {what: tuple(columns) for what, columns in tables.pop("other_exports", {}).items()}
    return Preset(name, tuple(map(tuple, recognised["by"])), tuple(recognised.get("never_with", ())), others, tables)


def fitting_presets(present: Iterable[str]) -> list[Preset]:
    """Return the presets that a table with these columns fits."""
    columns = tuple(present)
    return [preset for preset in map(find_preset, preset_names()) if preset.fits(columns)]
