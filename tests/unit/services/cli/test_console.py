"""What commands print: texts as they were given, and numbers by what they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.cli.models.train import metric_rows
from services.cli.terminal.console import console, output, print_table

if TYPE_CHECKING:
    import pytest

TITLE = "Lamp [new] [/b] :key: C:\\[red]"


def test_a_table_shows_titles_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(f"Found {TITLE}", ["title [GBP]"], [[TITLE]])
    out = capsys.readouterr().out
    assert (out.count(TITLE), "title [GBP]" in out) == (2, True)


def test_a_message_shows_paths_as_they_are_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    path = f"/data/{TITLE}/{'long folder ' * 20}"
    console.print(f"Report: {path}")
    output.print(path, style="bold")
    printed = capsys.readouterr()
    assert (printed.err, printed.out) == (f"Report: {path}\n", f"{path}\n")


def test_metrics_are_shares_or_counts_by_their_name() -> None:
    metrics = {"category_accuracy": 1.0, "held_out_photos": 1.0, "gallery": 1234.0}
    assert metric_rows(metrics) == [("category accuracy", "1.000"), ("held out photos", "1"), ("gallery", "1,234")]
