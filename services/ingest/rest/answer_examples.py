"""Examples of the ingest app's answers, for OpenAPI."""

from __future__ import annotations

from datetime import UTC, datetime

from litestar.openapi.spec import Example, OpenAPIMediaType, OpenAPIResponse, OpenAPIType, Schema

from services.web.openapi.operations import operation, request_header, text_response
from services.web.openapi.responses import answered, header
from services.wire import (
    DriftAnswer,
    DuplicateGroup,
    DuplicateGroupPage,
    DuplicateLink,
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
JOB = answered(200, _JOB, description="The job's current state")
CANCELLED = answered(202, _JOB, description="The job's current state")
JOBS = answered(200, JobList([_JOB], "MjAyNi0wMy0wMVQwOTozMDowMCs="), description="Jobs, newest first")
QUEUED = answered(202, JobQueued(_JOB.job_id), description="The job was queued")
_WRITTEN = ListingWritten("lamp-2", "created", [WrittenPhoto(7, "front.jpg", "pending")])
CREATED = answered(201, _WRITTEN, description="The listing was added")
CHANGED = answered(200, ListingWritten("lamp-2", "updated", _WRITTEN.photos), description="The listing was written")
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
    description="The recall of each open index, and of the searches of each hour",
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
DUPLICATES = answered(
    200,
    DuplicateGroupPage(
        [
            DuplicateGroup(
                ("lamp-1", "lamp-2"), [DuplicateLink("lamp-1", "lamp-2", 7, 9, "same photo edited", 0.97, None)]
            )
        ],
        "LTIgbGFtcC0x",
    ),
    description="Groups, largest first",
)
DRIFT = answered(
    200,
    [DriftAnswer("faiss", expected=1200, held=1199, missing=(7,), extra=(), different=())],
    kind=list[DriftAnswer],
    description="Each open index",
)


_TEXT = Schema(type=OpenAPIType.STRING)
_EVENT = OpenAPIMediaType(
    schema=Schema(type=OpenAPIType.OBJECT, properties={"id": _TEXT, "event": _TEXT, "data": _TEXT}),
    examples={
        "event": Example(value='id: 3f1c0a9b7d2e4f60\nevent: job\ndata: {"job_id": "5f0c7a8e", "state": "running"}\n\n')
    },
)
EVENTS = operation(
    headers=[request_header("Last-Event-ID", "The id of the last event that you received.", "3f1c0a9b7d2e4f60")],
    responses={
        200: OpenAPIResponse(description="Server-sent events", content={"text/event-stream": _EVENT}),
        204: OpenAPIResponse(description="The job has ended, and you received its last event"),
    },
)
REJECTS = operation(
    responses={
        200: text_response(
            "A table with a header row",
            "text/csv",
            "file,line,id,field,reason,text\nlistings.csv,7,lamp-9,price,unreadable_price,ask\n",
            {"Content-Disposition": header("Names the file.")},
        )
    }
)
REPORT = operation(responses={200: text_response("A page", "text/html", "<!doctype html><title>Report</title>")})
