"""Errors of the disk become sentences, and a failure that repeats itself is logged rarely."""

from __future__ import annotations

import errno
import logging

import pytest

from services.disk_errors import disk_problem
from services.repeated_failures import RepeatedFailures


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (OSError(errno.EROFS, "Read-only", "/d/x"), "/d/x: the disk is read-only. Mount it so that it can be written."),
        (OSError(errno.ENOSPC, "No space"), "The disk is full. Free some space."),
        (PermissionError(errno.EACCES, "Denied", "/d/x"), "/d/x: the user of this process may not use the file."),
        (OSError(errno.EIO, "I/O", "/d/x"), "/d/x: the disk cannot read or write the file."),
        (OSError("without a number"), ""),
        (ConnectionError("refused"), ""),
        (ValueError("of another kind"), ""),
    ],
)
def test_says_what_is_wrong_with_which_file(error: Exception, sentence: str) -> None:
    found = disk_problem(error)
    assert found.startswith(sentence)
    assert bool(found) == bool(sentence)


def test_a_failure_is_logged_once_until_another_comes_or_the_work_succeeds(caplog: pytest.LogCaptureFixture) -> None:
    failures = RepeatedFailures(logging.getLogger("tests"), "it failed")
    for _ in range(3):
        failures.failed(OSError("the page is damaged"))
    assert len(caplog.records) == 1
    failures.failed(OSError("the disk is full"))
    assert len(caplog.records) == 2
    failures.worked()
    failures.failed(OSError("the disk is full"))
    assert len(caplog.records) == 3
