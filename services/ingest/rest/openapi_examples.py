"""What the ingest app's calls answer, by example, for the API's description."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from litestar.openapi.spec import (
    Encoding,
    Example,
    OpenAPIFormat,
    OpenAPIHeader,
    OpenAPIMediaType,
    OpenAPIResponse,
    OpenAPIType,
    Operation,
    Parameter,
    RequestBody,
    Schema,
)

from services.web.openapi.responses import answered, header
from services.wire import (
    DriftAnswer,
    GenerationAnswer,
    IndexRecall,
    JobAnswer,
    JobList,
    JobProgressAnswer,
    JobQueued,
    ListingWritten,
    ModelCard,
    RecallAnswer,
    SearchRecall,
    WrittenPhoto,
)

_AT = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
_JOB = JobAnswer(
    job_id="5f0c7a8e1b2d4c6f9a3e7d1b8c4f2a60",
    kind="ingest",
    state="running",
    cancel_requested=False,
    progress=JobProgressAnswer("photos", 300, 1200, 150.0, 6.0),
    counts={"listings_read": 600, "listings_accepted": 597, "listings_rejected": 2, "listings_duplicates": 1},
    error=None,
    created_at=_AT,
    started_at=_AT,
    finished_at=None,
)
JOB = answered(200, _JOB, description="The job as it stands")
CANCELLED = answered(202, _JOB, description="The job as it stands")
JOBS = answered(200, JobList([_JOB], "MjAyNi0wMy0wMVQwOTozMDowMCs="), description="Jobs, newest first")
QUEUED = answered(202, JobQueued(_JOB.job_id), description="The job was queued")
_WRITTEN = ListingWritten("lamp-2", "created", [WrittenPhoto(7, "front.jpg", "pending")])
CREATED = answered(201, _WRITTEN, description="The listing was added")
CHANGED = answered(200, ListingWritten("lamp-2", "updated", _WRITTEN.photos), description="The listing as it is now")
GENERATIONS = answered(
    200,
    [GenerationAnswer(3, "live", "resnet50-2026-03-01", 1200, _AT, _AT, forced=False)],
    kind=list[GenerationAnswer],
    description="Every generation",
)
RECALL = answered(
    200,
    RecallAnswer(
        [IndexRecall("faiss", 0.996)],
        [SearchRecall(3, "faiss scan", "category, 12 %", hour=_AT, queries=41, ann_recall_at_10=0.998)],
    ),
    description="Each open index, and the searches of each hour",
)
MODEL_CARD = answered(
    200,
    ModelCard(
        "resnet50-2026-03-01",
        _AT,
        categories=["Home & Garden", "Phones"],
        vector_size=256,
        photo_size=224,
        trained_on_listings=4560,
        held_out_listings=1170,
        metrics={"category_accuracy": 0.889, "same_listing_recall_at_1": 0.675},
        confident_from=0.71,
        losses=[3.58, 2.41, 1.97],
        has_report=True,
    ),
    description="The card",
)
DRIFT = answered(
    200,
    [DriftAnswer("faiss", expected=1200, held=1199, missing=(7,), extra=(), different=())],
    kind=list[DriftAnswer],
    description="Each open index",
)


@dataclass
class EventsAnswer(Operation):
    """A job's events."""

    def __post_init__(self) -> None:
        """Describe the answers."""
        example = Example(
            value='id: 3f1c0a9b7d2e4f60\nevent: job\ndata: {"job_id": "5f0c7a8e", "state": "running"}\n\n'
        )
        text = Schema(type=OpenAPIType.STRING)
        event = Schema(type=OpenAPIType.OBJECT, properties={"id": text, "event": text, "data": text})
        stream = OpenAPIMediaType(schema=event, examples={"event": example})
        self.responses = {
            **(self.responses or {}),
            "200": OpenAPIResponse(description="Server-sent events", content={"text/event-stream": stream}),
            "204": OpenAPIResponse(description="The job has ended, and the client knows how"),
        }
        seen = Parameter(
            name="Last-Event-ID",
            param_in="header",
            schema=Schema(type=OpenAPIType.STRING),
            description="Of the last event that the client has seen.",
        )
        self.parameters = [*(self.parameters or ()), seen]


@dataclass
class RejectsAnswer(Operation):
    """What a job did not accept."""

    def __post_init__(self) -> None:
        """Describe the answer."""
        example = Example(value="file,line,id,field,reason,text\nlistings.csv,7,lamp-9,price,unreadable_price,ask\n")
        table = OpenAPIMediaType(schema=Schema(type=OpenAPIType.STRING), examples={"one": example})
        self.responses = {
            **(self.responses or {}),
            "200": OpenAPIResponse(
                description="A table, with a head",
                headers={"Content-Disposition": header("Names the file.")},
                content={"text/csv": table},
            ),
        }


@dataclass
class ReportAnswer(Operation):
    """A model's report."""

    def __post_init__(self) -> None:
        """Describe the answer."""
        example = Example(value="<!doctype html><title>Report</title>")
        page = OpenAPIMediaType(schema=Schema(type=OpenAPIType.STRING), examples={"page": example})
        self.responses = {
            **(self.responses or {}),
            "200": OpenAPIResponse(description="A page", content={"text/html": page}),
        }


_FILE = Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.BINARY)


def _part(name: str, filename: str, content_type: str) -> Encoding:
    disposition = OpenAPIHeader(schema=Schema(example=f'form-data; name="{name}"; filename="{filename}"'))
    return Encoding(content_type=content_type, headers={"Content-Disposition": disposition})


@dataclass
class BulkUploadBody(Operation):
    """The files of a bulk upload."""

    def __post_init__(self) -> None:
        """Describe the body."""
        schema = Schema(
            type=OpenAPIType.OBJECT,
            properties={"listings": _FILE, "photos_table": _FILE, "photos": _FILE},
            required=["listings"],
            additional_properties=False,
        )
        parts = {
            "listings": _part("listings", "listings.csv", "text/csv"),
            "photos_table": _part("photos_table", "photos.csv", "text/csv"),
            "photos": _part("photos", "photos.zip", "application/zip"),
        }
        self.request_body = RequestBody(
            content={"multipart/form-data": OpenAPIMediaType(schema=schema, encoding=parts)},
            required=True,
            description=(
                "A listings file (CSV, TSV, JSON Lines, Parquet; also gzipped), a photo table (CSV) and the photos "
                "(zip, tar): `curl -F listings=@listings.csv -F photos_table=@photos.csv -F photos=@photos.zip "
                ".../v1/listings/bulk`"
            ),
        )


@dataclass
class ReindexBody(Operation):
    """Which model to build for; nothing needs to be said."""

    def __post_init__(self) -> None:
        """Describe the body."""
        schema = Schema(
            type=OpenAPIType.OBJECT,
            properties={
                "model_version": Schema(
                    type=[OpenAPIType.STRING, OpenAPIType.NULL],
                    description="A registered model; by default the live one.",
                ),
                "force": Schema(
                    type=OpenAPIType.BOOLEAN, default=False, description="Promote it though its quality falls short."
                ),
            },
            additional_properties=False,
        )
        content = OpenAPIMediaType(schema=schema, examples={"live": Example(value={"force": False})})
        self.request_body = RequestBody(content={"application/json": content})
