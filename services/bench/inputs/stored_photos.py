"""The installation's photos as benchmark input."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from ml.bundle.manifest import BundleError
from ml.photos.decode import PhotoError
from services.errors import BadInput, ModelUnusable
from services.ingest.models.labelled import labelled_photos

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from ml.labelled import LabelledPhoto
    from ml.photos.preprocess import Preprocessing
    from services.resources import Resources


def stored_photos(resources: Resources) -> list[LabelledPhoto]:
    """Return all stored photos.

    Raises:
        BadInput: there are none.
    """
    photos = labelled_photos(resources.database, resources.photo_files)
    if not photos:
        raise BadInput("There are no photos to measure with. Run `make demo` or `lookalike ingest` first.")
    return photos


def read_photos(paths: Sequence[Path], preprocessing: Preprocessing, *, limit: int) -> list[bytes]:
    """Return the contents of the first `limit` photos that can be decoded.

    Raises:
        ValueError: no photo can be decoded.
    """
    contents: list[bytes] = []
    for path in paths:
        with suppress(PhotoError, OSError):
            content = path.read_bytes()
            preprocessing.load(content)
            contents.append(content)
        if len(contents) >= limit:
            break
    if not contents:
        raise ValueError(f"None of the {len(paths)} photos can be read.")
    return contents


@contextmanager
def user_errors(model_version: str) -> Iterator[None]:
    """Turn a BundleError of the block into ModelUnusable, and any other ValueError into BadInput."""
    try:
        yield
    except BundleError as error:
        raise ModelUnusable(model_version, str(error)) from error
    except ValueError as error:
        raise BadInput(str(error)) from error
