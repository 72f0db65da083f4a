"""The summary of an ingest job, and the files that list its rejects and warnings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from db.rows import jobs
from services.cli.terminal.console import output, print_table
from services.errors import BadInput
from services.ingest.feeds.reports import rejects_csv, warnings_csv, write_report
from services.reason_codes import ListingFlag

if TYPE_CHECKING:
    from pathlib import Path

    from services.ingest.loading.ledger import IngestSummary
    from services.resources import Resources

_OF_SYNCS = frozenset({ListingFlag.REMOVED, ListingFlag.MARKED_SOLD, ListingFlag.NOTHING_REMOVED})
"""Flags of listings that the feed lacks; the summary tells of them apart."""


@dataclass(frozen=True, slots=True)
class Reports:
    """The files that list a job's rejects and warnings."""

    rejects: Path
    warnings: Path

    @classmethod
    def beside(cls, rejects: Path, warnings: Path | None) -> Reports:
        """Return the files of these options; by default the warnings are in `warnings.csv` beside the rejects.

        Raises:
            BadInput: a folder does not exist, or both files are the same.
        """
        chosen = warnings or rejects.with_name("warnings.csv")
        for option, path in (("--rejects", rejects), ("--warnings", chosen)):
            if not path.parent.is_dir():
                raise BadInput(f"{option} {path}: the folder {path.parent} does not exist. Create it first.")
        if chosen.resolve() == rejects.resolve():
            raise BadInput(f"{rejects} cannot hold both rejects and warnings. Name another file with --warnings.")
        return cls(rejects, chosen)

    def save(self, resources: Resources, job_id: str) -> None:
        """Write the rejects and warnings of a job to the files."""
        with resources.database.read() as session:
            write_report(self.rejects, rejects_csv(jobs.rejects_of(session, job_id)))
            write_report(self.warnings, warnings_csv(jobs.warnings_of(session, job_id)))


def print_summary(summary: IngestSummary, reports: Reports) -> None:
    """Print the counts of an ingest run, the reasons for its rejects, and the flags of its warnings.

    A dry run does not know which photos are new.
    """
    counts = summary.counts
    print_table(
        "Ingest",
        ["", "read", "accepted", "rejected", "duplicates", "new", "changed", "unchanged"],
        [_row(counts, "listings", "updated"), _row(counts, "photos", "replaced")],
    )
    changed = {name: counts.get(f"photos_{name}", 0) for name in ("renamed", "removed")}
    if any(changed.values()):
        output.print(f"Photos: {', '.join(f'{count} {name}' for name, count in changed.items() if count)}.")
    if summary.reasons:
        print_table("Rejected or not embedded", ["reason", "records"], summary.reasons.items())
        output.print(f"File, line and reason of each record: {reports.rejects}")
    if summary.warnings:
        warned = {flag: count for flag, count in summary.warnings.items() if flag not in _OF_SYNCS}
        rows = [(flag, count, ListingFlag(flag).explanation) for flag, count in warned.items()]
        if rows:
            print_table("Accepted with a warning", ["flag", "warnings", "meaning"], rows)
        output.print(f"File, line, and values before and after: {reports.warnings}")


def _row(counts: dict[str, int], kind: str, changed: str) -> list[object]:
    names = ("read", "accepted", "rejected", "duplicates", "new", changed, "unchanged")
    return [kind, *(counts.get(f"{kind}_{name}", "?") for name in names)]
