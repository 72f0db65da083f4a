"""Settings are parsed, and settings that make no sense are refused."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from services.settings import Settings


@pytest.mark.parametrize(("given", "size"), [("2 GiB", 2 * 2**30), ("20MB", 20_000_000), ("4096", 4096)])
def test_a_size_may_have_a_unit(monkeypatch: pytest.MonkeyPatch, given: str, size: int) -> None:
    monkeypatch.setenv("LOOKALIKE_MAX_BULK_BYTES", given)
    assert Settings(_env_file=None).max_bulk_bytes == size


def test_an_empty_model_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOOKALIKE_MODEL", "")
    assert Settings(_env_file=None).model is None


@pytest.mark.parametrize(
    "wrong", [{"batch_window_ms": -1}, {"batch_window_ms": float("nan")}, {"max_waiting_photos": 0}], ids=str
)
def test_limits_under_which_no_search_could_be_embedded_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        Settings(_env_file=None, **wrong)
