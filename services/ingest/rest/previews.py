"""Turns a preview into the answer of the API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.wire.previews import PreviewAnswer, PreviewedField, PreviewedListing, PreviewedRecord, PreviewedRepair

if TYPE_CHECKING:
    from db.rows.records import ListingRecord
    from services.ingest.cleaning.repairs import Repair
    from services.ingest.loading.preview import Preview, PreviewRecord


def preview_answer(preview: Preview) -> PreviewAnswer:
    """Return the answer of a preview."""
    return PreviewAnswer(
        columns=list(preview.columns),
        preset=preview.preset,
        problem=preview.problem,
        suggestion=preview.suggestion,
        notices=[_repair(notice) for notice in preview.notices],
        fields=[PreviewedField(one.name, list(one.columns), one.sample) for one in preview.fields],
        unused=list(preview.unused),
        records=[_record(record) for record in preview.records],
    )


def _record(record: PreviewRecord) -> PreviewedRecord:
    reject = record.reject
    return PreviewedRecord(
        line=record.line,
        listing_id=record.listing_id,
        parent=record.parent,
        outcome=record.outcome,
        note=record.note,
        listing=None if record.record is None else _listing(record.record),
        reason="" if reject is None else str(reject.reason),
        field="" if reject is None else reject.field,
        text="" if reject is None else reject.text,
        photos=list(record.photos),
        repairs=[_repair(repair) for repair in record.repairs],
    )


def _listing(record: ListingRecord) -> PreviewedListing:
    return PreviewedListing(
        title=record.title,
        description=record.description,
        category_path=list(record.category_path),
        other_categories=[list(path) for path in record.other_categories],
        price=None if record.price is None else str(record.price),
        currency=record.currency,
        location=record.location,
        seller=record.seller,
        listed_at=None if record.listed_at is None else record.listed_at.isoformat(),
        url=record.url,
        attributes=dict(record.attributes),
        sold=record.sold,
    )


def _repair(repair: Repair) -> PreviewedRepair:
    return PreviewedRepair(str(repair.flag), repair.field, repair.before, repair.after)
