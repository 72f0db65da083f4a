"""Write the generated parts of the README and the docs: `python -m tests.docs.generate`, or `make docs`.

A part stands between `<!-- generated: NAME -->` and `<!-- end of generated part -->`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pydantic import ByteSize

from services.reason_codes import ListingFlag, RejectReason
from services.settings import Settings
from services.web.metrics import METRICS
from services.wire.fields import described_fields
from services.wire.listings import NewListing
from services.wire.search import SearchFields
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
    return f"`{text}`" if text not in ("", "None", "()") else ""


def rejects() -> str:
    """Return the table of reject reasons."""
    return table(("reason", "meaning"), [(f"`{reason}`", reason.explanation) for reason in RejectReason])


def flags() -> str:
    """Return the table of flags of accepted listings."""
    return table(("flag", "meaning"), [(f"`{flag}`", flag.explanation) for flag in ListingFlag])


def fields_of(struct: type) -> str:
    """Return the table of a struct's fields."""
    return table(
        ("field", "type", "limits", "meaning"),
        [(f"`{field.name}`", field.type, field.limits, field.description) for field in described_fields(struct)],
    )


def metrics() -> str:
    """Return the table of the Prometheus metrics."""
    rows = [(f"`{metric.name}`", metric.kind, ", ".join(metric.labels), metric.description) for metric in METRICS]
    return table(("metric", "type", "labels", "meaning"), rows)


PARTS: dict[str, Callable[[], str]] = {
    "cli": cli_reference,
    "flags": flags,
    "listing-fields": lambda: fields_of(NewListing),
    "metrics": metrics,
    "rejects": rejects,
    "search-fields": lambda: fields_of(SearchFields),
    "settings": settings,
}


def generated(page: str) -> str:
    """Return the page with its generated parts as the code has them now."""
    return _PART.sub(lambda part: part["start"] + PARTS[part["name"]]().strip() + "\n" + part["end"], page)


if __name__ == "__main__":
    for path in PAGES:
        path.write_text(generated(path.read_text(encoding="utf-8")), encoding="utf-8")
