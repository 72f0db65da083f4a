"""Opening an embedder checks the vectors of the canonical photos."""

from __future__ import annotations

import pytest

from ml.bundle.manifest import BundleError
from ml.embedding.open_embedder import check_canonical
from tests.unit.ml.embedding.test_embedder import Colours


def test_the_canonical_check_rejects_a_network_without_finite_outputs() -> None:
    with pytest.raises(BundleError, match="cannot embed its canonical photos"):
        check_canonical(Colours(float("nan")))


def test_the_canonical_check_rejects_other_vectors() -> None:
    with pytest.raises(BundleError, match=r"differ by 0\.\d+ \(allowed in f32: 0\.001\)"):
        check_canonical(Colours())
