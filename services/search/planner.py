"""Which index answers a search."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.settings import Engine

if TYPE_CHECKING:
    from collections.abc import Collection

_ORDER = (Engine.FAISS, Engine.QDRANT)
"""FAISS first: it answers from this process's memory."""


def engines_to_try(asked: Engine, setting: Engine, opened: Collection[str]) -> tuple[Engine, ...]:
    """Return the engines that can answer, the wanted one first; the next one serves where that one fails.

    Args:
        asked: what the request asks for; `auto` leaves it to the setting.
        setting: what the installation prefers; `auto` leaves it to us.
        opened: the engines that are open in this process; those that are not are left out.
    """
    wanted = setting if asked == Engine.AUTO else asked
    preferred = sorted(_ORDER, key=lambda engine: engine != wanted)
    return tuple(engine for engine in preferred if engine in opened)
