"""Where model bundles are kept: one folder, each bundle in a folder named after its version."""

from __future__ import annotations

import shutil
import time
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

from ml.bundle.bundle import Bundle, BundleError
from ml.bundle.writer import sync

if TYPE_CHECKING:
    from pathlib import Path


copy_file = shutil.copy2

ABANDONED_AFTER = timedelta(days=1)
"""What is being made for longer than this was left by a crash; quantising a model takes minutes."""


def fresh_folder(home: Path) -> Path:
    """Return a folder of `home` that is not there, for a bundle that is being made; `sweep` removes what is left."""
    return home / f"new-{uuid4().hex[:8]}"


def sweep(home: Path, older_than: timedelta = ABANDONED_AFTER) -> None:
    """Remove what crashes left of bundles that were being made or replaced."""
    before = time.time() - older_than.total_seconds()
    for left in home.glob("new-*"):
        with suppress(FileNotFoundError):
            if left.stat().st_mtime < before:
                shutil.rmtree(left, ignore_errors=True)


def settle(bundle: Bundle, home: Path) -> Bundle:
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


def keep_copy(bundle: Bundle, home: Path) -> Bundle:
    """Return the bundle as it lies in `home`; one from elsewhere is copied there first, whole or not at all.

    Raises:
        OSError: there is no room for it.
    """
    if bundle.path.resolve().is_relative_to(home.resolve()):
        return bundle
    fresh = fresh_folder(home)
    try:
        shutil.copytree(bundle.path, fresh, copy_function=copy_file)
        for file in fresh.iterdir():
            sync(file)
        return settle(replace(bundle, path=fresh), home)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
