"""Evaluates a model on the catalogue, and writes report.html and report.json."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, get_args

import msgspec
import numpy as np
from more_itertools import chunked

from db.rows import listings
from db.session import VALUES_PER_QUERY
from ml.bundle.manifest import BundleError
from ml.embedding.bulk import embed_all
from ml.embedding.open_embedder import open_embedder
from ml.evaluation.baselines import baseline_vectors
from ml.evaluation.foreign_pictures import embed_foreign_pictures
from ml.evaluation.report.build import Baselines, EmbeddedPhotos, ReportInputs, build_report
from ml.evaluation.report.figures import Report, Setup
from ml.evaluation.report.page import render
from ml.evaluation.retrieval import integer_codes
from ml.network.openvino_runtime import Precision, load_openvino
from ml.network.trunk_weights import WeightsError
from ml.photos.decode import PhotoError
from services.errors import BadInput, ModelUnusable
from services.ingest.feeds.reports import write_report
from services.ingest.models.bundles import find_bundle
from services.ingest.models.held_out import NothingHeldOut, held_out_photos, split_of
from services.ingest.models.items import items_of_listings
from services.ingest.models.labelled import labelled_photos
from services.ingest.pipeline.progress import Progress, StageCounter, silent

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from ml.bundle.bundle import Bundle
    from ml.embedding.embedder import Embedder
    from ml.labelled import LabelledPhoto
    from services.ingest.models.held_out import HeldOut
    from services.resources import Resources
    from services.settings import Settings

LIBRARIES = ("lookalike", "numpy", "openvino", "pillow", "scipy")
PAGE, FIGURES = "report.html", "report.json"


@dataclass(frozen=True, slots=True)
class EvaluationRequest:
    """What to evaluate, and how.

    Attributes:
        model: a version or a bundle's folder; the live model by default.
        weights: ImageNet weights for the baselines; None skips the baselines.
        out: folder for the report; by default `reports/<version>` in the data directory, or `reports/<version>-unseen`.
        unseen: measure on every listing that the model has not seen; see `held_out_photos`.
    """

    model: str | None = None
    weights: Path | None = None
    out: Path | None = None
    unseen: bool = False


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A report, and its files."""

    report: Report
    page: Path
    figures: Path


@dataclass(frozen=True, slots=True)
class _Embedded:
    """The n photos that could be embedded, and their perceptual hashes, uint64 (n,)."""

    photos: Sequence[LabelledPhoto]
    hashes: NDArray[np.uint64]
    run: EmbeddedPhotos


def report_folder(settings: Settings, model_version: str) -> Path:
    """Return the default folder for the report of a model."""
    return settings.data_dir / "reports" / model_version


def latest_report(settings: Settings, model_version: str) -> Path | None:
    """Return the newest report of a model in its default folders, with and without `--unseen`; None if none."""
    folders = (report_folder(settings, name) for name in (model_version, f"{model_version}-unseen"))
    pages = [folder / PAGE for folder in folders if (folder / PAGE).is_file()]
    return max(pages, key=lambda page: page.stat().st_mtime, default=None)


def evaluate_model(resources: Resources, request: EvaluationRequest, *, progress: Progress = silent) -> Evaluation:
    """Measure a model as it is served, next to published baselines, and write the report.

    Embeds every photo once in each precision that the processor supports. Only reads the database.

    Raises:
        ModelMissing, ModelUnusable, ResourceNotFound: there is no such model, or it cannot be run.
        CannotEvaluate: there are no listings to measure it on.
        BadInput: the baseline weights cannot be used, or the report cannot be written.
    """
    bundle = find_bundle(resources, request.model)
    photos = labelled_photos(resources.database, resources.photo_files)
    if not {*split_of(bundle).held_out} & {photo.listing_id for photo in photos} and not request.unseen:
        raise NothingHeldOut(bundle.version, unseen=False)  # checked before the long work
    embedder = _open(resources, bundle, resources.settings.precision)
    served = _embed(embedder, photos, progress)
    items = items_of_listings(resources.database, served.photos, served.hashes, progress)
    held_out = held_out_photos(served.photos, items, bundle=bundle, unseen=request.unseen)
    computed = ReportInputs(
        photos=served.photos,
        titles=_titles(resources, {photo.listing_id for photo in served.photos}),
        items=integer_codes([items[photo.listing_id] for photo in served.photos]),
        held_out=held_out.rows,
        runs={embedder.precision: served.run, **_other_runs(resources, embedder, served.photos, progress)},
        baselines=_baselines(resources, request.weights, served.photos, progress),
        foreign={} if bundle.ood is None else embed_foreign_pictures(embedder),
    )
    progress("measure", 0, None)
    setup = _setup(resources, embedder, held_out, unreadable=len(photos) - len(served.photos))
    report = build_report(computed, bundle=bundle, setup=setup)
    return _write(resources, report, request.out or _report_folder(resources, bundle, request))


def _open(resources: Resources, bundle: Bundle, precision: Precision) -> Embedder:
    settings = resources.settings
    try:
        return open_embedder(bundle, runtime=settings.runtime.value, threads=settings.thread_count, precision=precision)
    except BundleError as error:
        raise ModelUnusable(bundle.version, str(error)) from error


def _embed(embedder: Embedder, photos: Sequence[LabelledPhoto], progress: Progress) -> _Embedded:
    """Embed the photos as an ingest does, without those that cannot be read."""
    advance = StageCounter(progress, f"embed in {embedder.precision}", len(photos))
    embedded, started = {}, time.perf_counter()
    with closing(embed_all(_contents(photos), embedder)) as outcomes:
        for row, outcome in outcomes:
            advance(1)
            if not isinstance(outcome, PhotoError):
                embedded[row] = outcome
    rate = len(embedded) / (time.perf_counter() - started)
    rows = sorted(embedded)
    bundle = embedder.bundle
    return _Embedded(
        photos=[photos[row] for row in rows],
        hashes=np.array([int(embedded[row].perceptual_hash, 16) for row in rows], np.uint64),
        run=EmbeddedPhotos(
            vectors=np.array([embedded[row].vector for row in rows], np.float32).reshape(-1, bundle.vector_size),
            probabilities=np.array([embedded[row].probabilities for row in rows], np.float32),
            rate=rate,
        ),
    )


def _contents(photos: Sequence[LabelledPhoto]) -> Iterator[tuple[int, bytes]]:
    for row, photo in enumerate(photos):
        try:
            content = photo.path.read_bytes()
        except OSError:
            content = b""  # counted as unreadable
        yield row, content


def _other_runs(
    resources: Resources, served: Embedder, photos: Sequence[LabelledPhoto], progress: Progress
) -> dict[str, EmbeddedPhotos]:
    """Embed the photos in each other precision that this processor and this bundle support."""
    runs: dict[str, EmbeddedPhotos] = {}
    for precision in get_args(Precision):
        if precision in ("auto", served.precision):
            continue
        try:
            embedder = _open(resources, served.bundle, precision)
        except ModelUnusable:
            continue
        if embedder.precision not in {served.precision, *runs}:  # torch has one precision only
            runs[embedder.precision] = _embed(embedder, photos, progress).run
    return runs


def _baselines(
    resources: Resources, weights: Path | None, photos: Sequence[LabelledPhoto], progress: Progress
) -> Baselines:
    """Embed the photos with the baselines; raise BadInput if the weights cannot be used."""
    if weights is None:
        return Baselines(None, skipped="they were skipped because of --weights none.")
    try:
        vectors = baseline_vectors(
            [photo.path for photo in photos],
            weights,
            threads=resources.settings.thread_count,
            progress=lambda done, total: progress("embed for baselines", done, total),
        )
    except ModuleNotFoundError as error:
        remedy = "Install it (make install), or skip the baselines (--weights none)"
        raise BadInput(f"The baselines need torch. {remedy}.") from error
    except WeightsError as error:
        raise BadInput(str(error)) from error
    return Baselines(vectors, precision="f32")


def _titles(resources: Resources, listing_ids: set[str]) -> dict[str, str]:
    with resources.database.read() as session:
        return {
            row.id: row.title
            for ids in chunked(sorted(listing_ids), VALUES_PER_QUERY)
            for row in listings.listings_by_id(session, ids)
        }


def _setup(resources: Resources, embedder: Embedder, held_out: HeldOut, *, unreadable: int) -> Setup:
    return Setup(
        model_version=embedder.bundle.version,
        model_created_at=embedder.bundle.created_at,
        evaluated_at=datetime.now(UTC),
        split=held_out.use,
        photos=held_out.photos,
        unreadable=unreadable,
        precision=embedder.precision,
        runtime=resources.settings.runtime.value,
        threads=resources.settings.thread_count,
        processor=str(load_openvino().Core().get_property("CPU", "FULL_DEVICE_NAME")),
        libraries={name: version(name) for name in LIBRARIES},
    )


def _report_folder(resources: Resources, bundle: Bundle, request: EvaluationRequest) -> Path:
    return report_folder(resources.settings, f"{bundle.version}-unseen" if request.unseen else bundle.version)


def _write(resources: Resources, report: Report, folder: Path) -> Evaluation:
    evaluation = Evaluation(report, folder / PAGE, folder / FIGURES)
    page = render(report, resources.photo_files.read)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_report(evaluation.page, [page])
        write_report(evaluation.figures, [msgspec.json.format(msgspec.json.encode(report), indent=2).decode()])
    except OSError as error:
        problem = f"The report cannot be written to {folder} ({error.strerror})"
        raise BadInput(f"{problem}. Name another folder with --out.") from error
    return evaluation
