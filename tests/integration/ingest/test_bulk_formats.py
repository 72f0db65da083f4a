"""Listings in every table format, sent in a bulk call."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import openpyxl
import pytest

from tests.waiting import ended

if TYPE_CHECKING:
    from litestar import Litestar
    from litestar.testing import TestClient

NAMES = ("id", "product_name", "category", "product_description", "price", "location")
DESK = ("L-1", "Стол", "Дом", "", "12.50", "Москва")


def delimited(delimiter: str, encoding: str) -> bytes:
    return "\n".join(map(delimiter.join, (NAMES, DESK))).encode(encoding) + b"\n"


def workbook() -> bytes:
    book, content = openpyxl.Workbook(), io.BytesIO()
    for row in (NAMES, DESK):
        book.active.append(row)
    book.save(content)
    return content.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "mapping"),
    [
        ("shop.xlsx", workbook(), ""),
        ("shop.json", json.dumps({"products": [dict(zip(NAMES, DESK, strict=True))]}).encode(), ""),
        ("shop.txt", delimited("\t", "utf-8"), ""),
        ("shop.csv", delimited("|", "cp1251"), '[file]\nencoding = "cp1251"\ndelimiter = "|"\n'),
    ],
    ids=["workbook", "list", "tabs", "mapping"],
)
def test_reads_the_same_listing_from_every_format(
    client: TestClient[Litestar], name: str, content: bytes, mapping: str
) -> None:
    options = {"columns": mapping} if mapping else {}
    answer = client.post("/v1/listings/bulk", files={"listings": (name, content)}, data=options)
    job = ended(client, answer.json()["job_id"])
    assert (job["state"], job["counts"]["listings_accepted"]) == ("succeeded", 1)
    listing = client.get("/v1/listings/L-1").json()
    assert (listing["title"], listing["category"], listing["price"], listing["location"]) == (
        "Стол", "Дом", 12.5, "Москва",
    )  # fmt: skip


def test_a_job_with_a_file_in_another_code_page_fails_and_names_it(client: TestClient[Litestar]) -> None:
    files = {"listings": ("shop.csv", delimited(",", "cp1251"))}
    job = ended(client, client.post("/v1/listings/bulk", files=files).json()["job_id"])
    assert job["state"] == "failed"
    assert "set encoding = 'cp1251'" in job["error"]
