"""What the web layer needs of the composition root, which lies above it. `services.resources.Resources` fits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from db.rows.generations import GenerationRecord
    from db.session import Database
    from services.settings import Settings


class OpenIndexes(Protocol):
    """The live generation's indexes, by engine, and why an engine is not among them."""

    @property
    def generation(self) -> GenerationRecord:
        """The live generation."""
        ...

    @property
    def opened(self) -> Mapping[str, object]:
        """The open ones."""
        ...

    @property
    def unavailable(self) -> Mapping[str, str]:
        """Why the others are not open."""
        ...


class Indexes(Protocol):
    """The indexes as they follow the truth."""

    def current(self) -> OpenIndexes:
        """Return the live generation's indexes.

        Raises:
            ModelMissing: no generation is live yet.
        """
        ...

    def refresh(self) -> int:
        """Bring them in line with the truth and return how many events were applied."""
        ...

    def persist(self) -> None:
        """Make their present position durable."""
        ...


class Parts(Protocol):
    """The parts of an application that its web layer touches."""

    @property
    def settings(self) -> Settings:
        """The settings."""
        ...

    @property
    def database(self) -> Database:
        """The truth."""
        ...

    @property
    def live(self) -> Indexes:
        """The live indexes."""
        ...
