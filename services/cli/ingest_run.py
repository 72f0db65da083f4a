"""Runs an ingest for the command line, and reports its outcome: for people, or as one JSON object for scripts."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import msgspec
import typer

from db.rows import jobs
from ml.sample import MODEL
from services.cli.terminal.audited import audited
from services.cli.terminal.console import console, output, print_json, stage_bars
from services.cli.terminal.exit_codes import ExitCode, exit_code_of
from services.cli.terminal.reports import print_summary
from services.cli.terminal.resources import check_first_model, is_new, open_resources, read_settings
from services.errors import LookalikeError, MissingColumns
from services.ingest.cleaning.text import counted
from services.ingest.loading.ledger import Ledger
from services.ingest.loading.named_photos import unused_photos_notice
from services.ingest.pipeline.ingest_job import check_files, create_ingest_job, run_ingest
from services.reason_codes import ListingFlag
from services.redaction import redacted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from services.cli.terminal.reports import Reports
    from services.ingest.loading.inputs import IngestInputs, IngestOptions
    from services.ingest.loading.ledger import IngestSummary
    from services.resources import Resources

_SHOWN_IDS = 10
_REPORTED_IDS = 100


class IngestReport(msgspec.Struct):
    """The JSON object of `lookalike ingest --json`.

    Attributes:
        job_id: None if the ingest failed before it began.
        exit_code: of the command.
        error: why it failed; None if it is done.
        dry_run: whether nothing was written.
        counts, reasons, warnings: of the job; see `IngestSummary`.
        missing_ids: the first listings that the feed lacks and that were removed, or marked sold, or would be.
        embedding_seconds: from the last stored photo to the last committed embedding; None without a model.
        seconds: of the whole command.
        rejects_file, warnings_file: the files that list the rejects and the warnings.
    """

    job_id: str | None = None
    exit_code: int = ExitCode.DONE
    error: str | None = None
    dry_run: bool = False
    counts: dict[str, int] = {}
    reasons: dict[str, int] = {}
    warnings: dict[str, int] = {}
    missing_ids: list[str] = []
    embedding_seconds: float | None = None
    seconds: float = 0.0
    rejects_file: str | None = None
    warnings_file: str | None = None


@contextmanager
def reported(*, as_json: bool) -> Iterator[IngestReport]:
    """Yield a report for the block to fill in; print it as JSON afterwards, also if the block raises."""
    report, started = IngestReport(), time.monotonic()
    try:
        yield report
    except BaseException as error:
        expected = isinstance(error, LookalikeError | typer.BadParameter)
        report.error = redacted(" ".join(str(error).split()) if expected else f"{type(error).__name__}: {error}")
        report.exit_code = exit_code_of(error)
        if isinstance(error, MissingColumns) and error.suggestion and not as_json:
            console.print("Run it with --preview to see the mapping. Pass the mapping with --columns.")
        raise
    finally:
        report.seconds = round(time.monotonic() - started, 3)
        if as_json:
            print_json(report)
    if report.exit_code:
        raise typer.Exit(report.exit_code)


def run_reported(
    inputs: IngestInputs, reports: Reports, report: IngestReport, *, max_rejected: float, quiet: bool
) -> None:
    """Run an ingest job, write the files of its rejects and warnings, and fill in the report, also if it fails.

    Args:
        inputs, reports: the files to read and to write.
        report: filled in.
        max_rejected: share of the listings above which the exit code is NEEDS_ATTENTION.
        quiet: whether to leave out the tables for people.
    """
    report.dry_run = inputs.options.dry_run
    report.rejects_file, report.warnings_file = str(reports.rejects), str(reports.warnings)
    settings = read_settings()
    if is_new(settings):  # refused before a database is made; a job of an existing database tells why it failed
        check_first_model(settings)
        check_files(inputs)
    with open_resources(settings, create=True) as resources, audited(resources.database) as command:
        report.job_id = create_ingest_job(resources, inputs)
        command.resource = f"/v1/jobs/{report.job_id}"
        try:
            with stage_bars() as progress:
                report.embedding_seconds = run_ingest(resources, report.job_id, inputs, progress).embedding_seconds
        finally:
            reports.save(resources, report.job_id)
            summary = _count(resources, report)
    counts = report.counts
    unused = unused_photos_notice(inputs, counts)
    if not quiet:
        print_summary(summary, reports)
        _print(report, inputs.options)
        if unused is not None:
            text = f"Photos were given ({unused.before}), and none is used: {unused.after}."
            console.print(text, style="bold")
    if (
        unused is not None
        or counts["listings_rejected"] > max_rejected * counts["listings_read"]
        or counts["listings_kept"]
    ):
        report.exit_code = ExitCode.NEEDS_ATTENTION


def _count(resources: Resources, report: IngestReport) -> IngestSummary:
    assert report.job_id is not None, "the job was created"
    summary = Ledger(resources.database, report.job_id).summary()
    report.counts, report.reasons, report.warnings = summary.counts, summary.reasons, summary.warnings
    with resources.database.read() as session:
        flags = (ListingFlag.REMOVED, ListingFlag.MARKED_SOLD)
        report.missing_ids = jobs.warned_ids(session, report.job_id, flags, limit=_REPORTED_IDS)
    return summary


def _print(report: IngestReport, options: IngestOptions) -> None:
    if options.sync:
        _print_sync(report, options)
    if report.dry_run:
        output.print(
            "Dry run: nothing was written. Photos were looked up by name only, so it is not known which are new.",
        )
    elif report.embedding_seconds is None:
        console.print(
            "There is no model yet, so no photos were embedded. Next: lookalike train. To try search without training, "
            f"set LOOKALIKE_MODEL={MODEL} (the demo's model, which knows only drawn items) and ingest again.",
        )
    else:
        embedded, seconds = report.counts["photos_embedded"], report.embedding_seconds
        output.print(
            f"Embedded {counted(embedded, 'photo')} in {seconds:.1f} s "
            f"({embedded / seconds:.0f} photos/s, from stored file to committed embedding); "
            f"{report.counts['photos_failed']} failed."
        )


def _print_sync(report: IngestReport, options: IngestOptions) -> None:
    counts = report.counts
    if counts["listings_kept"]:
        output.print(
            f"The file lacks {counted(counts['listings_kept'], 'listing')}, but none was removed: some of its records "
            "have no readable id, and may be those of missing listings. Mend these records and run the sync again.",
        )
        return
    gone = counts["listings_removed"] + counts["listings_sold"]
    outcome = "marked sold" if options.mark_sold else "removed"
    begin = f"Would be {outcome}" if report.dry_run else outcome.capitalize()
    ids = ", ".join(report.missing_ids[:_SHOWN_IDS]) + (", ..." if gone > _SHOWN_IDS else "")
    lacking = f" that the file lacks ({ids})" if gone else ", the file lacks none"
    output.print(f"{begin}: {counted(gone, 'listing')}{lacking}")
