"""Ids of letters only show no pattern: stray quotation marks still merge no two records into one."""

from __future__ import annotations

import pytest

from db.rows.records import RejectedRecord
from services.ingest.cleaning.raw_listing import RawListing
from tests.unit.services.ingest.feeds.listing_files import read

IN_ORDER = "id,product_name,category,product_description,price,location"


@pytest.mark.parametrize(
    ("header", "first", "second"),
    [
        (IN_ORDER, 'chair,Monitor 24,Home,"Nice tv,£5.50,York', 'pan,Sofa,Home,""as new, boxed",,Bath'),
        (IN_ORDER, 'chair,Lamp,Home,Nice tv,,"London', 'screen,Lamp,Home,solid,,Delph"'),
        (IN_ORDER, 'tv,Kettle,Home,"warm,,Bath', 'lamp,Kettle,Home,""as new, boxed",£5.50,Bath'),
        (
            "category,product_description,id,product_name,location,price",
            '"Home,Nice tv,oven,Lamp,York,£100',
            'Home",solid and old,desk,TV 32,London,£100',
        ),
        (
            "product_name,category,location,product_description,price,id",
            '"Small, round table"",Home,Delph,,£5.50,oven',
            '""Small, round table",Home,York,"as new, boxed",,bed',
        ),
        (
            "location,id,category,product_name,price,product_description",
            '"London,mug,Home,Kettle,,',
            'Leeds",rug,Home,Lamp,£5.50,"two, three, four"',
        ),
    ],
)
def test_two_lines_that_a_cell_holds_together_are_not_one_listing(file, header, first, second):
    records = read(file("a.csv", f"{header}\n{first}\n{second}\n"))
    texts = [
        "\n".join((each.title, each.category, each.description, each.location, each.listing_id))
        for each in records
        if isinstance(each, RawListing)
    ]
    assert not any("," in text and first[:20].strip('"') in text for text in texts)
    assert not any("£" in text for text in texts)
    assert any(isinstance(each, RejectedRecord) for each in records)


@pytest.mark.parametrize("cell", ['"two", three, four"', '"two, three", four""', '"Small," round table"'])
def test_a_cell_with_one_quotation_mark_too_many_moves_no_other_cell(file, cell):
    [reject] = read(file("a.csv", f"{IN_ORDER}\ntv,Oak desk,Home,{cell},£5,York\n"))
    assert isinstance(reject, RejectedRecord)
