"""Checks every API call against the OpenAPI document, with all checks of schemathesis."""

from __future__ import annotations

import io
import os
import re
import secrets
import zipfile
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from hypothesis import strategies as st
from PIL import Image
from schemathesis.engine import events, from_schema
from schemathesis.python.asgi import shutdown_lifespans

from services.cli.serve import build_app
from services.client import Client
from services.resources import Resources
from services.settings import Settings
from tests.sites import running_site
from tests.worlds import ingest, listing_row, marketplace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from litestar import Litestar
    from schemathesis.engine.recorder import CheckNode

    from ml.bundle.bundle import Bundle
    from tests.conftest import MakeJpeg

EXAMPLES_PER_CALL = os.environ.get("LOOKALIKE_TEST_OPENAPI_EXAMPLES")
"""Number of cases that schemathesis generates for each call and phase. If set, the cases are random."""

PHASES = ("examples", "coverage", "fuzzing", "stateful")

BEYOND_A_SCHEMA = re.compile(
    "|".join(
        (
            # Rules between fields
            "above price_max",
            "at least one condition",
            "send expected=",
            "is not a date",
            "needs mode=sync",
            "is not a share",
            "columns: is not TOML",
            "is not a share",
            "There is no preset",
            "send fetch_photos=true",
            '"listings.csv: ',  # a preview reads the file, which need not be a table
            "holds the whole query",
            "for each listing in `(posi|nega)tive`",
            "only be used with the strategy",
            "also in `positive`",
            "listings together with `negative`",
            "needs a (price|place) to compare with",
            "needs a source with a seller",
            "crop: needs a single photo",
            "does not lie within the photo",
            # schemathesis sends the files of a list without file names; the server reads such a part as text.
            "A text field of the form is not in the charset",
            # JSON Schema accepts 7.0 as an integer.
            "Expected `int`, got `float`",
            # Values that must exist in the database, or come from an earlier answer
            "there is no listing",
            "has no embedded photo yet",
            "there is no category",
            "is not valid( or not complete)?. Copy it unchanged",
            # Conditions on attributes
            "the range of .* (has neither|begins above)",
            "has a range and other values",
            r"attributes: (.* has \d+ values|has \d+ names)",
            # Text of a listing, after cleaning
            "(title|category|id): missing",
            "id: (bad id|id too long)",
            "seller: seller too long",
            "category: category too long",
            "price: unreadable price",
            "price: price too large",
            "price: negative price",
            "currency: bad currency",
            "photos: (duplicate id|bad id|too many photos)",
        )
    )
)
"""Errors of requests that match their schema but break a rule that JSON Schema cannot state."""


@pytest.fixture(scope="module")
def resources(tmp_path_factory: pytest.TempPathFactory, tiny_bundle: Bundle, jpeg: MakeJpeg) -> Iterator[Resources]:
    folder = tmp_path_factory.mktemp("shop")
    settings = Settings(
        _env_file=None, data_dir=folder / "data", model=tiny_bundle.path, threads=2, fetch_allow="127.0.0.1"
    )
    resources = Resources(settings)
    try:
        ingest(resources, shop(folder / "files", jpeg).inputs)
        with running_site() as site:
            site.photos["/lamp.jpg"] = jpeg(seed=99)
            register_real_inputs(jpeg, f"{site.url}/lamp.jpg")
            yield resources
    finally:
        resources.close()


@pytest.fixture
def app(resources: Resources) -> Iterator[Litestar]:
    """A new app for each test, because its threads can start only once."""
    try:
        yield build_app(resources)
    finally:
        shutdown_lifespans()


def shop(folder: Path, jpeg: MakeJpeg) -> Any:
    """Return a marketplace whose listing ids are those of the examples in the OpenAPI document."""
    made = marketplace(folder, jpeg)
    made.write_listings([[f"lamp-{number}", *listing_row(number)[1:]] for number in range(6)])
    made.write_photo_table([(f"photo-{n}-{side}", f"lamp-{n}") for n in range(6) for side in "ab"])
    return made


def register_real_inputs(jpeg: MakeJpeg, photo_url: str) -> None:
    """Make schemathesis send real files, and URLs of an existing photo."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as photos:
        photos.writestr("a.jpg", jpeg(seed=7))
    for kind in ("JPEG", "PNG", "WEBP", "GIF", "BMP"):
        photo = io.BytesIO()
        Image.open(io.BytesIO(jpeg(seed=len(kind)))).save(photo, kind)
        schemathesis.openapi.media_type(f"image/{kind.lower()}", st.just(photo.getvalue()))
    schemathesis.openapi.media_type("text/csv", st.just(b"id,product_name,category\nlamp-9,Lamp,Home / Lamps\n"))
    schemathesis.openapi.media_type("application/zip", st.just(archive.getvalue()))
    schemathesis.openapi.format("uri", st.just(photo_url))


def config(*phases: str, examples: int) -> schemathesis.Config:
    """Return a configuration with all checks in these phases; its cases are fixed unless EXAMPLES_PER_CALL is set."""
    generated = {"max-examples": int(EXAMPLES_PER_CALL or examples), "deterministic": EXAMPLES_PER_CALL is None}
    return schemathesis.Config.from_dict(
        {
            "seed": secrets.randbelow(2**32) if EXAMPLES_PER_CALL else 1,
            "continue-on-failure": True,
            "phases": {phase: {"enabled": phase in phases} for phase in PHASES},
            "generation": {**generated, "database": "none", "no-shrink": True},
        }
    )


@dataclass
class SchemathesisRun:
    """The requests of a run, and the checks that failed."""

    cases: Counter[str] = field(default_factory=Counter)
    statuses: dict[str, set[int]] = field(default_factory=dict)
    failures: dict[str, list[str]] = field(default_factory=dict)

    def add(self, event: events.EngineEvent) -> None:
        if isinstance(event, events.NonFatalError):
            self.failures.setdefault(f"error in {event.label}", []).append(str(event.value))
        elif isinstance(event, events.FatalError):
            raise event.exception
        elif isinstance(event, events.ScenarioFinished):
            self.cases[event.phase.value] += len(event.recorder.cases)
            for case_id, checks in event.recorder.checks.items():
                self._add_case(event, case_id, checks)

    def _add_case(self, event: events.ScenarioFinished, case_id: str, checks: list[CheckNode]) -> None:
        label = event.recorder.cases[case_id].value.operation.label
        response = event.recorder.interactions[case_id].response
        status, text = (
            (response.status_code, response.content.decode(errors="replace"))
            if response is not None
            else (0, "no answer")
        )
        self.statuses.setdefault(label, set()).add(status)
        for check in checks:
            failed = check.failure_info
            if failed is not None and not is_beyond_a_schema(check.name, failed.failure.message, text):
                problem = (
                    f"[{event.phase.value}] {failed.failure.message}\n{failed.code_sample[:600]}\n{status} {text[:300]}"
                )
                self.failures.setdefault(f"{check.name} {label}", []).append(problem)


def is_beyond_a_schema(check: str, problem: str, answer: str) -> bool:
    """Return whether a check failed because of a rule that JSON Schema cannot state."""
    if check == "positive_data_acceptance":
        return bool(BEYOND_A_SCHEMA.search(answer))
    # A bulk upload accepts any bytes as a file; its job, or the preview, checks the content.
    is_accepted = "job_id" in answer or '"suggestion":' in answer
    return check == "negative_data_rejection" and is_accepted and "violates `format` at /properties/" in problem


def test_operations_are_named_as_the_methods_of_the_client(app: Litestar) -> None:
    document = app.openapi_schema.to_schema()
    named = {operation["operationId"] for path in document["paths"].values() for operation in path.values()}
    without_a_call_of_their_own = {"search_by", "pages", "results", "close"}
    assert {name for name in vars(Client) if not name.startswith("_")} - without_a_call_of_their_own <= named
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", name) for name in named)


@pytest.mark.timeout(1800 if EXAMPLES_PER_CALL else 300)
@pytest.mark.parametrize(
    ("phases", "examples"),
    [
        pytest.param(("examples", "fuzzing", "stateful"), 2, id="examples, random calls and sequences"),
        pytest.param(("examples", "fuzzing", "stateful"), 5, id="more random calls", marks=pytest.mark.slow),
        pytest.param(("coverage",), 5, id="every limit of every field", marks=pytest.mark.slow),
    ],
)
def test_every_answer_matches_the_openapi_document(app: Litestar, phases: tuple[str, ...], examples: int) -> None:
    schema = schemathesis.openapi.from_asgi("/docs/openapi.json", app, config=config(*phases, examples=examples))
    report = SchemathesisRun()
    for event in from_schema(schema).execute():
        report.add(event)
    print(f"{sum(report.cases.values())} requests: {dict(report.cases)}")
    assert not report.failures, "\n\n".join(f"{name} x{len(all)}\n{all[0]}" for name, all in report.failures.items())
    assert {phase for phase, cases in report.cases.items() if cases} == set(phases)
    assert set(report.statuses) == {result.ok().label for result in schema.get_all_operations()}
