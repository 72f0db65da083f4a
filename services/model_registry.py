"""Model bundles: verifies them, keeps copies in the data directory, and finds them by version."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, TypeAlias

from db.rows import generations
from ml.bundle.bundle import Bundle
from ml.bundle.manifest import BundleError, read_manifest
from ml.bundle.store import install_copy
from services.errors import ModelUnusable

if TYPE_CHECKING:
    from pathlib import Path

    from db.session import Database
    from ml.bundle.manifest import Manifest

log = logging.getLogger(__name__)

_FolderState: TypeAlias = frozenset[tuple[str, int, int]]
"""Name, size and modification time (ns) of each file of a folder."""


class ModelRegistry:
    """The model versions of the database, and the bundles they are loaded from.

    Verifying a bundle hashes all its files, some 140 MB. A bundle is verified once, and again only after a file has
    changed.
    """

    def __init__(self, database: Database, data_dir: Path, *, preferred: Path | None) -> None:
        """`preferred` is the bundle that `LOOKALIKE_MODEL` names, used in place of the copy of the same version."""
        self._database, self._data_dir, self._preferred = database, data_dir, preferred
        self._verified: dict[Path, tuple[_FolderState, Bundle]] = {}
        self._lock = threading.Lock()

    @property
    def folder(self) -> Path:
        """Folder of the registered bundles."""
        return self._data_dir / "models"

    def register(self, path: Path) -> Bundle:
        """Verify a bundle, copy it to the data directory, record its version in the database, and return the copy.

        Raises:
            ModelUnusable: the folder is not a model bundle, or the bundle is damaged.
            OSError: there is no room for the copy.
        """
        bundle = install_copy(self.load(path), self.folder)
        self._remember(bundle)
        relative = str(bundle.path.resolve().relative_to(self._data_dir.resolve()))
        with self._database.write() as session:
            generations.register_model(session, bundle.version, path=relative, vector_size=bundle.vector_size)
        return bundle

    def load(self, path: Path) -> Bundle:
        """Return the verified bundle at `path`.

        Raises:
            ModelUnusable: the folder is not a model bundle, or the bundle is damaged.
        """
        try:
            return self._verify(path)
        except BundleError as error:
            raise ModelUnusable(str(path), str(error)) from error

    def preferred(self) -> Bundle | None:
        """Return the bundle that `LOOKALIKE_MODEL` names; log a warning and return None if it cannot be used."""
        if self._preferred is None:
            return None
        try:
            return self._verify(self._preferred)
        except BundleError as error:
            log.warning("LOOKALIKE_MODEL cannot be used: %s", error)
            return None

    def bundle(self, model_version: str) -> Bundle:
        """Return the bundle to run a registered version with: the preferred one, which may add int8, or the copy.

        Raises:
            ModelUnusable: the version is not registered, or its bundle is missing or damaged.
        """
        path = self.path(model_version)
        if path is None:
            raise ModelUnusable(model_version, "it is not registered")
        preferred = self.preferred()
        if preferred is not None and preferred.version == model_version:
            return preferred
        try:
            return self._verify(path)
        except BundleError as error:
            raise ModelUnusable(model_version, str(error)) from error

    def manifest(self, model_version: str) -> Manifest | None:
        """Return the manifest of a version's bundle; None if it is missing or damaged."""
        path = self.path(model_version)
        try:
            return None if path is None else read_manifest(path)
        except BundleError:
            return None

    def path(self, model_version: str) -> Path | None:
        """Return the folder of a registered version; None for an unknown version."""
        with self._database.read() as session:
            path = generations.model_path(session, model_version)
        return None if path is None else self._data_dir / path

    def _verify(self, path: Path) -> Bundle:
        """Raise BundleError if the bundle cannot be used."""
        with self._lock:  # two threads never hash the same files
            state, bundle = self._verified.get(path, (None, None))
            if bundle is not None and state == _state(path):
                return bundle
            state, bundle = _state(path), Bundle.load(path)
            self._verified[path] = state, bundle
            return bundle

    def _remember(self, bundle: Bundle) -> None:
        with self._lock:
            self._verified[bundle.path] = _state(bundle.path), bundle


def _state(folder: Path) -> _FolderState:
    try:
        stats = [(file.name, file.stat()) for file in folder.iterdir()]
    except OSError:
        return frozenset()
    return frozenset((name, stat.st_size, stat.st_mtime_ns) for name, stat in stats)
