"""Embeds stored photos: claims them, decodes and embeds them, and saves the embeddings to the database."""

from __future__ import annotations

import threading
import time
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

from more_itertools import chunked
from sqlalchemy.exc import DBAPIError

from db.processes import is_gone, process_name
from db.rows import embeddings, photo_queue, photos
from db.rows.embeddings import NewEmbedding
from ml.embedding.bulk import embed_all
from ml.photos.decode import PhotoError
from services.errors import LookalikeError, ServiceUnavailable
from services.ingest.loading.ledger import rejected_photo
from services.reason_codes import ListingFlag, RejectReason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from sqlmodel import Session

    from db.photo_bytes.base import PhotoStore
    from db.rows.photo_queue import PhotoRef
    from db.rows.records import RejectedRecord
    from db.session import Database
    from ml.embedding.bulk import EmbeddedPhoto
    from ml.embedding.embedder import Embedder
    from ml.photos.decode import PhotoLimits

LEASE = timedelta(minutes=5)
"""Renewed with every saved batch."""

_CLAIM_SIZE = 256
_SAVE_SIZE = 128


@dataclass(frozen=True, slots=True)
class EmbeddingRun:
    """Outcome of a run; `seconds` is the wall time from the first claim to the last commit."""

    embedded: int
    failed: tuple[RejectedRecord, ...]
    seconds: float

    @property
    def photos_per_second(self) -> float:
        """Committed photos per second; 0 if no photo was embedded."""
        return self.embedded / self.seconds if self.embedded else 0.0


class PhotoEmbedder:
    """Embeds photos with one model, and commits the results in batches."""

    def __init__(
        self,
        database: Database,
        files: PhotoStore,
        embedder: Embedder,
        *,
        limits: PhotoLimits,
        stop: threading.Event | None = None,
    ) -> None:
        """Once `stop` is set, no more photos are claimed; those already claimed are finished."""
        self._database, self._files, self._embedder, self._limits = database, files, embedder, limits
        self._stop = stop or threading.Event()
        self._owner = f"{process_name()}:{uuid4().hex[:8]}"

    def embed_pending(self, advance: Callable[[int], None] = lambda _count: None) -> EmbeddingRun:
        """Embed every pending photo that no other worker has claimed.

        Takes over the leases of dead processes of this machine at once, and other leases when they expire. Photos that
        this run claimed and did not finish are pending again when it ends.
        """
        _release_dead(self._database)
        undo_attempt = True
        try:
            run = self._run(self._claimed(), advance)
            while (suspect := self._suspect()) is not None:  # embedded alone, so that a crash shows which
                alone = self._run([suspect], advance)
                run = EmbeddingRun(
                    run.embedded + alone.embedded, run.failed + alone.failed, run.seconds + alone.seconds
                )
            return run
        except (LookalikeError, DBAPIError):
            raise
        except Exception:
            undo_attempt = False  # one of the photos may be the cause: do not try it for ever
            raise
        finally:
            with self._database.write() as session:
                photo_queue.release(session, self._owner, undo_attempt=undo_attempt)

    def embed_missing(self, advance: Callable[[int], None] = lambda _count: None) -> EmbeddingRun:
        """Embed every photo that this model has not embedded yet, including photos that another model has embedded."""
        return self._run(self._missing(), advance, keep_pending=True)

    def _run(
        self, claimed: Iterable[PhotoRef], advance: Callable[[int], None], *, keep_pending: bool = False
    ) -> EmbeddingRun:
        started, embedded = time.monotonic(), 0
        failed: list[RejectedRecord] = []
        # Close before releasing the leases: the threads claim photos ahead of the batch saved here.
        with closing(embed_all(self._contents(claimed), self._embedder, limits=self._limits)) as outcomes:
            for batch in chunked(outcomes, _SAVE_SIZE):
                saved, refused = self._save(batch, keep_pending=keep_pending)
                embedded += saved
                failed += refused
                advance(len(batch))
        return EmbeddingRun(embedded, tuple(failed), time.monotonic() - started)

    def _save(
        self, batch: Sequence[tuple[PhotoRef, EmbeddedPhoto | PhotoError]], *, keep_pending: bool
    ) -> tuple[int, list[RejectedRecord]]:
        """Commit the outcomes in one transaction; return the number of stored embeddings, and the rejects."""
        done = [self._embedding(photo, outcome) for photo, outcome in batch if not isinstance(outcome, PhotoError)]
        failed: list[RejectedRecord] = []
        with self._database.write() as session:
            saved = embeddings.save_embeddings(
                session, done, model_version=self._embedder.bundle.version, keep_pending=keep_pending
            )
            for photo, outcome in batch:
                if isinstance(outcome, PhotoError):
                    failed += _fail(session, photo, outcome)
            photo_queue.renew(session, self._owner, lease=LEASE)
        return saved, failed

    def _claimed(self) -> Iterator[PhotoRef]:
        while not self._stop.is_set():
            with self._database.write() as session:
                claimed = photo_queue.claim(session, self._owner, limit=_CLAIM_SIZE, lease=LEASE)
            if not claimed:
                return
            yield from claimed

    def _suspect(self) -> PhotoRef | None:
        if self._stop.is_set():
            return None
        with self._database.write() as session:
            return photo_queue.claim_suspect(session, self._owner, lease=LEASE)

    def _missing(self) -> Iterator[PhotoRef]:
        last, version = -1, self._embedder.bundle.version
        while True:
            with self._database.read() as session:
                missing = embeddings.photos_without(session, model_version=version, after=last, limit=_CLAIM_SIZE)
            if not missing:
                return
            yield from missing
            last = missing[-1].photo_id

    def _contents(self, claimed: Iterable[PhotoRef]) -> Iterator[tuple[PhotoRef, bytes]]:
        for photo in claimed:
            try:
                yield photo, self._files.read(photo.sha256)
            except FileNotFoundError:
                yield photo, b""  # fails and is rejected as `empty`
            except ConnectionError as error:  # the store cannot be reached: the photo stays pending
                raise ServiceUnavailable(str(error)) from error
            except OSError as error:
                with self._database.write() as session:
                    photo_queue.fail_photo(
                        session,
                        photo.photo_id,
                        f"{RejectReason.UNREADABLE}: its file cannot be read ({error.strerror or error})",
                    )

    def _embedding(self, photo: PhotoRef, outcome: EmbeddedPhoto) -> NewEmbedding:
        best = int(outcome.probabilities.argmax())
        return NewEmbedding(
            photo_id=photo.photo_id,
            sha256=photo.sha256,
            vector=outcome.vector,
            category=self._embedder.bundle.categories[best],
            probability=float(outcome.probabilities[best]),
            width=outcome.width,
            height=outcome.height,
            perceptual_hash=outcome.perceptual_hash,
            flags=tuple(_flags(outcome)),
        )


def _flags(outcome: EmbeddedPhoto) -> Iterator[ListingFlag]:
    if outcome.is_incomplete:
        yield ListingFlag.INCOMPLETE_PHOTO
    if outcome.is_damaged:
        yield ListingFlag.DAMAGED_PHOTO


def _fail(session: Session, photo: PhotoRef, error: PhotoError) -> Iterator[RejectedRecord]:
    photo_queue.fail_photo(session, photo.photo_id, f"{error.reason}: {error}")
    for row in photos.photos_by_id(session, [photo.photo_id]):
        yield rejected_photo(row)


def _release_dead(database: Database) -> None:
    with database.write() as session:
        for owner in photo_queue.lease_owners(session):
            process, _, _run = owner.rpartition(":")
            if is_gone(process):
                photo_queue.release(session, owner, undo_attempt=False)
