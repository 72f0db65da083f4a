"""Exports a model as a new bundle, with or without an int8 graph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml.bundle.manifest import GRAPH, GRAPH_WEIGHTS, INT8_FILES, BundleError
from ml.export.precision_photos import draw_precision_photos
from ml.export.quantize import QuantizerMissing
from ml.export.reexport import reexport_bundle
from services.errors import BadInput
from services.ingest.models.bundles import find_bundle
from services.ingest.models.labelled import labelled_photos
from services.ingest.pipeline.progress import Progress, silent

if TYPE_CHECKING:
    from pathlib import Path

    from ml.bundle.bundle import Bundle
    from ml.bundle.manifest import PrecisionQuality
    from ml.export.precision_photos import PrecisionPhotos
    from services.resources import Resources


class CannotExport(BadInput):
    """The bundle cannot be exported."""


@dataclass(frozen=True, slots=True)
class ExportedPrecision:
    """One precision that a bundle can run in.

    Attributes:
        precision: `f32`, `bf16` or `int8`; f32 and bf16 share one graph.
        bytes: total size of the graph's files.
        quality: recall and loss compared with f32; None if not measured.
    """

    precision: str
    bytes: int
    quality: PrecisionQuality | None


@dataclass(frozen=True, slots=True)
class Exported:
    """An exported bundle."""

    path: str
    version: str
    precisions: tuple[ExportedPrecision, ...]


def export_model(
    resources: Resources, out: Path, *, model: str | None = None, int8: bool = True, progress: Progress = silent
) -> Exported:
    """Write the bundle of a model to `out`.

    Args:
        out: a folder that does not exist.
        model: a version or a bundle's folder; the live model by default.
        int8: include an int8 graph: the model's own if it has one, else a new one, quantised with photos of its split.

    Raises:
        CannotExport: `out` exists or cannot be written, there are no photos to quantise with, or NNCF is missing.
        ModelMissing, ModelUnusable, ResourceNotFound: see `find_bundle`.
    """
    bundle = find_bundle(resources, model)
    if out.exists():  # checked before the long work
        raise CannotExport(
            f"{out} already exists, and a bundle is never overwritten. Name a folder that does not exist."
        )
    sample = _precision_photos(resources, bundle, progress) if int8 and not bundle.has_int8 else None
    progress("export the model", 0, None)
    try:
        written = reexport_bundle(
            bundle,
            out,
            keep_int8=int8,
            photos=sample,
        )
    except (BundleError, QuantizerMissing) as error:
        raise CannotExport(str(error)) from error
    except OSError as error:
        raise CannotExport(f"{out} cannot be written ({error.strerror}). Name another folder.") from error
    return Exported(str(out), written.version, _precisions(written))


def _precision_photos(resources: Resources, bundle: Bundle, progress: Progress) -> PrecisionPhotos:
    try:
        return draw_precision_photos(
            labelled_photos(resources.database, resources.photo_files),
            bundle.preprocessing,
            split=bundle.split,
            progress=lambda done, total: progress("decode photos", done, total),
        )
    except ValueError as error:
        problem = f"There are no photos to quantise with: {error}"
        raise CannotExport(f"{problem}. Ingest the training listings first, or use --no-int8.") from error


def _precisions(bundle: Bundle) -> tuple[ExportedPrecision, ...]:
    files: dict[str, tuple[str, ...]] = {}
    if bundle.has_float:
        files |= {"f32": (GRAPH, GRAPH_WEIGHTS), "bf16": (GRAPH, GRAPH_WEIGHTS)}
    if bundle.has_int8:
        files["int8"] = INT8_FILES
    return tuple(
        ExportedPrecision(
            name, sum((bundle.path / file).stat().st_size for file in graph_files), bundle.precisions.get(name)
        )
        for name, graph_files in files.items()
    )
