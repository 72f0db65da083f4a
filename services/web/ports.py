"""Protocols of what the web layer needs from the layers above; `services.resources.Resources` implements them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from db.rows.generations import GenerationRecord
    from db.session import Database
    from services.settings import Settings
    from services.signing import Signer


class OpenIndexes(Protocol):
    """The indexes of the live generation, by engine."""

    @property
    def generation(self) -> GenerationRecord: ...

    @property
    def opened(self) -> Mapping[str, object]:
        """The open indexes, by engine."""
        ...

    @property
    def unavailable(self) -> Mapping[str, str]:
        """Why each other index is not open, by engine."""
        ...


class Indexes(Protocol):
    """Indexes that follow the database."""

    def current(self) -> OpenIndexes:
        """Return the live generation's indexes.

        Raises:
            ModelMissing: no generation is live yet.
        """
        ...

    def refresh(self) -> int:
        """Apply new events of the change feed to the indexes and return how many."""
        ...

    def persist(self) -> None:
        """Save the indexes with their position in the change feed."""
        ...


class WebResources(Protocol):
    """The resources that the web layer uses."""

    @property
    def settings(self) -> Settings: ...

    @property
    def database(self) -> Database: ...

    @property
    def live(self) -> Indexes: ...

    @property
    def signer(self) -> Signer: ...
