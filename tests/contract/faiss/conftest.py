"""Fixtures: a catalogue large enough for FAISS lists."""

from __future__ import annotations

import pytest

from tests.contract.catalogue import Catalogue, make_catalogue
from tests.contract.oracle import Oracle


@pytest.fixture(scope="module")
def large() -> Catalogue:
    """6,000 photos: more than are compared one by one."""
    return make_catalogue(6000, 16)


@pytest.fixture(scope="module")
def large_oracle(large: Catalogue) -> Oracle:
    """The right answers."""
    return Oracle(large.points)
