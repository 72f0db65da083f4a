"""Where model bundles are kept: one folder, each bundle in a folder named after its version."""

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
"""What is being made for longer than this was left by a crash; quantising a model takes minutes."""


def new_bundle_folder(home: Path) -> Path:
    """Return the path of a new folder in `home`, to build a bundle in."""
    return home / f"new-{uuid4().hex[:8]}"


def remove_abandoned(home: Path, older_than: timedelta = ABANDONED_AFTER) -> None:
    """Remove what crashes left of bundles that were being made or replaced."""
    before = time.time() - older_than.total_seconds()
    for left in home.glob("new-*"):
        with suppress(FileNotFoundError):
            if left.stat().st_mtime < before:
                shutil.rmtree(left, ignore_errors=True)


def install(bundle: Bundle, home: Path) -> Bundle:
    """Move a bundle that lies in `home` to its place there, unless one that is sound and does as much has it."""
    place = home / bundle.version
    if place.exists():
        with suppress(BundleError):
            there = Bundle.load(place)
            if there.has_int8 or not bundle.has_int8:
                shutil.rmtree(bundle.path)
                return there
        place.rename(bundle.path.with_name(f"{bundle.path.name}-replaced"))
    bundle.path.rename(place)
    sync(home)
    shutil.rmtree(bundle.path.with_name(f"{bundle.path.name}-replaced"), ignore_errors=True)
    return replace(bundle, path=place)


def install_copy(bundle: Bundle, home: Path) -> Bundle:
    """Return the bundle as it lies in `home`; one from elsewhere is copied there first, whole or not at all.

    Raises:
        OSError: there is no room for it.
    """
    if bundle.path.resolve().is_relative_to(home.resolve()):
        return bundle
    fresh = new_bundle_folder(home)
    try:
        shutil.copytree(bundle.path, fresh, copy_function=copy_file)
        for file in fresh.iterdir():
            sync(file)
        return install(replace(bundle, path=fresh), home)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
