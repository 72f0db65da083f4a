"""Write the generated parts of the README and the docs: `python -m tests.docs.generate`, or `make docs`.

A part stands between `<!-- generated: NAME -->` and `<!-- end of generated part -->`.
"""

from __future__ import annotations

import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from pydantic import ByteSize

from services.cli.serve import build_app
from services.ingest.rest.operations import BulkUpload
from services.reason_codes import ListingFlag, RejectReason
from services.resources import Resources
from services.settings import Settings
from services.web.metrics import METRICS
from services.wire import (
    ListingDeletion,
    NewListing,
    Recommendation,
    SearchFields,
    SearchOptions,
    SharedOptions,
    StoredSearch,
    TextOptions,
)
from services.wire.fields import described_fields
from tests.docs.cli_reference import cli_reference
from tests.docs.pages import PAGES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_PART = re.compile(
    r"(?P<start><!-- generated: (?P<name>[\w-]+) -->\n).*?(?P<end><!-- end of generated part -->)", re.DOTALL
)


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; cells have their line breaks and bars replaced."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(map(_cell, line))} |\n" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def settings() -> str:
    """Return the table of settings, with the defaults and descriptions of the code."""
    return table(
        ("variable", "default", "meaning"),
        [
            (f"`LOOKALIKE_{name.upper()}`", _default(field.get_default()), field.description or "")
            for name, field in Settings.model_fields.items()
        ],
    )


def _default(value: object) -> str:
    if isinstance(value, ByteSize):
        value = value.human_readable()
    text = str(getattr(value, "get_secret_value", lambda: value)())
    return f"`{text}`" if text not in ("", "None", "()", "[]") else ""


def rejects() -> str:
    """Return the table of reject reasons."""
    return table(("reason", "meaning"), [(f"`{reason}`", reason.explanation) for reason in RejectReason])


def flags() -> str:
    """Return the table of flags of accepted listings."""
    return table(("flag", "meaning"), [(f"`{flag}`", flag.explanation) for flag in ListingFlag])


def fields_of(struct: type, *, but: type | None = None) -> str:
    """Return the table of a struct's fields, without those of its base `but`."""
    known = {field.name for field in described_fields(but)} if but else set()
    return table(
        ("field", "type", "limits", "default", "meaning"),
        [
            (
                f"`{field.name}`",
                field.type,
                field.limits,
                _default(field.default),
                field.description,
            )
            for field in described_fields(struct)
            if field.name not in known
        ],
    )


def calls() -> str:
    """Return the table of all calls with their summaries, in the order of use."""
    with TemporaryDirectory() as folder:
        resources = Resources(Settings(_env_file=None, data_dir=Path(folder), threads=1))
        paths = build_app(resources).openapi_schema.to_schema()["paths"]
        resources.close()
    rows = [
        (f"`{method.upper()} {path}`", operation.get("summary", ""))
        for path, item in paths.items()
        for method, operation in item.items()
    ]
    return table(("call", "what it does"), rows)


def metrics() -> str:
    """Return the table of the Prometheus metrics."""
    rows = [(f"`{metric.name}`", metric.kind, ", ".join(metric.labels), metric.description) for metric in METRICS]
    return table(("metric", "type", "labels", "meaning"), rows)


PARTS: dict[str, Callable[[], str]] = {
    "calls": calls,
    "cli": cli_reference,
    "deletion-fields": lambda: fields_of(ListingDeletion),
    "flags": flags,
    "listing-fields": lambda: fields_of(NewListing),
    "bulk-fields": lambda: fields_of(BulkUpload),
    "metrics": metrics,
    "rejects": rejects,
    "recommendation-fields": lambda: fields_of(Recommendation, but=SearchFields),
    "source-fields": lambda: fields_of(StoredSearch, but=SearchFields),
    "json-fields": lambda: fields_of(SearchOptions, but=SharedOptions),
    "search-fields": lambda: fields_of(SharedOptions),
    "text-fields": lambda: fields_of(TextOptions, but=SharedOptions),
    "settings": settings,
}


def generated(page: str) -> str:
    """Return the page with its generated parts as the code has them now."""
    return _PART.sub(lambda part: part["start"] + PARTS[part["name"]]().strip() + "\n" + part["end"], page)


if __name__ == "__main__":
    for path in PAGES:
        path.write_text(generated(path.read_text(encoding="utf-8")), encoding="utf-8")
