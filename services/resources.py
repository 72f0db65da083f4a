"""The composition root: the only place that builds adapters. Everything else receives them."""

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
from ml.bundle.bundle import Bundle
from ml.bundle.manifest import BundleError
from ml.bundle.store import install_copy
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
from services.web.metrics import EmbeddingMetrics

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from db.photo_bytes.base import PhotoStore
    from db.rows.generations import GenerationRecord
    from ml.embedding.embedder import Embedder
    from services.indexing.live import IndexStore
    from services.settings import Settings

log = logging.getLogger(__name__)

_EMBEDDERS_KEPT = 2
"""While a generation is promoted, some searches still use the one before."""


class DatabaseAway(ServiceUnavailable):
    """The database cannot be reached."""

    def __init__(self, database: Database, error: OperationalError) -> None:
        url, answer = database.engine.url.render_as_string(), str(error.orig).strip()
        super().__init__(f"The database at {url} cannot be used ({answer}). Check that it runs, and the URL.")


class Resources:
    """Everything that a service or command works with, opened when first asked for."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._embedders = EmbedderPool(self._load_embedder, self._batched, keep=_EMBEDDERS_KEPT)

    @cached_property
    def database(self) -> Database:
        """The truth. SQLite is brought to the current revision at once; PostgreSQL must be at it already.

        Raises:
            Conflict: PostgreSQL's tables are not at the revision that this version needs.
            Unavailable: PostgreSQL cannot be reached.
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
            raise Conflict("The database's tables are not those of this version. Run `lookalike db upgrade`.")
        return database

    @cached_property
    def photo_files(self) -> PhotoStore:
        """The photos' bytes.

        Raises:
            BadInput: they cannot be kept where the settings say.
        """
        local = FolderPhotoStore(self.settings.data_dir / "photos")
        if not self.settings.photos_url:
            return local
        try:
            return ObjectPhotoStore(self.settings.photos_url, cache=local)
        except ValueError as error:
            raise BadInput(f"LOOKALIKE_PHOTOS_URL: {error}") from error

    @property
    def models(self) -> Path:
        """Where model bundles are kept."""
        return self.settings.data_dir / "models"

    @property
    def uploads(self) -> Path:
        """Where bulk uploads wait for their jobs."""
        return self.settings.data_dir / "uploads"

    @cached_property
    def photo_limits(self) -> PhotoLimits:
        """What a photo may be."""
        return PhotoLimits(max_bytes=self.settings.max_upload_bytes)

    @cached_property
    def photo_fetcher(self) -> PhotoFetcher:
        """Fetches photos by URL."""
        settings = self.settings
        return PhotoFetcher(
            FetchLimits(settings.max_upload_bytes, allowed=settings.fetch_allow, per_host=settings.fetch_per_host)
        )

    @property
    def batch_limits(self) -> BatchLimits:
        """How requests may be embedded together."""
        return BatchLimits(
            window_s=self.settings.batch_window_ms / 1000,
            max_waiting=self.settings.max_waiting_photos,
        )

    @cached_property
    def stores(self) -> list[IndexStore]:
        """Where each engine that the settings want keeps its collections."""
        wanted = self.settings.indexes
        return [store for store in self._all_stores() if wanted in ("both", store.engine)]

    def _all_stores(self) -> list[IndexStore]:
        folder = self.settings.data_dir / "indexes"
        faiss = FaissStore(self.database, folder / "faiss", threads=self.settings.thread_count)
        if not self.settings.qdrant_url:
            return [faiss, QdrantEdgeStore(self.database, folder / "qdrant")]
        key = self.settings.qdrant_api_key.get_secret_value() or None
        client = connect(self.settings.qdrant_url, timeout=30, api_key=key)
        return [faiss, QdrantServerStore(self.database, client)]

    def check_stores(self) -> None:
        """Ask the database and the Qdrant server, where there is one, whether they answer.

        Raises:
            BadInput: photos cannot be kept where the settings say.
            Unavailable: one does not.
            Conflict: PostgreSQL's tables are not at the revision that this version needs.
        """
        _ = self.database, self.photo_files
        for store in self.stores:
            try:
                store.check()
            except OSError as error:
                raise ServiceUnavailable(str(error)) from error

    @cached_property
    def live(self) -> LiveIndexes:
        """The live generation's indexes."""
        return LiveIndexes(self.database, self.stores)

    def embedder(self) -> Embedder:
        """Return the embedder of the live generation's model.

        Raises:
            ModelMissing: no generation is live.
            ModelUnusable: its bundle is gone or damaged.
        """
        live = self._live_generation()
        if live is None:
            raise ModelMissing
        return self.embedder_for(live.model_version)

    def embedder_for(self, model_version: str) -> Embedder:
        """Return the embedder of a registered model version, for bulk work: ingest and reindex make their own batches.

        The last two versions that were asked for stay loaded.

        Raises:
            ModelUnusable: the bundle is gone or damaged.
        """
        return self._embedders.plain(model_version)

    def query_embedder(self, model_version: str) -> BatchingEmbedder:
        """Return the embedder of a registered model version for requests: concurrent ones are computed together.

        It runs the same network as `embedder_for`. It is closed when two other versions have been asked for since.

        Raises:
            ModelUnusable: the bundle is gone or damaged.
        """
        return self._embedders.batching(model_version)

    def _batched(self, embedder: Embedder) -> BatchingEmbedder:
        return BatchingEmbedder(embedder, self.batch_limits, observer=EmbeddingMetrics())

    def _load_embedder(self, model_version: str) -> Embedder:
        with self.database.read() as session:
            path = generations.model_path(session, model_version)
        if path is None:
            raise ModelUnusable(model_version, "it is not registered")
        try:
            given = self._given_bundle()
            if given is not None and given.version == model_version:  # the same model; with int8, perhaps
                return self.open(given)
            return self.open(Bundle.load(self.settings.data_dir / path))
        except BundleError as error:
            raise ModelUnusable(model_version, str(error)) from error

    def _given_bundle(self) -> Bundle | None:
        """Return what `LOOKALIKE_MODEL` names; nothing, with a warning, where it cannot be used."""
        if self.settings.model is None:
            return None
        try:
            return Bundle.load(self.settings.model)
        except BundleError as error:
            log.warning("LOOKALIKE_MODEL cannot be used: %s", error)
            return None

    def metrics_of(self, model_version: str) -> Mapping[str, float]:
        """Return what a registered model was worth when it was made; nothing where its bundle is gone."""
        with self.database.read() as session:
            path = generations.model_path(session, model_version)
        try:
            return {} if path is None else Bundle.load(self.settings.data_dir / path).metrics
        except BundleError:
            return {}

    def open(self, bundle: Bundle) -> Embedder:
        """Return a new embedder of a bundle, as the settings say.

        Raises:
            BundleError: it cannot be run.
        """
        settings = self.settings
        return open_embedder(
            bundle,
            runtime=settings.runtime.value,
            threads=settings.thread_count,
            precision=settings.precision,
        )

    def load_live_model(self) -> None:
        """Make the live generation's model ready for requests, if one is live: they need not wait for it then.

        Raises:
            ModelUnusable: its bundle is gone, damaged, or cannot be run as the settings want.
        """
        live = self._live_generation()
        if live is not None:
            self.query_embedder(live.model_version)

    def register_bundle(self, path: Path) -> Bundle:
        """Check a model bundle, keep a copy of it in the data directory, and make that known to the truth.

        Raises:
            ModelUnusable: the folder is not a sound model bundle.
            OSError: there is no room for the copy.
        """
        bundle = install_copy(self._check_bundle(path), self.models)
        place = str(bundle.path.resolve().relative_to(self.settings.data_dir.resolve()))
        with self.database.write() as session:
            generations.register_model(session, bundle.version, path=place, vector_size=bundle.vector_size)
        return bundle

    @staticmethod
    def _check_bundle(path: Path) -> Bundle:
        try:
            return Bundle.load(path)
        except BundleError as error:
            raise ModelUnusable(str(path), str(error)) from error

    def ensure_generation(self) -> None:
        """Make a first, empty generation for `LOOKALIKE_MODEL` where none is live.

        A live one stays: where it was built with another model, or `LOOKALIKE_MODEL` cannot be used any more, a warning
        says so.

        Raises:
            ModelUnusable: `LOOKALIKE_MODEL` is not a sound model bundle, and none is live.
            OSError: an engine cannot be reached, or there is no room for the model.
        """
        if self.settings.model is None:
            return
        live, bundle = self._live_generation(), self._given_bundle()
        if live is not None and bundle is None:
            return
        bundle = bundle or self._check_bundle(self.settings.model)
        live = self.begin_with(bundle.path)
        if live.model_version != bundle.version:
            log.warning(
                "LOOKALIKE_MODEL is %s, but the live indexes were built with %s, which is used. "
                "To change to the other: lookalike reindex --model %s",
                bundle.version,
                live.model_version,
                self.settings.model,
            )

    def begin_with(self, path: Path) -> GenerationRecord:
        """Make a first, empty generation for the model bundle at `path` where none is live; return the live one.

        Raises:
            ModelUnusable: none is live, and the folder is not a sound model bundle.
            OSError: an engine cannot be reached, or there is no room for the model.
        """
        if (live := self._live_generation()) is not None:
            return live
        with hold_lock(self.database, "first generation"):  # of several processes that start at once, one makes it
            live = self._live_generation()
            if live is None:
                bundle = self.register_bundle(path)
                live = build_and_promote(self.database, self.stores, bundle.version)
        return live

    def close(self) -> None:
        """Close what was opened."""
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
