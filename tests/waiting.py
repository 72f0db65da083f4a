"""Waits in tests: for a condition, and for the end of a job."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

Value = TypeVar("Value")

PATIENCE_S = 60.0
"""Far longer than any test needs, even on a slow machine."""


def wait_for(ask: Callable[[], Value], *, seconds: float = PATIENCE_S, every: float = 0.02) -> Value:
    """Call `ask` until its result is truthy, and return the result; fail the test after the timeout."""
    deadline = time.monotonic() + seconds
    while not (answer := ask()):
        if time.monotonic() > deadline:
            pytest.fail(f"still {answer!r} after {seconds} s")
        time.sleep(every)
    return answer


def ended(client: httpx.Client, job_id: str) -> dict[str, Any]:
    """Wait until the job has ended, and return it."""

    def job() -> dict[str, Any] | None:
        found: dict[str, Any] = client.get(f"/v1/jobs/{job_id}").json()
        return None if found["state"] in {"queued", "running"} else found

    found = wait_for(job, every=0.05)
    assert found is not None
    return found


def succeeded(client: httpx.Client, answer: httpx.Response) -> dict[str, int]:
    """Wait for the job that a request started, and return its counts; fail the test when the job failed."""
    assert answer.status_code == 202, answer.text
    job = ended(client, answer.json()["job_id"])
    assert (job["state"], job["error"]) == ("succeeded", None)
    counts: dict[str, int] = job["counts"]
    return counts
