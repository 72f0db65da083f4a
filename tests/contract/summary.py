"""A pytest plugin that counts the comparisons with brute force, and the violations, over all workers."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.contract.comparison import ComparisonTally

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

COMPARED = "compared with brute force"
"""The property of a test's report; a report is all that a worker hands over."""


@pytest.fixture
def tally(engine: str, record_property: Callable[[str, object], None]) -> Iterator[ComparisonTally]:
    """Count a test's comparisons."""
    counted = ComparisonTally()
    yield counted
    record_property(COMPARED, [engine, counted.comparisons, counted.violations])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print one line, when anything was compared."""
    reports = [report for kind in terminalreporter.stats.values() for report in kind]
    torn_down = [report for report in reports if getattr(report, "when", None) == "teardown"]
    counts = [count for report in torn_down for name, count in report.user_properties if name == COMPARED]
    if not counts:
        return
    comparisons, wrong = Counter[str](), 0
    for engine, compared, violations in counts:
        comparisons[engine] += compared
        wrong += violations
    by_engine = ", ".join(f"{engine} {count}" for engine, count in sorted(comparisons.items()))
    terminalreporter.write_line(f"contract: {comparisons.total()} comparisons, {wrong} violations ({by_engine})")
