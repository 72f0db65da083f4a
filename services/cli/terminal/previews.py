"""Prints how a listings file will be read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.cli.terminal.console import output, print_json, print_table
from services.cli.terminal.exit_codes import ExitCode
from services.ingest.rest.previews import preview_answer

if TYPE_CHECKING:
    from db.rows.records import ListingRecord
    from services.ingest.loading.preview import Preview, PreviewRecord

_SAMPLE_LENGTH = 60


def print_preview(preview: Preview, *, as_json: bool) -> ExitCode:
    """Print the columns, what no field uses, and the first records; the suggestion if the mapping does not fit.

    As JSON, it is the answer of the bulk call's preview. The exit code says whether the file can be read.
    """
    code = ExitCode.FAILED if preview.problem else ExitCode.DONE
    if as_json:
        print_json(preview_answer(preview))
        return code
    if preview.problem:
        output.print(preview.problem)
        _print_suggestion(preview)
        return code
    for notice in preview.notices:
        output.print(f"{notice.flag}: {' '.join(filter(None, (notice.before, notice.after)))}")
    print_table(
        f"Columns{f' (preset {preview.preset})' if preview.preset else ''}",
        ["field", "columns", "first value"],
        [(one.name, ", ".join(one.columns), _short(one.sample)) for one in preview.fields],
    )
    if preview.unused:
        output.print(f"Not used: {', '.join(preview.unused)}")
    print_table(
        "First records",
        ["line", "id", "outcome", "title", "category", "price", "photos", "notes"],
        [_row(record) for record in preview.records],
    )
    if preview.unused and not preview.preset:
        _print_suggestion(preview)
    return code


def _print_suggestion(preview: Preview) -> None:
    output.print("\nA mapping to begin with, for --columns:\n")
    output.print(preview.suggestion)


def _row(record: PreviewRecord) -> list[object]:
    listing, reject = record.record, record.reject
    price = " ".join(str(part) for part in (listing.price, listing.currency) if part is not None) if listing else ""
    notes = [record.note] if record.note else []
    notes += [f"{reject.field}: {reject.reason} ({_short(reject.text)})"] if reject else []
    notes += _further(listing) if listing else []
    notes += [f"{repair.field or 'record'}: {repair.flag}" for repair in record.repairs]
    return [
        record.line,
        record.listing_id,
        record.outcome,
        _short(listing.title) if listing else "",
        " > ".join(listing.category_path) if listing else "",
        price,
        len(record.photos),
        "; ".join(notes),
    ]


def _further(listing: ListingRecord) -> list[str]:
    """Return whether a listing is sold, its date, attributes and address, if it has them."""
    facts = ["sold"] if listing.sold else []
    facts += [listing.listed_at.date().isoformat()] if listing.listed_at else []
    facts += [f"{name}: {value}" for name, value in listing.attributes.items()]
    return [_short(fact) for fact in (*facts, listing.url) if fact]


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SAMPLE_LENGTH else f"{line[: _SAMPLE_LENGTH - 1]}…"
