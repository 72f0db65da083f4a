"""Which engine answers, and which one is next when it fails."""

from __future__ import annotations

import pytest

from services.search.planner import engines_to_try
from services.settings import Engine

AUTO, FAISS, QDRANT = Engine.AUTO, Engine.FAISS, Engine.QDRANT
BOTH = ("faiss", "qdrant")


@pytest.mark.parametrize(
    ("asked", "setting", "expected"),
    [
        (AUTO, AUTO, (FAISS, QDRANT)),
        (AUTO, QDRANT, (QDRANT, FAISS)),
        (QDRANT, AUTO, (QDRANT, FAISS)),
        (FAISS, QDRANT, (FAISS, QDRANT)),
    ],
)
def test_the_request_goes_before_the_setting_and_the_setting_before_our_choice(
    asked: Engine, setting: Engine, expected: tuple[Engine, ...]
) -> None:
    assert engines_to_try(asked, setting, BOTH) == expected


def test_an_engine_that_is_not_open_is_left_to_the_other() -> None:
    assert engines_to_try(QDRANT, AUTO, ("faiss",)) == (FAISS,)


def test_without_an_open_engine_there_is_none_to_try() -> None:
    assert engines_to_try(FAISS, AUTO, ()) == ()
