"""A record of the wrong width is read right or becomes a reject; it never gets another value."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from db.rows.records import RejectedRecord
from services.ingest.cleaning.raw_listing import RawListing
from services.ingest.feeds.columns import Columns, ListingColumns
from tests.unit.services.ingest.feeds.listing_files import HEADER, read, read_only_listing

if TYPE_CHECKING:
    from collections.abc import Sequence

NO_PRICE = Columns(ListingColumns(price=""))


def fields(listing: RawListing | RejectedRecord) -> tuple[str, ...]:
    assert isinstance(listing, RawListing), listing
    return (
        listing.listing_id, listing.title, listing.category, listing.description, listing.price, listing.location,
    )  # fmt: skip


def only_reject(path, columns: Columns | None = None) -> RejectedRecord:
    [reject] = [record for record in read(path, columns) if isinstance(record, RejectedRecord)]
    return reject


ROWS = [
    '1,Lamp,Home / Lamps,"A lamp, warm",5.00,"Leeds, Yorks"',
    "2,Rug,Home / Rugs,soft,7.50,Hull",
    "3,Cup,A,b,3.00,C",
]


@pytest.mark.parametrize(
    "ends",
    [(",", ",", ","), (",,", ",,", ",,"), ("", ",,", ""), (",", "", ""), ("", "", "," * 500), (", ", ',""', "")],
)
def test_ignores_empty_cells_beyond_the_header(file, ends):
    text = HEADER + "".join(f"{row}{end}\n" for row, end in zip(ROWS, ends, strict=True))
    listings = read(file("a.csv", text))
    assert [fields(each)[3:] for each in listings] == [
        ("A lamp, warm", "5.00", "Leeds, Yorks"), ("soft", "7.50", "Hull"), ("b", "3.00", "C"),
    ]  # fmt: skip
    assert [each.flags for each in listings if isinstance(each, RawListing)] == [()] * 3


def test_ignores_empty_cells_beyond_the_header_of_a_listing_without_a_price(file):
    assert fields(read_only_listing(file("a.csv", HEADER + "1,Lamp,Home,warm,,Leeds,\n")))[3:] == ("warm", "", "Leeds")


@pytest.mark.parametrize(
    ("row", "shown"),
    [
        ("1,Lamp,Home,warm,12,00,Leeds", "price '12,00', or product_description 'warm,12' and price '00'"),
        ("2,Rug,Home,soft,1.299,00,Hull", "price '1.299,00'"),
        ("3,Cup,Home,blue,€7,50,York", "price '€7,50'"),
        ("4,Bed,Home,big,250,00 €,York", "price '250,00 €'"),
        ("2,Rug,Home,soft,1,200.00,Hull", "price '1,200.00'"),
        ("2,Rug,Home,soft,1,234,567.00,Hull", "price '1,234,567.00'"),
        ('2,"Rug","Home","soft",12,00,"Hull"', "Perhaps price '12,00'; quote it if so"),
        ("2,Rug, red,Home / Rugs,soft,7.50,Hull", "product_name 'Rug, red' and category 'Home / Rugs'"),
        ("2,Rug,Home,soft, warm,7.50,Hull", "product_description 'soft, warm'"),
        ("2,Rug,Home,soft,7.50,12,Hull", "product_description 'soft,7.50'"),
        ("2,Rug,red,Home,,7.50,", "price '7.50'"),
    ],
)
def test_rejects_a_record_that_can_be_read_in_two_ways_and_shows_both(file, row, shown):
    reject = only_reject(file("a.csv", f"{HEADER}{row}\n"))
    assert (reject.reason, reject.line, reject.record_id) == ("broken_record", 2, row[0])
    assert shown in reject.text
    assert row in reject.text


PRICE_FIRST = "id,price,product_name,category,product_description,location\n"
PRICE_LAST = "id,product_name,category,location,product_description,price\n"


@pytest.mark.parametrize(
    ("header", "row"),
    [
        (PRICE_FIRST, 'L1,1, 299.00,"Lamp",Home,"nice","York"'),
        (PRICE_FIRST, 'L1,12, 50,"Lamp",Home & Garden,nice, blue,"York"'),
        (PRICE_FIRST, 'L1,12,-,"Lamp",Home,"nice","York"'),
        (PRICE_FIRST, 'L1,0,"Lamp",Men,s,"12.50",'),
        (HEADER, '1,"Oak","Men","nice",12, 50,York'),
        (HEADER, '1,"Oak","Men",nice,1,299.00,""'),
        (HEADER, '1,Lamp,"Men",ends, ,"1, 299.00",'),
        (HEADER, '1,Lamp,Home,soft,"solid",oak,12.50,York'),
        (HEADER, "L1,Lamp,Home,10,20,,"),
        (HEADER, "L1,Lamp,red,Home,,,"),
        (HEADER, 'L1,"Lamp",Men,s,"12.50",,'),
        (PRICE_LAST, 'L1,"Oak desk",Men,s,"York","5",'),
        (PRICE_LAST, "L1,Lamp,Home,York,from 20,50,"),
        (PRICE_LAST, '7,"Oak desk, large",Home, Garden,"3",12.50,1, 299.00'),
    ],
)
def test_rejects_a_record_whose_cells_a_comma_may_have_moved(file, header, row):
    assert only_reject(file("a.csv", f"{header}{row}\n")).reason == "broken_record"


@pytest.mark.parametrize(
    "row",
    [
        '4,"Set","Books",ends,,"£5","3",""',
        "4,Set,Books,nice,5,Leeds,UK,",
        "4,Set,Home, Garden,12.50,,London,",
        "4,Set,Men,s,12.50,,London,",
    ],
)
def test_rejects_a_record_whose_photos_a_comma_may_have_moved(file, row):
    columns = Columns(ListingColumns(photos="photos"))
    reject = only_reject(file("a.csv", f"{HEADER.strip()},photos\n{row}\n"), columns)
    assert reject.reason == "broken_record"


def test_rejects_a_record_without_a_price_whose_stock_a_comma_may_have_moved(file):
    columns = Columns(ListingColumns(id="sku", title="title", description="", location=""))
    reject = only_reject(file("a.csv", "sku,category,title,stock,price\nA5,Home,Mat,red,3,\n"), columns)
    assert (reject.reason, reject.line) == ("broken_record", 2)


def test_leaves_out_an_empty_cell_after_a_price_at_the_end_if_all_rows_have_it(file):
    text = PRICE_LAST + "".join(f"L{number},Lamp,Home,York,from 20,50,\n" for number in range(3))
    assert [fields(each)[3:5] for each in read(file("a.csv", text))] == [("from 20", "50")] * 3


def test_commas_in_some_rows_are_no_empty_cell_beyond_the_header(file):
    rows = ["{},Lamp,Home,warm,5.00,Leeds,UK,\n"] * 3 + ["{},Rug,Home,soft,7.00,Hull,a.jpg\n"]
    text = f"{HEADER.strip()},photos\n" + "".join(row.format(number) for number, row in enumerate(rows))
    records = read(file("a.csv", text), Columns(ListingColumns(photos="photos")))
    assert [type(record).__name__ for record in records] == ["RejectedRecord"] * 3 + ["RawListing"]


def test_leaves_out_empty_cells_after_a_price_with_a_currency(file):
    assert fields(read_only_listing(file("a.csv", HEADER + "1,Lamp,Home,warm,£5,,,\n")))[3:] == ("warm", "£5", "")


def test_reads_many_commas_of_a_text_between_quoted_cells(file):
    row = f'1,"Lamp","Home",{"soft, " * 60}warm,12.50,"York"'
    assert fields(read_only_listing(file("a.csv", f"{HEADER}{row}\n")))[4] == "12.50"


def test_rejects_many_commas_without_quotation_marks(file):
    assert only_reject(file("a.csv", f"{HEADER}1,Lamp,Home,{'12,' * 90}York\n{ROWS[1]}\n")).line == 2


def test_a_blank_after_a_comma_shows_that_the_row_is_shifted(file):
    text = "id,product_name,category,product_description,location\n"
    shifted = [f"{number},Rug, red,Home,soft," for number in range(2)]
    assert only_reject(file("a.csv", text + shifted[0] + "\n"), NO_PRICE).reason == "broken_record"


def test_a_comma_in_most_rows_is_no_empty_cell_beyond_the_header(file):
    row = "{},Lamp,Home,warm,,Delph, Manchester,,\n"
    records = read(file("a.csv", HEADER.replace("\n", ",listed_at,stock\n") + "".join(map(row.format, range(5)))))
    assert [record.reason for record in records if isinstance(record, RejectedRecord)] == ["broken_record"] * 5


def test_ignores_empty_cells_beyond_blank_optional_columns(file):
    text = HEADER.replace("\n", ",listed_at,stock\n") + "1,Lamp,Home,warm,5.00,Leeds,,,,\n2,Rug,Home,soft,6.00,Hull,,\n"
    assert [record.location for record in read(file("a.csv", text)) if isinstance(record, RawListing)] == [
        "Leeds",
        "Hull",
    ]


@pytest.mark.parametrize(
    ("row", "field", "value"),
    [
        ("1,Lamp,Home,warm,12.00,Leeds, Yorks", "location", "Leeds, Yorks"),
        ('1,"Lamp","Home",soft, warm,12.00,"Leeds"', "description", "soft, warm"),
        ("1,Lamp,Home,soft\nwarm, and old\n,12.00,Leeds", "description", "soft\nwarm, and old\n"),
        ('1,Lamp,Home,"A "solid", heavy lamp",12.00,Leeds', "description", 'A "solid", heavy lamp'),
    ],
)
def test_repairs_a_record_that_can_be_read_in_one_way_and_says_so(file, row, field, value):
    listing = read_only_listing(file("a.csv", f"{HEADER}{row}\n"))
    [repair] = listing.repairs
    assert getattr(listing, field) == value
    assert (listing.price, repair.flag, repair.after) == ("12.00", "repaired_record", value)
    assert repair.before == f"{row}\n"
    assert repair.field in ("location", "product_description")


def test_fills_optional_columns_that_are_missing_at_the_end(file):
    listing, other = read(file("a.csv", f"{HEADER}1,Lamp,Home,warm,12.00\n2,Rug,Home,soft,7.50,Hull\n"))
    assert fields(listing) == ("1", "Lamp", "Home", "warm", "12.00", "")
    assert isinstance(listing, RawListing)
    assert [(repair.flag, repair.field) for repair in listing.repairs] == [("repaired_record", "location")]
    assert fields(other)[0] == "2"


def test_fills_columns_that_nobody_reads_without_a_word(file):
    text = HEADER.replace("\n", ",stock,colour\n") + "1,Lamp,Home,warm,12.00,Leeds\n"
    assert read_only_listing(file("a.csv", text)).flags == ()


@pytest.mark.parametrize(
    "row",
    ["1,Lamp,Home,warm", "1,Lamp,Home,5.00,Leeds", "1,Lamp", "1,Lamp,Home,warm,call me"],
)
def test_never_fills_in_a_price_or_a_column_between_others(file, row):
    assert only_reject(file("a.csv", f"{HEADER}{row}\n{ROWS[1]}\n")).line == 2


def test_does_not_fill_a_last_line_without_its_end_since_the_file_may_be_cut_off(file):
    assert only_reject(file("a.csv", f"{HEADER}{ROWS[1]}\n1,Lamp,Home,warm,12.00")).line == 3


def test_skips_the_empty_rows_of_a_spreadsheet(file):
    assert [each.line for each in read(file("a.csv", f"{HEADER}{ROWS[0]}\n,,,,,\n{ROWS[1]}\n,,,,,\n,,,,,,\n"))] == [
        2,
        4,
    ]


TEXTS = st.text(st.sampled_from("ab 1,;\t."), min_size=1, max_size=8).filter(lambda text: text.strip(" ,;\t."))
PRICES = st.sampled_from(["5.00", "12,00", "1,299", "1.299,00", "€7,50", "250,00 €", "Free", "1 234,50", "7"])


@st.composite
def tables(draw: st.DrawFn) -> tuple[str, list[list[str]], str]:
    """Return a delimiter, listings, and a table in which any cell may lack its quotation marks."""
    delimiter, line_end = draw(st.sampled_from(",;\t")), draw(st.sampled_from(["\n", "\r\n", "\r"]))
    form = draw(st.sampled_from(["L-{:04}", "{}", "00000000-0000-0000-0000-{:012}", "item"]))
    rows = [
        [form.format(number), draw(TEXTS), draw(TEXTS), draw(st.just("") | TEXTS), draw(PRICES), draw(TEXTS)]
        for number in range(1, draw(st.integers(1, 5)) + 1)
    ]
    lines = [delimiter.join(HEADER.strip().split(","))]
    lines += [delimiter.join(_written(draw, row, delimiter)) + delimiter * draw(st.integers(0, 2)) for row in rows]
    return delimiter, rows, line_end.join(lines) + draw(st.sampled_from(["", line_end]))


def _written(draw: st.DrawFn, row: Sequence[str], delimiter: str) -> list[str]:
    quoted = draw(st.lists(st.booleans(), min_size=6, max_size=6))
    return [f'"{cell}"' if is_quoted else cell for cell, is_quoted in zip(row, quoted, strict=True)]


def _comparable(cells: Sequence[str]) -> list[str]:
    """Delimiters at the end of a row are empty cells."""
    return [re.sub(r"[,;\t ]+$", "", cell) for cell in cells]


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=300)
@given(tables())
def test_a_record_with_unquoted_delimiters_is_read_right_or_rejected(tmp_path_factory, table):
    delimiter, rows, text = table
    path = tmp_path_factory.mktemp("table") / ("a.tsv" if delimiter == "\t" else "a.csv")
    path.write_text(text, encoding="utf-8", newline="")
    records = read(path)
    assert len(records) == len(rows)
    for row, record in zip(rows, records, strict=True):
        if isinstance(record, RawListing):
            assert _comparable(fields(record)) == _comparable(row)
