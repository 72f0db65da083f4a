"""The photo ids that the live indexes hold, for tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from services.indexing.live import LiveIndexes

ENGINES = ("faiss", "qdrant")


def held(live: LiveIndexes, engine: str) -> list[int]:
    live.refresh()
    return live.current().index(engine).photo_ids().tolist()


def held_by_each(live: LiveIndexes) -> list[list[int]]:
    return [held(live, engine) for engine in ENGINES]
