"""Smaller vectors and coarser storage."""

from __future__ import annotations

import numpy as np

from ml.evaluation.report.figures import Tradeoff
from ml.evaluation.report.tradeoffs import float16, int8, onto_principal_directions, pareto, unit


def test_float16_and_int8_change_vectors_little() -> None:
    vectors = unit(np.random.default_rng(0).normal(size=(50, 64)).astype(np.float32))
    for restore, least in ((float16, 0.99999), (int8, 0.9999)):
        restored = restore(vectors)
        assert 1 > (restored * vectors).sum(axis=1).min() > least
        assert not np.array_equal(restored, vectors)


def test_principal_directions_preserve_inner_products() -> None:
    rng = np.random.default_rng(0)
    vectors = unit((rng.normal(size=(60, 4)) @ rng.normal(size=(4, 32))).astype(np.float32))
    small = onto_principal_directions(vectors, np.arange(30), 4)
    np.testing.assert_allclose(small @ small.T, vectors @ vectors.T, atol=1e-4)


def test_marks_only_rows_that_no_other_row_beats() -> None:
    def row(recall: float, size: int, rate: float) -> Tradeoff:
        return Tradeoff("f32", 1, "float32", size, recall, recall, rate, best=False)

    rows = pareto([row(0.5, 10, 1.0), row(0.5, 20, 1.0), row(0.6, 20, 1.0), row(0.4, 20, 9.0)])
    assert [one.best for one in rows] == [True, False, True, True]
