"""Notices text that was encoded as UTF-8 twice: `CafÃ©` for `Café`.

It is kept as it stands: `CAFÉ»` is text in capitals, and would become another letter.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from services.ingest.cleaning.repairs import Repair
from services.ingest.cleaning.text import counted, shorten
from services.ingest.tables.rows import Row
from services.reason_codes import ListingFlag

if TYPE_CHECKING:
    from services.ingest.tables.rows import ColumnSelection, Rows, Table


def _as_read(byte: int) -> str:
    """Return the character of a byte in Windows-1252; of undefined bytes, the control character."""
    return bytes([byte]).decode("cp1252", "ignore") or chr(byte)


_BYTES = {_as_read(byte): byte for byte in range(0x80, 0x100)} | {chr(byte): byte for byte in range(0x80, 0x100)}
_NEXT = "".join(_as_read(byte) + chr(byte) for byte in range(0x80, 0xC0))
_TWICE = re.compile(
    f"(?<=[a-z])[ÃÄÅ][{_NEXT}]|[ÃÄÅ][{_NEXT}](?=[a-z])"  # no capital stands between a sign and a small letter
    f"|Â[£¥¢§©®°·«»½¼¾²³]|â[€‚„][{_NEXT}™œ]|ï¼[{_NEXT}]"
    f"|(?:[ÐÑÎÏ×ØÙÚÛ][{_NEXT}]){{2,}}|(?:[à-ï][{_NEXT}]{{2}}){{2,}}|ðŸ[{_NEXT}]{{2}}"
)
_RUN = re.compile(f"[\u00c2-\u00f4][{_NEXT}]{{1,3}}")


def told_of_double_encoding(table: Table) -> Table:
    """Return the table with a notice `encoded_twice` if rows have such text."""
    return replace(table, rows=lambda selection: _rows(table, selection))


def _rows(table: Table, selection: ColumnSelection) -> Rows:
    found, example = 0, ""
    for row in table.rows(selection):
        if isinstance(row, Row):
            cell = next((cell for cell in row.cells.values() if not cell.isascii() and _TWICE.search(cell)), "")
            found, example = found + bool(cell), example or cell
        yield row
    if found:
        before = f"{counted(found, 'record')}, such as {shorten(example)[:100]!r}"
        meant = _meant(shorten(example)[:100])
        table.tell(Repair(ListingFlag.ENCODED_TWICE, "", before, f"meant is perhaps {meant!r}"))


def _meant(text: str) -> str:
    return _RUN.sub(lambda run: bytes(_BYTES[letter] for letter in run[0]).decode("utf-8", "replace"), text)
