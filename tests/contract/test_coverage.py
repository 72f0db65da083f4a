"""Every field of a filter is compared between the engines, here and by `lookalike verify --queries`."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

import pytest

from db.vectors.base import NO_FILTER, Filter
from services.indexing.agreement import SHAPES as VERIFIED_SHAPES
from tests.contract.shapes import SHAPES

if TYPE_CHECKING:
    from tests.contract.oracle import Oracle

FIELDS = [field.name for field in fields(Filter)]


@pytest.mark.parametrize("field", FIELDS)
def test_a_shape_of_the_contract_sets_every_field(field: str, oracle: Oracle) -> None:
    candidates = (where for shape in SHAPES.values() for where in shape(oracle))
    assert any(getattr(where, field) != getattr(NO_FILTER, field) for where in candidates)


@pytest.mark.parametrize("field", FIELDS)
def test_a_shape_of_verify_sets_every_field(field: str) -> None:
    assert any(field in shape for shape in VERIFIED_SHAPES.values())
