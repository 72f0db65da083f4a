"""Which index answers a search."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.errors import IndexUnavailable
from services.settings import Engine

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_ORDER = (Engine.FAISS, Engine.QDRANT)
"""FAISS first: it answers from this process's memory."""


def choose_engine(wanted: Engine, opened: Collection[str], unavailable: Mapping[str, str] | None = None) -> Engine:
    """Return the engine that answers: the wanted one if it is open, else the other.

    Args:
        wanted: what the request or the setting asks for; `auto` leaves the choice to us.
        opened: the engines that are open in this process.
        unavailable: why the others are not.

    Raises:
        IndexUnavailable: none is open.
    """
    preferred = [engine for engine in _ORDER if engine == wanted] + [engine for engine in _ORDER if engine != wanted]
    for engine in preferred:
        if engine in opened:
            return engine
    why = "; ".join(f"{engine}: {problem}" for engine, problem in (unavailable or {}).items())
    raise IndexUnavailable("search", why or "no index is open")
