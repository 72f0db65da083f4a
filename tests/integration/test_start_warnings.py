"""A server says at its start what it lacks: a model, an index, or a data directory of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
    assert printed(capsys) == ""
    with resources_in(resources.settings.data_dir) as second:
        warn_of_missing_parts(second)
    assert "Warning: the qdrant index is not open" in (text := printed(capsys))
    assert "Searches use faiss." in text


def test_says_that_another_server_uses_the_folder(resources: Resources, capsys: pytest.CaptureFixture[str]) -> None:
    with only_server(resources):
        assert printed(capsys) == ""
        with resources_in(resources.settings.data_dir) as second, only_server(second):
            assert f"Warning: another server uses {resources.settings.data_dir}" in printed(capsys)
    with only_server(resources):
        assert printed(capsys) == ""
