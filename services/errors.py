"""The errors that users of Lookalike see, as one small tree.

    LookalikeError
    ├── BadInput                 the caller sent something that cannot be used
    │   ├── ListingsFileError       a listings file, photo table, photo archive or column mapping is unreadable
    │   │   └── MissingColumns         a table lacks columns that the mapping names
    │   ├── PhotoRejected           a photo is not an accepted image
    │   ├── ListingRejected         a field of a listing is not acceptable
    │   └── BadQuery                a search parameter is invalid
    ├── ResourceNotFound         the named listing, photo, job, ... does not exist
    ├── Conflict                 the request conflicts with the current state
    │   ├── ForeignListings         the feed of a seller has listings of other sellers
    │   ├── RemovalRefused          a sync would remove more listings than it may
    │   └── SyncRunning             another sync of the same listings is running
    ├── ...                      refused callers: `services.web.refusals`
    ├── StorageFull              the disk is full
    └── ServiceUnavailable       a part that we depend on is missing or not ready
        ├── ModelMissing            no model is active
        ├── ModelUnusable           a model bundle is missing or damaged
        ├── IndexUnavailable        an index cannot be opened or reached
        └── Overloaded              there are more requests than can be answered in time

Each class takes the facts and writes its own message: what is wrong with which value, then what to do.
HTTP status codes live in `services.web`, exit codes in `services.cli`.
"""

from __future__ import annotations

from errno import EDQUOT, ENOSPC
from itertools import islice
from math import ceil
from typing import TYPE_CHECKING

from services.redaction import redacted

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from services.reason_codes import RejectReason


class LookalikeError(Exception):
    """Base of all errors that the user, or whoever runs the installation, can fix; the message has no password."""

    def __init__(self, message: str = "") -> None:
        super().__init__(redacted(message))


class BadInput(LookalikeError):
    """The caller sent something that cannot be used."""


class ListingsFileError(BadInput):
    """A listings file, photo table, photo archive or column mapping is unreadable."""

    def __init__(self, path: Path | str, problem: str, remedy: str) -> None:
        super().__init__(f"{path}: {problem}. {remedy}")


_MAPPING = "Map your column names to ours in a TOML file"
_MAPPING_TO_COPY = "A preview of the file shows a mapping to copy"


class MissingColumns(ListingsFileError):
    """A table lacks columns that the mapping names.

    Attributes:
        suggestion: a mapping of the columns that the table has, as TOML; empty if there is none.
        problem: the message without what to do.
    """

    _SHOWN_COLUMNS = 50
    _SHOWN_NAME_LENGTH = 80

    def __init__(
        self,
        path: Path | str,
        missing: Iterable[str],
        present: Iterable[str],
        *,
        advice: str = "",
        suggestion: str = "",
    ) -> None:
        names = [repr(name) for name in missing]
        columns, are = ("column", "is") if len(names) == 1 else ("columns", "are")
        shown = [repr(name[: self._SHOWN_NAME_LENGTH]) for name in islice(present, self._SHOWN_COLUMNS) if name]
        self.suggestion = suggestion
        lacking = f"{columns} {', '.join(names)} {are} missing; the file has the columns {', '.join(shown) or 'none'}"
        self.problem = f"{path}: {lacking}. {advice}".rstrip()
        super().__init__(path, lacking, f"{advice}{_MAPPING_TO_COPY if suggestion else _MAPPING}")


class PhotoRejected(BadInput):
    """A photo is not an accepted image.

    Attributes:
        reason: the reason code in rejects.csv (`not_an_image`, `too_large`, ...).
    """

    def __init__(self, reason: RejectReason, problem: str) -> None:
        self.reason = reason
        super().__init__(problem)


class ListingRejected(BadInput):
    """A field of a listing is not acceptable.

    Attributes:
        field: name of the rejected field.
        reason: the reason code in rejects.csv (`missing_title`, `unreadable_price`, ...).
    """

    def __init__(self, field: str, reason: RejectReason, text: str) -> None:
        self.field, self.reason = field, reason
        super().__init__(f"{field}: {reason.replace('_', ' ')} ({text or 'empty'})")


class BadQuery(BadInput):
    """A search parameter is invalid."""

    def __init__(self, field: str, problem: str) -> None:
        self.field = field
        super().__init__(f"{field}: {problem}")


class ResourceNotFound(LookalikeError):
    """The named listing, photo, job, key, ... does not exist."""

    def __init__(self, kind: str, name: object, *, remedy: str = "") -> None:
        super().__init__(f"There is no {kind} {name!r}. {remedy}".rstrip())


class Conflict(LookalikeError):
    """The request conflicts with the current state."""


class ForeignListings(Conflict):
    """The feed of a seller has ids of other sellers' listings, which it would overwrite; nothing was written."""

    def __init__(self, file: str, seller: str, listing_ids: Sequence[str]) -> None:
        count, ids = len(listing_ids), ", ".join(map(repr, listing_ids[:3])) + (", ..." if len(listing_ids) > 3 else "")
        foreign = "the id of another seller's listing" if count == 1 else f"{count:,} ids of other sellers' listings"
        super().__init__(
            f"{file} is the feed of seller {seller!r}, but has {foreign}: {ids}. "
            "Nothing was written. Give each seller's listings ids of their own, for example with a prefix."
        )


class RemovalRefused(Conflict):
    """A sync would remove more listings than it may; nothing was written."""

    def __init__(self, file: str, missing: int, existing: int, *, limit: float | None, examples: Sequence[str]) -> None:
        """`limit` is the largest share that may be missing; None if the feed has no acceptable listing at all."""
        ids = ", ".join(map(repr, examples)) + (", ..." if missing > len(examples) else "")
        if limit is None:
            why = "It has no acceptable listing. `lookalike listings delete` deletes listings by filter"
        else:
            needed = ceil(1000 * missing / existing) / 10
            why = f"The limit is {limit:.1%}. If the file is complete, set max_removed (--max-removed) to {needed}%"
        super().__init__(
            f"{file} lacks {missing:,} of {existing:,} listings ({missing / existing:.1%}): {ids}. "
            f"Nothing was written. {why}."
        )


class SyncRunning(Conflict):
    """Another sync of the same listings is running."""

    def __init__(self) -> None:
        super().__init__("Another sync of the same listings is running. Nothing was written. Start it again later.")


class StorageFull(LookalikeError):
    """The disk is full; nothing of the request was stored."""

    def __init__(self) -> None:
        super().__init__("The disk is full, so nothing was stored. Free some space, then send the request again.")


def is_storage_full(error: BaseException) -> bool:
    """Tell whether an error of the operating system or a database means that a disk or a quota is full."""
    if isinstance(error, OSError):
        return error.errno in (ENOSPC, EDQUOT)
    return "disk is full" in str(error) or "DiskFull" in type(getattr(error, "orig", None)).__name__


class ServiceUnavailable(LookalikeError):
    """A part that we depend on is missing or not ready."""


class ModelMissing(ServiceUnavailable):
    """No model is active."""

    def __init__(self) -> None:
        super().__init__(
            "There is no model yet. Train one on your listings with `lookalike train`, "
            "or set LOOKALIKE_MODEL to the folder of a model bundle."
        )


class ModelUnusable(ServiceUnavailable):
    """A model bundle is missing or damaged."""

    def __init__(self, model: str, problem: str) -> None:
        super().__init__(f"The model bundle {model} cannot be used: {problem}")


class IndexUnavailable(ServiceUnavailable):
    """An index cannot be opened or reached."""

    def __init__(self, engine: str, problem: str) -> None:
        super().__init__(f"The {engine} index is unavailable: {problem}")


class Overloaded(ServiceUnavailable):
    """There are more requests than can be answered in time.

    Attributes:
        retry_after_s: whole seconds after which a new attempt is likely to succeed, at least 1.
    """

    def __init__(self, problem: str, *, retry_after_s: float) -> None:
        self.retry_after_s = max(1, ceil(retry_after_s))
        super().__init__(f"{problem}. Try again in {self.retry_after_s} s.")
