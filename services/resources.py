"""The composition root: builds every adapter. All other modules receive the adapters they use."""

from __future__ import annotations

import logging
from functools import cached_property
from typing import TYPE_CHECKING

from sqlalchemy.exc import OperationalError

from db import migrate
from db.locks import hold_lock
from db.photo_bytes.folder import FolderPhotoStore
from db.photo_bytes.object_store import ObjectPhotoStore
from db.rows import generations
from db.session import Database
from db.vectors.qdrant.server_collections import connect
from ml.bundle.manifest import BundleError
from ml.embedding.batch_queue import BatchLimits
from ml.embedding.batching import BatchingEmbedder
from ml.embedding.open_embedder import open_embedder
from ml.embedding.pool import EmbedderPool
from ml.photos.decode import PhotoLimits
from services.errors import BadInput, Conflict, ModelMissing, ModelUnusable, ServiceUnavailable
from services.fetching.photo_fetcher import FetchLimits, PhotoFetcher
from services.indexing.generations import build_and_promote
from services.indexing.live import LiveIndexes
from services.indexing.stores import FaissStore, QdrantEdgeStore, QdrantServerStore
from services.model_registry import ModelRegistry
from services.signing import Signer
from services.web.metrics import EmbeddingMetrics

if TYPE_CHECKING:
    from pathlib import Path

    from db.photo_bytes.base import PhotoStore
    from db.rows.generations import GenerationRecord
    from ml.bundle.bundle import Bundle
    from ml.embedding.embedder import Embedder
    from services.indexing.live import IndexStore
    from services.settings import Settings

log = logging.getLogger(__name__)

_LOADED_MODELS = 2
"""The live model and the one before: right after a promotion, some searches still use the old one."""


class DatabaseAway(ServiceUnavailable):
    """The database cannot be reached."""

    def __init__(self, database: Database, error: OperationalError) -> None:
        url, answer = database.engine.url.render_as_string(), str(error.orig).strip()
        super().__init__(
            f"The database at {url} cannot be used ({answer}). Check that it runs and that LOOKALIKE_DATABASE_URL is "
            "right."
        )


class EngineAway(ServiceUnavailable):
    """An index engine does not answer. `is_replaced` says whether another engine can answer searches meanwhile."""

    is_replaced = False


class Resources:
    """The adapters of a service or command; each is opened on first use."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._embedders = EmbedderPool(self._load_embedder, self._batched, capacity=_LOADED_MODELS)

    @cached_property
    def database(self) -> Database:
        """The database. SQLite is migrated when it is opened; PostgreSQL must be migrated already.

        Raises:
            Conflict: PostgreSQL is not at the revision that this version needs.
            ServiceUnavailable: PostgreSQL cannot be reached.
        """
        if self.settings.sqlite_file is not None:
            self.settings.sqlite_file.parent.mkdir(parents=True, exist_ok=True)
        database = Database(self.settings.sql_url)
        if not database.is_postgresql:
            if not migrate.is_current(database):
                migrate.upgrade(database)
            return database
        try:
            current = migrate.is_current(database)
        except OperationalError as error:
            database.close()
            raise DatabaseAway(database, error) from error
        if not current:
            database.close()
            raise Conflict("The tables of the database do not fit this version. Run `lookalike db upgrade`.")
        return database

    @cached_property
    def photo_files(self) -> PhotoStore:
        """The store of photo bytes.

        Raises:
            BadInput: LOOKALIKE_PHOTOS_URL cannot be used.
        """
        local = FolderPhotoStore(self.settings.data_dir / "photos")
        if not self.settings.photos_url:
            return local
        try:
            return ObjectPhotoStore(self.settings.photos_url, cache=local)
        except ValueError as error:
            raise BadInput(f"LOOKALIKE_PHOTOS_URL: {error}") from error

    @property
    def uploads(self) -> Path:
        """Folder of the bulk uploads whose jobs have not ended."""
        return self.settings.data_dir / "uploads"

    @cached_property
    def photo_limits(self) -> PhotoLimits:
        """Limits that every accepted photo meets."""
        return PhotoLimits(max_bytes=self.settings.max_upload_bytes, max_pixels=self.settings.max_photo_pixels)

    @cached_property
    def photo_fetcher(self) -> PhotoFetcher:
        """Fetches photos by URL."""
        settings = self.settings
        return PhotoFetcher(
            FetchLimits(settings.max_upload_bytes, allowed=settings.fetch_allow, per_host=settings.fetch_per_host),
            user_agent=settings.fetch_user_agent,
        )

    @cached_property
    def signer(self) -> Signer:
        """Signs query tokens, cursors and photo URLs."""
        return Signer(self.database)

    @property
    def batch_limits(self) -> BatchLimits:
        """Limits for batching the photos of concurrent requests."""
        return BatchLimits(
            window_s=self.settings.batch_window_ms / 1000,
            max_waiting=self.settings.max_waiting_photos,
        )

    @cached_property
    def stores(self) -> list[IndexStore]:
        """The index store of each engine that LOOKALIKE_INDEXES enables."""
        enabled = self.settings.indexes
        return [store for store in self._all_stores() if enabled in ("both", store.engine)]

    def _all_stores(self) -> list[IndexStore]:
        folder = self.settings.data_dir / "indexes"
        faiss = FaissStore(self.database, folder / "faiss", threads=self.settings.thread_count)
        if not self.settings.qdrant_url:
            return [faiss, QdrantEdgeStore(self.database, folder / "qdrant")]
        key = self.settings.qdrant_api_key.get_secret_value() or None
        client = connect(self.settings.qdrant_url, timeout=30, api_key=key)
        return [faiss, QdrantServerStore(self.database, client)]

    def check_stores(self) -> None:
        """Check that the database answers, and the Qdrant server if there is one.

        Raises:
            BadInput: LOOKALIKE_PHOTOS_URL cannot be used.
            ServiceUnavailable: one of them does not answer; `EngineAway` for the Qdrant server.
            Conflict: PostgreSQL is not at the revision that this version needs.
        """
        _ = self.database, self.photo_files
        for store in self.stores:
            try:
                store.check()
            except OSError as error:
                away = EngineAway(str(error))
                away.is_replaced = len(self.stores) > 1 and self._live_generation() is not None
                raise away from error

    @cached_property
    def live(self) -> LiveIndexes:
        """The indexes of the live generation."""
        return LiveIndexes(self.database, self.stores)

    @cached_property
    def models(self) -> ModelRegistry:
        """The registered model versions and their bundles."""
        return ModelRegistry(self.database, self.settings.data_dir, preferred=self.settings.model)

    def open(self, bundle: Bundle) -> Embedder:
        """Return a new embedder for a bundle, with the runtime, threads and precision of the settings.

        Raises:
            BundleError: the bundle cannot be run.
        """
        settings = self.settings
        return open_embedder(
            bundle,
            runtime=settings.runtime.value,
            threads=settings.thread_count,
            precision=settings.precision,
        )

    def embedder(self) -> Embedder:
        """Return the embedder of the live model.

        Raises:
            ModelMissing: no generation is live.
            ModelUnusable: the bundle is missing or damaged.
        """
        live = self._live_generation()
        if live is None:
            raise ModelMissing
        return self.embedder_for(live.model_version)

    def embedder_for(self, model_version: str) -> Embedder:
        """Return the embedder of a registered version for bulk work, which makes its own batches.

        The two versions used last stay loaded.

        Raises:
            ModelUnusable: the bundle is missing or damaged.
        """
        return self._embedders.plain(model_version)

    def query_embedder(self, model_version: str) -> BatchingEmbedder:
        """Return the embedder of a registered version for requests; it batches the photos of concurrent requests.

        It shares its network with `embedder_for`, and closes once two other versions have been used.

        Raises:
            ModelUnusable: the bundle is missing or damaged.
        """
        return self._embedders.batching(model_version)

    def load_live_model(self) -> None:
        """Load the live model, if there is one, so that the first request need not wait for it.

        Raises:
            ModelUnusable: the bundle is missing or damaged, or cannot be run with these settings.
        """
        live = self._live_generation()
        if live is not None:
            self.query_embedder(live.model_version)

    def _batched(self, embedder: Embedder) -> BatchingEmbedder:
        return BatchingEmbedder(embedder, self.batch_limits, observer=EmbeddingMetrics())

    def _load_embedder(self, model_version: str) -> Embedder:
        try:
            return self.open(self.models.bundle(model_version))
        except BundleError as error:
            raise ModelUnusable(model_version, str(error)) from error

    def ensure_generation(self) -> None:
        """Make a first, empty generation for LOOKALIKE_MODEL if none is live.

        A live generation stays. If it uses another model, or LOOKALIKE_MODEL cannot be used, this logs a warning.

        Raises:
            ModelUnusable: no generation is live, and LOOKALIKE_MODEL is not a valid model bundle.
            OSError: an engine cannot be reached, or there is no room for the model.
        """
        if self.settings.model is None:
            return
        live = self.begin_with(self.settings.model)
        bundle = self.models.preferred()
        if bundle is not None and bundle.version != live.model_version:
            log.warning(
                "LOOKALIKE_MODEL is %s, but the live indexes use %s, which stays in use. "
                "To change the model, run: lookalike reindex --model %s",
                bundle.version,
                live.model_version,
                self.settings.model,
            )

    def begin_with(self, path: Path) -> GenerationRecord:
        """Return the live generation; if there is none, make a first, empty one for the model bundle at `path`.

        Raises:
            ModelUnusable: no generation is live, and the folder is not a valid model bundle.
            OSError: an engine cannot be reached, or there is no room for the model.
        """
        if live := self._live_generation():
            return live
        with hold_lock(self.database, "first generation"):  # only one of several processes that start together makes it
            return self._live_generation() or build_and_promote(
                self.database, self.stores, self.models.register(path).version
            )

    def close(self) -> None:
        """Close everything that was opened."""
        self._embedders.close()
        if "photo_fetcher" in self.__dict__:
            self.photo_fetcher.close()
        if "live" in self.__dict__:
            self.live.close()
        if "database" in self.__dict__:
            self.database.close()

    def _live_generation(self) -> GenerationRecord | None:
        with self.database.read() as session:
            return generations.live_generation(session)
