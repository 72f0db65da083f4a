"""Checks the database's URL, and brings it into the form that SQLAlchemy needs. The client imports this too."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

if TYPE_CHECKING:
    from urllib.parse import SplitResult

_EXAMPLE = "Use postgresql+psycopg://USER:PASSWORD@HOST:5432/NAME, or leave it empty for SQLite in LOOKALIKE_DATA_DIR"
_POSTGRESQL = ("postgresql", "postgres")


def normal_database_url(text: str) -> str:
    """Return the URL with the driver that is installed; empty text stays empty.

    Raises:
        ValueError: it cannot be used. The message has no password.
    """
    text = text.strip()
    if not text:
        return ""
    scheme, separator, rest = text.partition("://")
    if not separator:
        raise ValueError(f"it is not a URL. {_EXAMPLE}")
    backend, _, driver = scheme.partition("+")
    if backend == "sqlite":
        return _sqlite(rest, driver)
    if backend not in _POSTGRESQL:
        raise ValueError(f"{backend!r} is not supported; PostgreSQL and SQLite are. {_EXAMPLE}")
    if driver not in ("", "psycopg"):
        raise ValueError(f"the driver {driver!r} is not supported. {_EXAMPLE}")
    parts = _parsed(f"postgresql://{rest}")
    if not parts.path.strip("/"):
        raise ValueError(f"it names no database. {_EXAMPLE}")
    _check_options(parts.query)
    return f"postgresql+psycopg://{rest}"


def _parsed(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        parts = None
    if parts is None or parts.fragment:
        raise ValueError(
            "it cannot be read: the port must be a number up to 65535, and special characters of the password must be "
            f"encoded (`@` as %40, `/` as %2F, `:` as %3A, `#` as %23). {_EXAMPLE}"
        )
    return parts


def _sqlite(rest: str, driver: str) -> str:
    host, _, file = rest.partition("/")
    if driver not in ("", "pysqlite") or host or "?" in file:
        raise ValueError("an SQLite URL is sqlite:///FILE, without driver, host and parameters")
    if not file or file == ":memory:" or file.startswith("file:"):
        raise ValueError("name a file: sqlite:///FILE. A database in memory is not kept")
    return f"sqlite:///{file}"


def _check_options(query: str) -> None:
    """Check the parameters, such as `sslmode`, which psycopg would refuse at the first connection."""
    if not query:
        return
    import psycopg
    from psycopg.conninfo import make_conninfo

    try:
        make_conninfo(**dict(parse_qsl(query, keep_blank_values=True)))
    except psycopg.ProgrammingError as error:
        raise ValueError(f"{str(error).strip()}. The parameters after `?` are those of PostgreSQL's libpq") from None
