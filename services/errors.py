"""The errors that users of Lookalike see, as one small tree.

    LookalikeError
    ├── BadInput              what the caller gave cannot be used
    │   ├── ListingsFileError    a listings file, photo table or column mapping is unreadable
    │   ├── PhotoRejected        a photo is not an image that we accept
    │   ├── ListingRejected      a listing is not one that we accept
    │   └── BadQuery             a search parameter makes no sense
    ├── NotFound              the thing named does not exist
    ├── Conflict              the thing named is in a state that forbids this
    ├── KeyRefused            no API key, or not a good one
    ├── RoleMissing           the key's role is not enough
    ├── RateLimited           the key is used too often
    ├── StorageFull           there is no room for what was sent
    └── Unavailable           a part we depend on is missing or not ready
        ├── ModelMissing         no model bundle is active yet
        ├── ModelUnusable        a model bundle is gone or damaged
        ├── IndexUnavailable     an index cannot be opened or reached
        └── Overloaded           more is asked for than can be done in time

Each class takes the facts and writes its own message: what was wrong, where, and what to do.
HTTP status codes live in `services.web`, exit codes in `services.cli`.
"""

from __future__ import annotations

from errno import EDQUOT, ENOSPC
from math import ceil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


class LookalikeError(Exception):
    """The base of every error that is the user's, or the installation's, to mend."""


class BadInput(LookalikeError):
    """What the caller gave cannot be used."""


class ListingsFileError(BadInput):
    """A listings file, photo table, photo archive or column mapping is unreadable."""

    def __init__(self, path: Path | str, problem: str, remedy: str) -> None:
        super().__init__(f"{path}: {problem}. {remedy}")


class MissingColumns(ListingsFileError):
    """A table lacks columns that the mapping names."""

    def __init__(self, path: Path | str, missing: Iterable[str], present: Iterable[str]) -> None:
        lacking = [repr(name) for name in missing]
        there = ", ".join(repr(name) for name in present) or "none"
        names, (columns, are) = ", ".join(lacking), ("column", "is") if len(lacking) == 1 else ("columns", "are")
        problem = f"{columns} {names} {are} missing; the columns there are {there}"
        super().__init__(path, problem, "Say in the file of --columns what yours are called")


class PhotoRejected(BadInput):
    """A photo is not an image that we accept.

    Attributes:
        reason: the reason code, as it stands in rejects.csv (`not_an_image`, `too_large`, ...).
    """

    def __init__(self, reason: str, problem: str) -> None:
        self.reason = reason
        super().__init__(problem)


class ListingRejected(BadInput):
    """A listing is not one that we accept.

    Attributes:
        field: the field at fault.
        reason: the reason code, as it stands in rejects.csv (`missing_title`, `unreadable_price`, ...).
    """

    def __init__(self, field: str, reason: str, text: str) -> None:
        self.field, self.reason = field, reason
        super().__init__(f"{field}: {reason.replace('_', ' ')} ({text or 'empty'})")


class BadQuery(BadInput):
    """A search parameter makes no sense."""

    def __init__(self, field: str, problem: str) -> None:
        self.field = field
        super().__init__(f"{field}: {problem}")


class ResourceNotFound(LookalikeError):
    """The thing named does not exist."""

    def __init__(self, kind: str, name: object, *, remedy: str = "") -> None:
        super().__init__(f"There is no {kind} {name!r}. {remedy}".rstrip())


class Conflict(LookalikeError):
    """The thing named is in a state that forbids what was asked."""


class KeyRefused(LookalikeError):
    """No API key is presented, or not a good one."""

    def __init__(self, *, presented: bool) -> None:
        problem = "This API key is not known, or was revoked" if presented else "This call needs an API key"
        super().__init__(f"{problem}. Send one as `Authorization: Bearer KEY`; `lookalike keys create` makes one.")


class RoleMissing(LookalikeError):
    """The key's role is not enough for what was asked."""

    def __init__(self, role: str, needed: str) -> None:
        super().__init__(f"This call needs the role {needed}, and the key has the role {role}.")


class RateLimited(LookalikeError):
    """The key was used too often.

    Attributes:
        retry_after_s: whole seconds until it may be used again, at least 1.
    """

    def __init__(self, *, retry_after_s: float) -> None:
        self.retry_after_s = max(1, ceil(retry_after_s))
        super().__init__(f"This API key was used too often in this minute. Try again in {self.retry_after_s} s.")


class StorageFull(LookalikeError):
    """There is no room for what was sent; nothing of it was kept."""

    def __init__(self) -> None:
        super().__init__("There is no room left to store this. Nothing of it was kept; make room and send it again.")


def is_storage_full(error: BaseException) -> bool:
    """Say whether an error of the system or of a database means that a disk, or a quota, is full."""
    if isinstance(error, OSError):
        return error.errno in (ENOSPC, EDQUOT)
    return "disk is full" in str(error) or "DiskFull" in type(getattr(error, "orig", None)).__name__


class ServiceUnavailable(LookalikeError):
    """A part we depend on is missing or not ready."""


class ModelMissing(ServiceUnavailable):
    """No model bundle is active yet."""

    def __init__(self) -> None:
        super().__init__(
            "There is no model yet. Run `lookalike train` to make one from the listings at hand, "
            "or point LOOKALIKE_MODEL at a model bundle."
        )


class ModelUnusable(ServiceUnavailable):
    """A model bundle is gone or damaged."""

    def __init__(self, model: str, problem: str) -> None:
        super().__init__(f"The model bundle {model} cannot be used: {problem}")


class IndexUnavailable(ServiceUnavailable):
    """An index cannot be opened or reached."""

    def __init__(self, engine: str, problem: str) -> None:
        super().__init__(f"The {engine} index is unavailable: {problem}")


class Overloaded(ServiceUnavailable):
    """More is asked for than can be done in time.

    Attributes:
        retry_after_s: whole seconds after which it is likely to be accepted, at least 1.
    """

    def __init__(self, what: str, *, retry_after_s: float) -> None:
        self.retry_after_s = max(1, ceil(retry_after_s))
        super().__init__(f"{what}. Try again in {self.retry_after_s} s.")
