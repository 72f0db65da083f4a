"""Sentences for errors of the disk: what is wrong with which file, and what to do."""

from __future__ import annotations

from errno import EACCES, EDQUOT, EIO, EMFILE, ENFILE, ENOSPC, EPERM, EROFS

_PROBLEMS = {
    EROFS: "the disk is read-only. Mount it so that it can be written",
    ENOSPC: "the disk is full. Free some space",
    EDQUOT: "the disk quota is used up. Free some space",
    EACCES: "the user of this process may not use the file. Change its owner or its permissions",
    EPERM: "the user of this process may not use the file. Change its owner or its permissions",
    EIO: "the disk cannot read or write the file. Replace the disk, and restore a backup",
    EMFILE: "this process has too many files open. Raise its limit (ulimit -n)",
    ENFILE: "this machine has too many files open. Raise its limit (fs.file-max)",
}


def disk_problem(error: BaseException) -> str:
    """Return what is wrong with the disk and what to do; empty if the error is of another kind."""
    problem = _PROBLEMS.get(error.errno or 0, "") if isinstance(error, OSError) else ""
    if not problem:
        return ""
    file = getattr(error, "filename", None)
    return f"{file}: {problem}." if file is not None else f"{problem[0].upper()}{problem[1:]}."
