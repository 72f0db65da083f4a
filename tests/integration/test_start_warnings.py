"""A server says at its start what it lacks: a model, an index, or a data directory of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml.bundle.bundle import Bundle
from ml.sample import MODEL
from services.cli.terminal.start_warnings import only_server, warn_of_missing_parts
from tests.worlds import resources_in

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from services.resources import Resources


def printed(capsys: pytest.CaptureFixture[str]) -> str:
    return " ".join(capsys.readouterr().err.split())


def test_says_that_there_is_no_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with resources_in(tmp_path / "data") as resources:
        warn_of_missing_parts(resources)
    assert "Warning: searches answer 503. There is no model yet." in printed(capsys)


def test_says_which_index_another_server_has_open(resources: Resources, capsys: pytest.CaptureFixture[str]) -> None:
    resources.live.refresh()
    warn_of_missing_parts(resources)
    assert "index is not open" not in printed(capsys)
    with resources_in(resources.settings.data_dir) as second:
        warn_of_missing_parts(second)
    assert "Warning: the qdrant index is not open" in (text := printed(capsys))
    assert "Searches use faiss." in text


def test_says_how_to_replace_a_model_without_ood_detector(
    resources: Resources, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    resources.live.refresh()
    warn_of_missing_parts(resources)
    assert "`in_distribution` and `ood_score` are null" in (text := printed(capsys))
    assert f"LOOKALIKE_DATA_DIR={resources.settings.data_dir} " in text
    assert text.endswith(f"reindex --model {MODEL}")
    with resources_in(tmp_path / "new", model=Bundle.load(MODEL)) as new:
        new.ensure_generation()
        new.live.refresh()
        warn_of_missing_parts(new)
    assert printed(capsys) == ""


def test_says_that_another_server_uses_the_folder(resources: Resources, capsys: pytest.CaptureFixture[str]) -> None:
    with only_server(resources):
        assert printed(capsys) == ""
        with resources_in(resources.settings.data_dir) as second, only_server(second):
            assert f"Warning: another server uses {resources.settings.data_dir}" in printed(capsys)
    with only_server(resources):
        assert printed(capsys) == ""
