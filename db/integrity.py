"""Checks that the database can be read and agrees with itself."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy import Table, exists, func, select, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import SQLModel

import db.models  # noqa: F401  # declares the tables

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection, ForeignKeyConstraint

    from db.session import Database

_SHOWN = 100
"""Problems that SQLite lists."""

_ROWS_AT_ONCE = 1000

_INDEXES = """
SELECT c.relname, c.oid FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_am a ON a.oid = c.relam
WHERE a.amname = 'btree' AND n.nspname = current_schema() AND i.indisvalid
"""


@dataclass(frozen=True, slots=True)
class Damage:
    """Something that is wrong in a table, an index or the file."""

    place: str
    problem: str


def file_damage(connection: Connection, *, quick: bool = False) -> list[Damage]:
    """Return what SQLite finds wrong with its file; `quick` does not compare indexes with their tables."""
    check = "quick_check" if quick else "integrity_check"
    found = connection.exec_driver_sql(f"PRAGMA {check}({_SHOWN})").scalars()
    return [Damage("file", problem) for problem in found if problem != "ok"]


def find_damage(database: Database) -> list[Damage]:
    """Check the file or the indexes, read every row of every table, and look for rows that refer to missing ones.

    On PostgreSQL, indexes are checked where the extension amcheck is installed.
    """
    found = _attempt(database, "indexes", _index_damage) if database.is_postgresql else []
    if not database.is_postgresql:
        found = _attempt(database, "file", file_damage)
    for table in SQLModel.metadata.sorted_tables:
        found += _attempt(database, str(table.name), partial(_read_all, table=table))
        for key in table.foreign_key_constraints:
            found += _attempt(database, str(table.name), partial(_orphans, key=key))
    return list(dict.fromkeys(found))


def _attempt(database: Database, place: str, check: Callable[[Connection], list[Damage]]) -> list[Damage]:
    """Run one check in a transaction of its own, because an error ends a transaction."""
    try:
        with database.read() as session:
            return check(session.connection())
    except (DBAPIError, ValueError, LookupError, OverflowError) as error:
        return [Damage(place, str(error.orig if isinstance(error, DBAPIError) else error).strip())]


def _index_damage(connection: Connection) -> list[Damage]:
    if connection.scalar(text("SELECT count(*) FROM pg_extension WHERE extname = 'amcheck'")) == 0:
        return []
    found = []
    for name, oid in connection.execute(text(_INDEXES)).all():
        try:
            with connection.begin_nested():
                connection.execute(text("SELECT bt_index_check(CAST(:oid AS oid)::regclass, true)"), {"oid": oid})
        except DBAPIError as error:
            found.append(Damage(name, str(error.orig).strip()))
    return found


def _read_all(connection: Connection, table: Table) -> list[Damage]:
    rows = connection.execution_options(yield_per=_ROWS_AT_ONCE).execute(select(table))
    for _ in rows:
        continue
    return []


def _orphans(connection: Connection, key: ForeignKeyConstraint) -> list[Damage]:
    """Count the rows whose foreign key names no row."""
    table, target = key.table, key.referred_table.alias()
    pairs = [(element.parent, target.c[element.column.name]) for element in key.elements]
    missing = ~exists().where(*(own == other for own, other in pairs))
    query = select(func.count()).select_from(table).where(missing, *(own.is_not(None) for own, _ in pairs))
    columns = ", ".join(element.parent.name for element in key.elements)
    if not (count := connection.scalar(query)):
        return []
    return [Damage(str(table.name), f"{count} rows whose {columns} names no {key.referred_table.name}")]
