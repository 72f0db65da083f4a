"""Exporting: a registered model, or a bundle, becomes a new bundle for serving elsewhere, with an int8 graph or not."""

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
    """The bundle cannot be written as asked."""


@dataclass(frozen=True, slots=True)
class ExportedPrecision:
    """What a bundle holds of one precision.

    Attributes:
        precision: `f32`, `bf16` or `int8`; f32 and bf16 are computed from one graph.
        bytes: of the graph's files.
        quality: what it is worth beside f32; None where that was not measured.
    """

    precision: str
    bytes: int
    quality: PrecisionQuality | None


@dataclass(frozen=True, slots=True)
class Exported:
    """A bundle that was written."""

    path: str
    version: str
    precisions: tuple[ExportedPrecision, ...]


def export_model(
    resources: Resources, out: Path, *, model: str | None = None, int8: bool = True, progress: Progress = silent
) -> Exported:
    """Write a model's bundle again at `out`; with `int8` and the photos that it was trained on, quantised as well.

    An int8 graph that the model has already is kept as it is.

    Args:
        resources: where the model and the photos are.
        out: a folder that does not exist.
        model: a version or a bundle's folder; the live model by default.
        int8: whether the bundle is to have an int8 graph.
        progress: is told how the stages go.

    Raises:
        CannotExport: `out` exists or cannot be written, there are no photos to quantise with, or NNCF is missing.
        ModelMissing, ModelUnusable, NotFound: see `find_bundle`.
    """
    bundle = find_bundle(resources, model)
    if out.exists():  # before the minutes of work
        raise CannotExport(f"{out} exists already, and a bundle is never overwritten. Name a folder that is not there.")
    chosen = _photos(resources, bundle, progress) if int8 and not bundle.has_int8 else None
    progress("export the model", 0, None)
    try:
        written = reexport_bundle(
            bundle,
            out,
            keep_int8=int8,
            quantize_with=chosen.quantize_with if chosen else None,
            measure_on=chosen.measure_on if chosen else None,
        )
    except (BundleError, QuantizerMissing) as error:
        raise CannotExport(str(error)) from error
    except OSError as error:
        raise CannotExport(f"{out} cannot be written ({error.strerror}). Name another folder.") from error
    return Exported(str(out), written.version, _precisions(written))


def _photos(resources: Resources, bundle: Bundle, progress: Progress) -> PrecisionPhotos:
    try:
        return draw_precision_photos(
            labelled_photos(resources.database, resources.photo_files),
            bundle.preprocessing,
            split=bundle.split,
            progress=lambda done, total: progress("decode photos", done, total),
        )
    except ValueError as error:
        problem = f"There is nothing to quantise with: {error}"
        raise CannotExport(f"{problem}. Ingest them first, or use --no-int8.") from error


def _precisions(bundle: Bundle) -> tuple[ExportedPrecision, ...]:
    files: dict[str, tuple[str, ...]] = {}
    if bundle.has_float:
        files |= {"f32": (GRAPH, GRAPH_WEIGHTS), "bf16": (GRAPH, GRAPH_WEIGHTS)}
    if bundle.has_int8:
        files["int8"] = INT8_FILES
    return tuple(
        ExportedPrecision(
            name, sum((bundle.path / file).stat().st_size for file in of_precision), bundle.precisions.get(name)
        )
        for name, of_precision in files.items()
    )
