"""The models folder: each bundle in a folder named after its version."""

from __future__ import annotations

import shutil
import time
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

from ml.bundle.bundle import Bundle
from ml.bundle.manifest import BundleError
from ml.bundle.writer import sync

if TYPE_CHECKING:
    from pathlib import Path


copy_file = shutil.copy2

ABANDONED_AFTER = timedelta(days=1)
"""Age from which an unfinished bundle counts as left by a crash; quantising a model takes minutes."""


def new_bundle_folder(models: Path) -> Path:
    """Return an unused path in the models folder, to build a bundle in."""
    return models / f"new-{uuid4().hex[:8]}"


def remove_abandoned(models: Path) -> None:
    """Remove bundles that a crash left unfinished or half replaced."""
    before = time.time() - ABANDONED_AFTER.total_seconds()
    for abandoned in models.glob("new-*"):
        with suppress(FileNotFoundError):
            if abandoned.stat().st_mtime < before:
                shutil.rmtree(abandoned, ignore_errors=True)


def install(bundle: Bundle, models: Path) -> Bundle:
    """Move a bundle, built in the models folder, to the folder of its version.

    An intact bundle of that version stays instead, unless the new one has all its files and more: an int8 graph, or
    the references of an OOD detector.
    """
    target = models / bundle.version
    replaced = bundle.path.with_name(f"{bundle.path.name}-replaced")
    if target.exists():
        with suppress(BundleError):
            installed = Bundle.load(target)
            if not set(bundle.files) > set(installed.files):
                shutil.rmtree(bundle.path)
                return installed
        target.rename(replaced)
    bundle.path.rename(target)
    sync(models)
    shutil.rmtree(replaced, ignore_errors=True)
    return replace(bundle, path=target)


def install_copy(bundle: Bundle, models: Path) -> Bundle:
    """Return the bundle from the models folder, after copying it there, whole or not at all, if it lies elsewhere.

    Raises:
        OSError: the copy cannot be written.
    """
    if bundle.path.resolve().is_relative_to(models.resolve()):
        return bundle
    copy = new_bundle_folder(models)
    try:
        shutil.copytree(bundle.path, copy, copy_function=copy_file)
        for file in copy.iterdir():
            sync(file)
        return install(replace(bundle, path=copy), models)
    except BaseException:
        shutil.rmtree(copy, ignore_errors=True)
        raise
