"""A stray quotation mark never merges records silently: each record is read right, or rejected visibly."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from db.rows.records import RejectedRecord
from services.ingest.cleaning.raw_listing import RawListing
from services.ingest.feeds.columns import Columns, ListingColumns
from services.ingest.tables.formats import open_table
from services.ingest.tables.rows import BrokenRow, ColumnSelection
from tests.unit.services.ingest.feeds.listing_files import HEADER, read

FIRST = 'I-1,"TV 32"",Electronics,Nice tv,£100,York\n'
LAST = 'I-2,Monitor 24",Electronics,Nice,£110,York\n'


def read_all(records: list[RawListing | RejectedRecord]) -> list[tuple[object, ...]]:
    """Return (id, title, price) of each listing, and ("reject", id, line) of each reject."""
    return [
        ("reject", each.record_id, each.line)
        if isinstance(each, RejectedRecord)
        else (each.listing_id, each.title, each.price)
        for each in records
    ]


def test_two_stray_quotation_marks_do_not_merge_two_records(file):
    records = read(file("a.csv", HEADER + FIRST + LAST))
    assert read_all(records) == [("I-1", 'TV 32"', "£100"), ("I-2", 'Monitor 24"', "£110")]
    assert [each.flags for each in records if isinstance(each, RawListing)] == [("repaired_record",), ()]


@pytest.mark.parametrize("ids", ["J-{}", "{}", "00000000-0000-0000-0000-{:012}"])
@pytest.mark.parametrize("count", [40, 1500])
def test_records_between_two_stray_quotation_marks_are_read(file, ids, count):
    between = [ids.format(number) for number in range(100, 100 + count)]
    rows = "".join(f"{each},Lamp,Home,warm,£5,Leeds\n" for each in between)
    first, last = FIRST.replace("I-1", ids.format(1)), LAST.replace("I-2", ids.format(2))
    records = read(file("a.csv", HEADER + first + rows + last))
    assert [each[0] for each in read_all(records)] == [ids.format(1), *between, ids.format(2)]


def test_records_whose_ids_have_no_pattern_do_not_merge(file):
    path = file("a.csv", HEADER + FIRST.replace("I-1", "tv") + LAST.replace("I-2", "screen"))
    assert read_all(read(path)) == [("tv", 'TV 32"', "£100"), ("screen", 'Monitor 24"', "£110")]


def test_records_without_readable_prices_do_not_merge(file):
    rows = FIRST.replace("I-1", "tv").replace("£100", "") + LAST.replace("I-2", "screen").replace("£110", "call me")
    [reject] = read(file("a.csv", HEADER + rows))
    assert isinstance(reject, RejectedRecord)
    assert "2 lines" in reject.text
    assert "screen" in reject.text


def test_records_of_a_feed_without_a_price_do_not_merge(file):
    header = "id,product_name,category,product_description,location\n"
    path = file("a.csv", header + FIRST.replace("£100,", "") + LAST.replace("£110,", ""))
    records = read(path, Columns(ListingColumns(price="")))
    assert [each[:2] for each in read_all(records)] == [("I-1", 'TV 32"'), ("I-2", 'Monitor 24"')]


def test_rows_of_a_photo_table_do_not_merge(file):
    table = open_table(
        file("photos.csv", 'id,listing_id,file\nP-1,L-1,"a "b""\nP-2,L-2,"c"\nP-3,"L-3"",d\nP-4,L-4",e\n')
    )
    rows = list(table.rows(ColumnSelection(("id", "listing_id", "file"), id="id")))
    read_ids = " ".join(row.text if isinstance(row, BrokenRow) else row.cells["id"] for row in rows)
    assert all(name in read_ids for name in ("P-1", "P-2", "P-3", "P-4"))


def test_a_text_that_holds_rows_is_rejected_as_one_record_without_an_id(file):
    text = "Contains:\nI-2,Lamp,Home,warm,£5,Leeds\nand more"
    path = file("a.csv", HEADER + f'I-1,Set,Home,"{text}",£9,York\nI-3,Rug,Home,soft,£7,Hull\n')
    reject, listing = read(path)
    assert read_all([reject, listing]) == [("reject", "", 2), ("I-3", "Rug", "£7")]
    assert isinstance(reject, RejectedRecord)
    assert reject.text.startswith("A quotation mark holds 3 lines together")


@pytest.mark.parametrize("text", [
    "Oak, pine, ash, elm, 20, and more\n1, 2, 3, 4, 5, 6",
    "sizes:\n10,20,30\nI-2, as new\nI-3",
    "Solid; nice, warm, old, big, red, blue, long\n\nred,blue",
])  # fmt: skip
def test_a_well_formed_text_of_several_lines_is_read_as_it_is(file, text):
    path = file("a.csv", HEADER + f'I-1,Set,Home,"{text}",£9,York\nI-3,Rug,Home,soft,£7,Hull\n')
    listing, other = read(path)
    assert isinstance(listing, RawListing)
    assert (listing.description, listing.flags) == (text, ())
    assert read_all([other]) == [("I-3", "Rug", "£7")]


@pytest.mark.parametrize("ids", ["I-{}", "{:.0}item"])
def test_a_feed_without_any_quoting_keeps_its_quotation_marks(file, ids):
    rows = [
        ["1", '24" monitor', "Home", "warm"],
        ["2", '"best" lamp', "Home", "warm"],
        ["3", "lamp", "Home", '"best" lamp'],
        ["4", "rug", "Home", 'soft, 5"'],
    ]
    ids_of = [f"I-{row[0]}" if "-" in ids else "abcde"[int(row[0])] for row in rows]
    lines = ["\t".join((name, *row[1:], "£5", "York")) for name, row in zip(ids_of, rows, strict=True)]
    listings = read(file("a.tsv", HEADER.replace(",", "\t") + "\n".join(lines) + "\n"))
    assert [(each.title, each.description) for each in listings if isinstance(each, RawListing)] == [
        (row[1], row[3]) for row in rows
    ]


def test_a_reject_that_may_hold_another_record_names_no_id(file):
    rows = 'I-1,"TV,Electronics,Nice\nI-2,Lamp,Home,warm\nI-3,Rug",Home,soft,£7,Hull\n'
    records = read(file("a.csv", HEADER + rows + "I-4,Rug,Home,soft,£7,Hull\n"))
    assert all(not each.record_id for each in records if isinstance(each, RejectedRecord) and "\nI-" in each.text)
    assert read_all(records)[-1] == ("I-4", "Rug", "£7")


CELLS = st.sampled_from(["Lamp", "TV 32", "warm, old", "a\nb", "x", 'the "best" one', "12"])
STRAY = st.sampled_from(["", "", "", "", "start", "end", "both", "doubled"])


@st.composite
def quoted_tables(draw: st.DrawFn) -> tuple[str, list[list[str]], str]:
    delimiter = draw(st.sampled_from(",\t;"))
    form = draw(st.sampled_from(["I-{}", "{}", "00000000-0000-0000-0000-{:012}"]))
    rows, lines = list[list[str]](), [delimiter.join(HEADER.strip().split(","))]
    for number in range(10, 10 + draw(st.integers(1, 4))):
        row = [form.format(number), *draw(st.tuples(CELLS, CELLS, CELLS, st.sampled_from(["£5", "7.50"]), CELLS))]
        written = [
            draw(_written(cell, delimiter)) if at in (1, 2, 3, 5) else (cell, cell) for at, cell in enumerate(row)
        ]
        rows.append([meant for meant, _ in written])
        lines.append(delimiter.join(cell for _, cell in written))
    return delimiter, rows, "\n".join(lines) + "\n"


@st.composite
def _written(draw: st.DrawFn, cell: str, delimiter: str) -> tuple[str, str]:
    """Return what a cell means, and the cell as a careless program writes it."""
    stray = draw(STRAY)
    if not stray:
        return cell, _standard(cell, delimiter)
    cell = cell.replace("\n", " ").replace(delimiter, " ").replace('"', "")
    return {
        "start": (f'"{cell}', f'"{cell}'),
        "end": (f'{cell}"', f'{cell}"'),
        "both": (f'"{cell}" {cell}', f'"{cell}" {cell}'),
        "doubled": (f'{cell}"', f'"{cell}""'),
    }[stray]


def _standard(cell: str, delimiter: str) -> str:
    return '"' + cell.replace('"', '""') + '"' if any(sign in cell for sign in (delimiter, '"', "\n")) else cell


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=300)
@given(quoted_tables())
def test_records_with_stray_quotation_marks_are_right_or_rejected_and_none_is_missing(tmp_path_factory, table):
    delimiter, rows, text = table
    path = tmp_path_factory.mktemp("table") / ("a.tsv" if delimiter == "\t" else "a.csv")
    path.write_text(text, encoding="utf-8", newline="")
    records = read(path)
    written = {row[0]: row for row in rows}
    for each in records:
        if isinstance(each, RawListing):
            cells = [each.listing_id, each.title, each.category, each.description, each.price, each.location]
            assert cells == written[each.listing_id]
    named = [each.listing_id if isinstance(each, RawListing) else each.record_id + each.text for each in records]
    assert all(any(name in one for one in named) for name in written)


def test_a_well_formed_text_of_several_lines_may_be_the_last_column(file):
    header = "id,product_name,category,price,location,product_description\n"
    path = file("a.csv", header + 'L-1,Lamp,Home,5.00,Leeds,"nice\nlamp, warm"\nL-2,Rug,Home,7.00,York,"soft\n\nred"\n')
    assert [(each.title, each.description) for each in read(path) if isinstance(each, RawListing)] == [
        ("Lamp", "nice\nlamp, warm"),
        ("Rug", "soft\n\nred"),
    ]


def test_a_well_formed_text_of_several_lines_may_be_the_first_column(file):
    header = "product_description,id,product_name,category,price,location\n"
    path = file(
        "a.csv", header + '"two lines\nwith a break, warm",1,Lamp,Home,5.00,Leeds\n"soft",2,Rug,Home,7.00,York\n'
    )
    assert [(each.listing_id, each.description) for each in read(path) if isinstance(each, RawListing)] == [
        ("1", "two lines\nwith a break, warm"),
        ("2", "soft"),
    ]
