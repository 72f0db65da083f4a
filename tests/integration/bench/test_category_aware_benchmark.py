"""`python -m tests.benchmarks.category_aware`: the error for listings that it cannot measure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ml.sample import MODEL
from tests.benchmarks import category_aware
from tests.worlds import ingest, marketplace, resources_in

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeJpeg


def test_asks_for_a_model_trained_on_these_listings_if_none_of_them_is_held_out(tmp_path: Path, jpeg: MakeJpeg) -> None:
    data_dir = tmp_path / "data"
    with resources_in(data_dir) as resources:
        resources.begin_with(MODEL)
        ingest(resources, marketplace(tmp_path / "shop", jpeg, count=2).inputs)
    with pytest.raises(
        SystemExit, match=r"held out none of the listings in .*/data .* Train a model on these listings first"
    ):
        category_aware.main(data_dir)
