"""Errors of the disk become sentences."""

from __future__ import annotations

import errno

import pytest

from services.disk_errors import disk_problem


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
