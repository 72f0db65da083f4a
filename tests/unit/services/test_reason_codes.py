from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import get_args

import pytest

import db.rows
import services
from ml.photos import decode
from ml.photos.formats import FORMAT_NAMES
from services import reason_codes
from services.ingest.cleaning.categories import MAX_LEVELS, MAX_PATHS
from services.ingest.cleaning.listing_schema import CATEGORY_LIMIT, ID_LIMIT, SELLER_LIMIT
from services.ingest.cleaning.prices import PRICE_LIMIT
from services.ingest.photos.urls import NAME_LIMIT, URL_LIMIT
from services.ingest.tables.delimited.records import LINE_LIMIT
from services.ingest.tables.text_files import RECORD_LIMIT
from services.reason_codes import ListingFlag, RejectReason

SERVICES = Path(services.__file__).parent
CODES = {code.value for kind in (RejectReason, ListingFlag) for code in kind}
UNMISTAKABLE = {code for code in CODES if "_" in code}
"""Codes that are no everyday word, such as `empty`: mypy checks that those come from the list."""


@pytest.mark.parametrize("code", [*RejectReason, *ListingFlag])
def test_explains_each_code_in_one_sentence(code):
    assert re.fullmatch(r"[A-Z][^\n]{9,}\.", code.explanation)


def test_each_code_occurs_once():
    assert len(CODES) == len(RejectReason) + len(ListingFlag)


def test_lists_every_reason_of_the_photo_decoder():
    assert set(get_args(decode.Reason)) <= set(RejectReason)


def test_an_unsupported_photo_is_told_the_formats_of_the_decoder():
    assert f"not {FORMAT_NAMES}." in RejectReason.UNSUPPORTED_FORMAT.explanation


def test_lists_the_reasons_that_the_database_layer_stores_as_photo_errors():
    source = "".join(path.read_text(encoding="utf-8") for path in Path(db.rows.__file__).parent.glob("*.py"))
    reasons = set(re.findall(r'failed\(\w+, f"(\w+): ', source))
    assert reasons == {RejectReason.ABANDONED}


@pytest.mark.parametrize("path", sorted(SERVICES.rglob("*.py")), ids=lambda path: str(path.relative_to(SERVICES)))
def test_takes_codes_from_the_list_and_never_from_literals(path):
    if path == Path(reason_codes.__file__):
        return
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    literals = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    assert not literals & UNMISTAKABLE


def test_the_code_uses_every_listed_reason_and_flag():
    source = "".join(path.read_text(encoding="utf-8") for path in SERVICES.rglob("*.py"))
    used_elsewhere = {*get_args(decode.Reason), RejectReason.ABANDONED, RejectReason.NOT_NULLABLE}  # ml, db, pandera
    unused = {code for code in [*RejectReason, *ListingFlag] if f"{type(code).__name__}.{code.name}" not in source}
    assert unused <= used_elsewhere


@pytest.mark.parametrize(
    ("reason", "limit"),
    [
        (RejectReason.RECORD_TOO_LONG, RECORD_LIMIT),
        (RejectReason.RECORD_TOO_LONG, LINE_LIMIT),
        (RejectReason.ID_TOO_LONG, ID_LIMIT),
        (RejectReason.ID_TOO_LONG, NAME_LIMIT),
        (RejectReason.ID_TOO_LONG, URL_LIMIT),
        (RejectReason.CATEGORY_TOO_LONG, CATEGORY_LIMIT),
        (RejectReason.CATEGORY_TOO_DEEP, MAX_LEVELS),
        (RejectReason.CATEGORY_TOO_DEEP, MAX_PATHS),
        (RejectReason.SELLER_TOO_LONG, SELLER_LIMIT),
        (RejectReason.PRICE_TOO_LARGE, PRICE_LIMIT),
    ],
)
def test_states_the_limit_that_the_code_applies(reason, limit):
    assert f"{limit:,}" in reason.explanation


def test_names_the_accepted_photo_formats():
    assert FORMAT_NAMES in RejectReason.UNSUPPORTED_FORMAT.explanation
