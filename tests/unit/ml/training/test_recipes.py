"""Reading recipes, and rejecting unusable ones."""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import files
from typing import TYPE_CHECKING

import pytest

from ml.training.recipes import FROM_SCRATCH, FROZEN_TRUNK, TrainingError, Unfreezing, read_recipe

if TYPE_CHECKING:
    from pathlib import Path

UNFREEZE = "seed = 0\n[unfreeze]\nstages = 1\nepochs = 8\npairs_per_batch = 32\nlearning_rate = 2e-5\n"
RECIPE = files("ml").joinpath("training/recipe_files/frozen_trunk.toml").read_text()


def edited(tmp_path: Path, old: str, new: str) -> Path:
    assert old in RECIPE
    file = tmp_path / "recipe.toml"
    file.write_text(RECIPE.replace(old, new))
    return file


def test_there_is_a_recipe_for_each_trunk() -> None:
    assert (FROM_SCRATCH.trunk, FROZEN_TRUNK.trunk) == ("random", "frozen")


def test_reads_the_values_of_a_recipe(tmp_path: Path) -> None:
    assert read_recipe(edited(tmp_path, "vector_size = 256", "vector_size = 512")).vector_size == 512


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("vector_size = 256", "vektor_size = 256", "unknown value 'vektor_size'"),
        ("vector_size = 256", "", "missing required field `vector_size`"),
        ("vector_size = 256", 'vector_size = "256"', "Expected `int`"),
        ("vector_size = 256", "vector_size = 0", "vector_size is 0, and must be at least 1"),
        ("vector_size = 256", "vector_size =", "is not a recipe"),
        ('trunk = "frozen"', 'trunk = "thawed"', "is not a recipe"),
        ("held_out = 0.2", "held_out = 0.95", "leaves nothing to train on"),
        ("size = 224", "size = 2", "size is 2, and must be at least 16 and less than 4097"),
        ("dropout = 0.3", "dropout = 1.0", "dropout is 1.0, and must be at least 0 and less than 1"),
        (
            "seed = 0",
            "seed = 0\n[unfreeze]\nstages = 5\nepochs = 1\npairs_per_batch = 8\nlearning_rate = 1e-5",
            "1 to 4",
        ),
        ("seed = 0", "seed = 0\n[unfreeze]\nstages = 1", "missing required field `epochs`"),
        ("learning_rate = 1e-3", "learning_rate = 0.0", "learning_rate is 0.0, and must be greater than 0"),
    ],
)
def test_rejects_an_unusable_recipe_with_the_file_and_the_reason(
    old: str, new: str, problem: str, tmp_path: Path
) -> None:
    with pytest.raises(TrainingError) as refusal:
        read_recipe(edited(tmp_path, old, new))
    assert str(refusal.value).startswith(f"{tmp_path / 'recipe.toml'}: ")
    assert problem in str(refusal.value)


def test_reads_the_table_that_unfreezes_the_end_of_the_trunk(tmp_path: Path) -> None:
    expected = Unfreezing(stages=1, epochs=8, pairs_per_batch=32, learning_rate=2e-5)
    assert read_recipe(edited(tmp_path, "seed = 0", UNFREEZE)).unfreeze == expected


def test_rejects_unfreezing_a_random_trunk() -> None:
    with pytest.raises(TrainingError, match=r'\[unfreeze\] needs trunk = "frozen"'):
        replace(FROM_SCRATCH, unfreeze=Unfreezing(stages=1, epochs=8, pairs_per_batch=32, learning_rate=2e-5))


def test_rejects_a_missing_recipe_file(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="cannot be read"):
        read_recipe(tmp_path / "none.toml")


@pytest.mark.parametrize(
    "wrong", [{"learning_rate": float("nan")}, {"weight_decay": -1.0}, {"whitening_power": float("inf")}]
)
def test_rejects_values_out_of_range(wrong: dict[str, float]) -> None:
    with pytest.raises(TrainingError, match=f"{next(iter(wrong))} is .*, and must be"):
        replace(FROZEN_TRUNK, **wrong)


def test_rejects_a_seed_that_is_too_large_for_torch() -> None:
    with pytest.raises(TrainingError, match="seed is"):
        replace(FROZEN_TRUNK, seed=2**70)
