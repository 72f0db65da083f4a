"""API keys, signing keys, the audit log and rate limits."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Integer,
    LargeBinary,
    Text,
    text,
)
from sqlmodel import Field, SQLModel

from db.models.columns import BigId, UtcDateTime, utc_now


class Role(StrEnum):
    """Permissions of a key. Each role includes the roles before it."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"

    def includes(self, other: "Role") -> bool:
        """Say whether this role has all permissions of the other."""
        order = list(Role)
        return order.index(self) >= order.index(other)


class HashScheme(StrEnum):
    """How the secret of a key is hashed. Keys of earlier versions have scrypt until their first use."""

    HMAC_SHA256 = "hmac-sha256"
    SCRYPT = "scrypt"


class ApiKey(SQLModel, table=True):
    """An API key with its role. Only a hash of the secret is stored."""

    __tablename__ = "api_key"

    id: str = Field(primary_key=True, max_length=16)
    name: str = Field(sa_type=Text)
    role: Role = Field(sa_column=Column(Text, nullable=False))
    salt: bytes = Field(sa_type=LargeBinary)
    secret_hash: bytes = Field(sa_type=LargeBinary)
    hashed_with: HashScheme = Field(
        default=HashScheme.HMAC_SHA256, sa_column=Column(Text, nullable=False, server_default="scrypt")
    )
    origins: list[str] = Field(sa_column=Column(JSON, nullable=False, server_default="[]"), default_factory=list)
    """Origins of the pages that may use the key, as `https://shop.example`; empty means everywhere."""
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class SigningKey(SQLModel, table=True):
    """A secret that signs what clients keep and send back: query tokens, cursors and photo URLs."""

    __tablename__ = "signing_key"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True, autoincrement=True))
    secret: bytes = Field(sa_type=LargeBinary)
    created_at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)


class AuditEntry(SQLModel, table=True):
    """A call or command that changes something, a call under /v1/admin, or refused calls of one kind."""

    __tablename__ = "audit_entry"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True, autoincrement=True))
    at: datetime = Field(default_factory=utc_now, sa_type=UtcDateTime)
    key_id: str | None = Field(default=None, max_length=16)
    """For refused calls: the id that the caller claimed."""
    method: str = Field(max_length=10)
    """`CLI` for a command, whose `path` is the command line."""
    path: str = Field(sa_type=Text)
    request_id: str = Field(max_length=64)
    status: int | None = None
    """HTTP status, or exit code of a command; None until it has ended."""
    caller: str | None = Field(default=None, sa_column=Column(Text, nullable=True))
    """Address of the caller, or `user@machine` for a command."""
    resource: str | None = Field(default=None, sa_column=Column(Text, nullable=True))
    """Path of what a POST made: `/v1/listings/lamp`, or that of a job."""
    calls: int = Field(default=1, sa_column=Column(Integer, nullable=False, server_default=text("1")))
    """Number of calls: refused calls of one kind share an entry, whose path is that of the first."""


class RateWindow(SQLModel, table=True):
    """Requests that processes have taken from a key's allowance in one minute. `minute` counts from 1970."""

    __tablename__ = "rate_window"

    key_id: str = Field(primary_key=True, max_length=16)
    minute: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    taken: int
