"""Records are recovered from files with broken quoting; well-formed files are read exactly as standard CSV."""

from __future__ import annotations

import csv
import io
import re
import uuid
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from services.ingest.tables.delimited.layout import CsvLayout
from services.ingest.tables.delimited.records import LINE_LIMIT, read_records
from services.ingest.tables.text_files import RECORD_LIMIT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

HEADER = ("", "id", "product_name", "category", "product_description", "price", "location")
DESCRIPTION = 4
EXAMPLES = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

UUIDS = st.uuids().map(str)
LINES = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), max_size=20)
PRICES = st.sampled_from(["£5.00", "£1,234.50", "", "Free", "12.5", "1.234,50 €"])
BREAKS = st.sampled_from(["\n", "\r\n"])


@st.composite
def texts(draw: st.DrawFn) -> str:
    return draw(BREAKS).join(draw(st.lists(LINES, min_size=1, max_size=5)))


@st.composite
def listings(draw: st.DrawFn, descriptions: st.SearchStrategy[str], ids: st.SearchStrategy[str] = UUIDS) -> list[str]:
    number = str(draw(st.integers(0, 10**6)))
    return [number, draw(ids), draw(LINES), draw(LINES), draw(descriptions), draw(PRICES), draw(LINES)]


def layout(delimiter: str = ",", header: Sequence[str] = HEADER) -> CsvLayout:
    return CsvLayout(
        delimiter,
        tuple(header),
        id_at=header.index("id"),
        text_at=header.index("product_description"),
        price_at=header.index("price"),
    )


def csv_text(rows: Sequence[Sequence[str]], *, delimiter: str = ",", quote: Callable[[str], bool] | None = None) -> str:
    """Return rows as CSV; `quote` decides which descriptions are quoted (default: all that need it)."""
    lines = []
    for row in rows:
        fields = [_standard(field, delimiter) for field in row]
        if quote is not None and not quote(row[-3]):
            fields[-3] = row[-3]
        lines.append(delimiter.join(fields) + "\r\n")
    return "".join(lines)


def _standard(field: str, delimiter: str) -> str:
    return '"' + field.replace('"', '""') + '"' if re.search(f'[{delimiter}"\r\n]', field) else field


def lines_of(text: str) -> Iterator[str]:
    return iter(io.StringIO(text, newline="\n"))


def fields_of(text: str, csv_layout: CsvLayout | None = None) -> list[list[str]]:
    return [list(record.fields) for record in read_records(lines_of(text), csv_layout or layout())]


def quoted_as_in_real_exports(delimiter: str) -> Callable[[str], bool]:
    """Real exports quote a description with a delimiter or quotation mark, but not one with a line break."""
    return lambda description: delimiter in description or '"' in description


@EXAMPLES
@given(st.lists(listings(texts()), max_size=6), st.sampled_from(",\t"))
@example([["0", str(uuid.UUID(int=1)), "t", "c", "first\r\n,second\r\n", "£5.00", "Leeds"]], "\t")
def test_reads_back_records_quoted_as_in_real_exports(rows, delimiter):
    text = csv_text(rows, delimiter=delimiter, quote=quoted_as_in_real_exports(delimiter))
    assert fields_of(text, layout(delimiter)) == rows


FREE_TEXT = texts().filter(
    lambda text: (
        all(line.count(",") < len(HEADER) - 1 for line in text.split("\n"))  # no line is itself a row
        and not text.startswith('"')
    )
)


@EXAMPLES
@given(st.lists(listings(FREE_TEXT), max_size=6))
@example([["0", str(uuid.UUID(int=1)), "t", "c", 'Retails £85,now £30, "a\n bargain", good', "£30.00", "Leeds"]])
@example([["0", str(uuid.UUID(int=1)), "t", "c", "a,5,b\nmore", "", ""]] * 2)
def test_reads_unquoted_text_with_commas_and_quotation_marks_right_or_not_at_all(rows):
    text = csv_text(rows, quote=lambda _description: False)
    assert all(fields in ([], row) for fields, row in zip(fields_of(text), rows, strict=True))


LETTERS = st.text(st.sampled_from("ab 1,."), min_size=1, max_size=8).filter(lambda text: text.strip(" ,."))
SHORT_LINES = st.lists(st.text(st.sampled_from("aab 1,."), max_size=5), min_size=1, max_size=3).map("\n".join)


@settings(EXAMPLES, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.tuples(LETTERS, LETTERS, SHORT_LINES, st.sampled_from(["5.00", "12,00", "1,299", "Free"]), LETTERS)),
    st.sampled_from(["{}", "L-{:04}", "00000000-0000-0000-0000-{:012}"]),
)
def test_reads_records_without_any_quotes_over_several_lines_right_or_not_at_all(rows, ids):
    written = [[ids.format(number), *row] for number, row in enumerate(rows, start=1)]
    lines = [line for row in written for line in ",".join(row).split("\n")]
    # A line that looks like a row, or a quotation mark after a comma, means what it says.
    assume(all("\n" not in row[3] or ',"' not in "," + row[3] for row in written))
    assume(not any("\n" in row[3] and is_row_line(line) for row in written for line in ",".join(row).split("\n")))
    records = list(read_records(iter([f"{line}\n" for line in lines]), layout(header=HEADER[1:])))
    assert "".join(record.text for record in records).split() == "\n".join(lines).split()
    accepted = [[field.rstrip(", ") for field in record.fields] for record in records if record.fields]
    assert all(fields in [[field.rstrip(", ") for field in row] for row in written] for fields in accepted)


def is_row_line(line: str) -> bool:
    cells = next(csv.reader([line]), [])
    return len(cells) >= len(HEADER) - 2


@EXAMPLES
@given(st.lists(listings(texts(), ids=st.integers(1).map("L-{:04}".format)), max_size=6))
def test_learns_the_pattern_of_ids_that_are_not_uuids(rows):
    rows = [row[1:] for row in rows]
    text = csv_text(rows, quote=quoted_as_in_real_exports(","))
    assert fields_of(text, layout(header=HEADER[1:])) == rows


@EXAMPLES
@given(st.lists(listings(texts(), ids=LINES), max_size=6), st.sampled_from(",\t"))
def test_reads_a_well_formed_file_as_standard_csv(rows, delimiter):
    text = csv_text(rows, delimiter=delimiter)
    assert fields_of(text, layout(delimiter)) == list(csv.reader(lines_of(text), delimiter=delimiter))


@EXAMPLES
@given(st.lists(listings(texts()), max_size=4))
def test_records_have_their_line_and_together_the_whole_text(rows):
    text = csv_text(rows, quote=quoted_as_in_real_exports(","))
    lines = list(lines_of(text))
    records = list(read_records(lines, layout(), first_line=1))
    assert "".join(record.text for record in records) == text
    assert all(record.text.startswith(lines[record.line - 1]) for record in records)


@EXAMPLES
@given(st.text(st.sampled_from('"",,\n\r0a£5'), max_size=200))
def test_loses_no_text_of_any_broken_file(junk):
    row = csv_text([["1", str(uuid.UUID(int=7)), "t", "c", "d", "£5", "l"]])
    records = list(read_records(lines_of(row + junk), layout()))
    assert "".join(record.text for record in records).split() == (row + junk).split()


ROW = ["1", str(uuid.UUID(int=1)), "Desk", "Home", "Solid pine", "£5.00", "Leeds"]
NEXT = ["2", str(uuid.UUID(int=2)), "Chair", "Home", "Oak", "£6.00", "York"]


def test_marks_only_repaired_records_as_repaired():
    text = csv_text([ROW]) + csv_text([[*NEXT[:4], "Oak\nold", *NEXT[5:]]], quote=lambda _description: False)
    assert [record.repaired for record in read_records(lines_of(text), layout())] == [False, True]


def test_a_truncated_record_is_broken_and_its_neighbours_are_read():
    broken = "3," + str(uuid.UUID(int=3)) + ',"Lamp'
    records = list(read_records(lines_of(csv_text([ROW]) + broken + "\r\n" + csv_text([NEXT])), layout()))
    assert [list(record.fields) for record in records] == [ROW, [], NEXT]
    assert records[1].text.startswith(broken)
    assert records[1].line == 3


def test_a_footer_does_not_damage_the_last_record():
    records = [list(record.fields) for record in read_records(lines_of(csv_text([ROW]) + "(1 row)\n"), layout())]
    assert records == [ROW, []]


def test_a_record_without_an_id_is_a_separate_record():
    nameless = ["2", "", *NEXT[2:]]
    broken = [*ROW[:4], "Solid\npine", *ROW[5:]]
    text = csv_text([broken, nameless], quote=lambda _description: False)
    assert fields_of(text) == [broken, nameless]


def test_a_record_with_an_unreadable_price_stays_one_record():
    row = [*ROW[:5], "call me", "Leeds"]
    assert fields_of(csv_text([row, NEXT])) == [row, NEXT]


def test_a_stray_quotation_mark_does_not_absorb_the_next_record():
    row = [*ROW[:4], '"Amazing desk', *ROW[5:]]
    assert fields_of(csv_text([row, NEXT], quote=lambda _description: False)) == [row, NEXT]


def test_keeps_quotation_marks_that_were_not_doubled():
    text = csv_text([ROW, NEXT]).replace("Solid pine", '"A "solid", heavy desk"')
    assert fields_of(text)[0][DESCRIPTION] == 'A "solid", heavy desk'


def test_skips_blank_lines_between_records():
    records = list(read_records(lines_of("\r\n" + csv_text([ROW]) + "\r\n\n" + csv_text([NEXT]) + "\n"), layout()))
    assert [(record.line, list(record.fields)) for record in records] == [(3, ROW), (6, NEXT)]


def test_a_line_that_is_not_a_row_is_broken_if_ids_have_no_pattern():
    rows = [["desk", "Desk", "Home", "Pine", "£5.00", "Leeds"], ["chair", "Chair", "Home", "Oak", "£6.00", "York"]]
    text = csv_text(rows[:1]) + "lamp,Lamp\r\n" + csv_text(rows[1:])
    assert fields_of(text, layout(header=HEADER[1:])) == [rows[0], [], rows[1]]


def test_a_truncated_record_does_not_take_the_price_of_the_next_one():
    header = HEADER[1:]
    text = csv_text([ROW[1:]]).replace(ROW[1], "L-1") + "L-2,Lamp,Home,cut off\r\n"
    text += csv_text([NEXT[1:]]).replace(NEXT[1], "L-3")
    assert [row[:1] for row in fields_of(text, layout(header=header))] == [["L-1"], [], ["L-3"]]


WEAK = ["L-1", "Desk", "Home", "Solid\npine", "£5.00", "Leeds"]


def test_a_record_and_lines_that_may_belong_to_it_are_rejected_together():
    rows = [[*WEAK[:3], "Pine", *WEAK[4:]], ["L-3", *WEAK[1:]]]
    text = (
        csv_text(rows[:1])
        + ",the rest of something,£7.00,York\r\n"
        + csv_text(rows[1:], quote=quoted_as_in_real_exports(","))
    )
    assert fields_of(text, layout(header=HEADER[1:])) == [[], rows[1]]


@pytest.mark.parametrize("description", ["\nL-12", "see\nL-12, a\nL-13"])
def test_an_id_inside_the_text_does_not_begin_a_record(description):
    rows = [["L-1", "", "", description, "£5.00", ""], ["L-2", *WEAK[1:]]]
    assert fields_of(csv_text(rows, quote=lambda _description: False), layout(header=HEADER[1:])) == rows


def test_numbered_lines_inside_the_text_are_not_read_lines_for_ids():
    rows = [["L-1", "Desk", "Home", "1, oak\n2, pine\n3, ash\n4, elm", "£5.00", "Leeds"], ["L-2", *WEAK[1:]]]
    assert fields_of(csv_text(rows, quote=quoted_as_in_real_exports(",")), layout(header=HEADER[1:])) == rows


@pytest.mark.parametrize("piece", ["more text, and more,\n", '"\n', "1,\n", '12,"",\n', "\n" * 50 + "x\n", ",\n"])
def test_holds_only_a_bounded_part_of_the_file_in_memory(piece):
    read_lines = 0

    def lines() -> Iterator[str]:
        nonlocal read_lines
        yield csv_text([ROW]).rstrip() + "\n"
        yield f'2,{uuid.UUID(int=2)},Desk,Home,"never closed\n'
        for line in piece.splitlines(keepends=True) * (10 * LINE_LIMIT):
            read_lines += 1
            yield line

    records = read_records(lines(), layout())
    assert list(next(records).fields) == ROW
    next(records)
    assert read_lines <= 2 * LINE_LIMIT


def test_an_overlong_line_is_broken_and_the_next_record_is_read():
    long = f"2,{uuid.UUID(int=2)},Desk,Home,{'x' * RECORD_LIMIT},£5.00,Leeds\r\n"
    assert fields_of(long + csv_text([NEXT])) == [[], NEXT]
