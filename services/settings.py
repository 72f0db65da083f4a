"""Settings: environment variables (`LOOKALIKE_*`), or lines of a `.env` file in the working directory."""

from __future__ import annotations

import os
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, ByteSize, Field, SecretStr, computed_field
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from services.database_urls import normal_database_url
from services.redaction import hide, hide_secrets_of


class Engine(StrEnum):
    """The index engine that answers searches."""

    AUTO = "auto"
    FAISS = "faiss"
    QDRANT = "qdrant"


class Runtime(StrEnum):
    """The library that computes embeddings."""

    OPENVINO = "openvino"
    TORCH = "torch"


def _networks(text: object) -> object:
    if not isinstance(text, str):
        return text
    return tuple(ip_network(part.strip(), strict=False) for part in text.split(",") if part.strip())


Networks = Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode, BeforeValidator(_networks)]
"""Parsed from text such as `10.0.0.0/8, fd00::/8`."""


def _split(text: object) -> object:
    return tuple(part.strip() for part in text.split(",") if part.strip()) if isinstance(text, str) else text


Origin = Annotated[str, Field(pattern=r"^(\*|https?://[^/\s]+)$")]
Origins = Annotated[tuple[Origin, ...], NoDecode, BeforeValidator(_split)]
"""Parsed from text such as `https://shop.example, http://localhost:3000`; `*` allows every origin."""


HostName = Annotated[str, Field(pattern=r"^(\*|(\*\.)?[A-Za-z0-9_-][A-Za-z0-9._-]*|\[?[0-9A-Fa-f:.]+\]?)$")]
HostNames = Annotated[tuple[HostName, ...], NoDecode, BeforeValidator(_split)]
"""Parsed from text such as `shop.example, *.shop.example`; without ports."""


def _hide_password(url: object) -> object:
    if isinstance(url, str):
        hide_secrets_of(url)
    return url


HiddenUrl = Annotated[str, BeforeValidator(_hide_password)]
"""A URL whose password is taken out of all messages and logs."""


def _hidden(secret: SecretStr) -> SecretStr:
    hide(secret.get_secret_value())
    return secret


def _none_if_empty(text: object) -> object:
    return None if text == "" else text


class Settings(BaseSettings):
    """Every setting of the services and commands. Nothing is read at import time."""

    model_config = SettingsConfigDict(
        env_prefix="LOOKALIKE_", env_file=".env", extra="ignore", hide_input_in_errors=True
    )

    data_dir: Path = Field(default=Path("data"), description="Folder of the database, photos, models and indexes.")
    database_url: Annotated[HiddenUrl, AfterValidator(normal_database_url)] = Field(
        default="",
        repr=False,
        description="URL of the database (`postgresql+psycopg://USER:PASSWORD@HOST:5432/NAME`); empty means SQLite in "
        "the data directory.",
    )
    qdrant_url: HiddenUrl = Field(
        default="",
        repr=False,
        pattern=r"^(https?://[^/\s]\S*)?$",
        description="URL of a Qdrant server (`http://qdrant:6333`); empty means embedded Qdrant Edge.",
    )
    qdrant_api_key: Annotated[SecretStr, AfterValidator(_hidden)] = Field(
        default=SecretStr(""), description="API key of the Qdrant server."
    )
    photos_url: HiddenUrl = Field(
        default="",
        repr=False,
        description="fsspec URL of the photo store (`s3://bucket/photos`); empty means the data directory.",
    )
    model: Annotated[Path | None, BeforeValidator(_none_if_empty)] = Field(
        default=None,
        description="Folder of the model bundle to start with, or of a copy of the live model to use instead of it.",
    )
    engine: Engine = Field(
        default=Engine.AUTO, description="Index that answers searches; `auto` chooses the cheaper one for each search."
    )
    indexes: Literal["both", "faiss", "qdrant"] = Field(
        default="both", description="Indexes that this process keeps; keeping one saves the memory of the other."
    )
    runtime: Runtime = Field(default=Runtime.OPENVINO, description="Library that computes embeddings.")
    precision: Literal["auto", "bf16", "f32", "int8"] = Field(
        default="auto",
        description="Precision of embeddings. `auto` means bf16 if the processor supports it, otherwise f32; int8 if "
        "the bundle has only that. `int8` needs a bundle that was exported with it.",
    )
    threads: int = Field(default=0, ge=0, description="Threads for embedding and search; 0 means one per core.")
    batch_window_ms: float = Field(
        default=2.0,
        ge=0,
        le=1000,
        description="Milliseconds that a search may wait, under load, to be embedded together with others.",
    )
    max_waiting_photos: int = Field(
        default=64,
        ge=1,
        description="Most searches waiting to be embedded at a time; further ones are answered with 503.",
    )
    max_upload_bytes: ByteSize = Field(
        default=ByteSize(20 * 2**20), gt=0, description="Largest accepted photo, in bytes or with a unit (`20 MiB`)."
    )
    max_photo_pixels: int = Field(
        default=210_000_000,
        ge=64,
        le=1_000_000_000,
        description="Most pixels of a photo. Beyond 64 million only a JPEG that is not progressive is accepted, and "
        "decoded at a reduced size. A photo of 200 megapixels has up to 60 MB: raise LOOKALIKE_MAX_UPLOAD_BYTES too.",
    )
    keep_original_photos: bool = Field(
        default=False,
        description="Store photos as they came, with their metadata. They are shown without it all the same.",
    )
    max_listing_photos: int = Field(default=12, ge=1, description="Most photos of a listing that is sent on its own.")
    max_bulk_bytes: ByteSize = Field(
        default=ByteSize(2 * 2**30),
        gt=0,
        description="Largest accepted bulk upload, in bytes or with a unit (`2 GiB`).",
    )
    placeholder_listings: int = Field(
        default=20,
        ge=0,
        description='Listings that share one photo before it counts as a placeholder ("no image") and is set aside; '
        "0 means never.",
    )
    fetch_allow: Networks = Field(
        default=(),
        description="Networks, besides public addresses, from which photos may be fetched (`10.0.0.0/8, ::1`).",
    )
    fetch_per_host: int = Field(default=4, ge=1, description="Most photos fetched from one host at a time.")
    fetch_user_agent: str = Field(
        default="",
        pattern=r"^[\x20-\x7e]*$",
        description="User-Agent header with which photos are fetched; empty names Lookalike and its version.",
    )
    rate_limit_per_minute: int = Field(
        default=0, ge=0, description="Requests per minute that an API key may make; 0 means no limit."
    )
    request_timeout_s: float = Field(
        default=10,
        gt=0,
        le=3600,
        description="Seconds after its arrival at which a search, or a request for a picture, is abandoned and "
        "answered with 503.",
    )
    body_timeout_s: float = Field(
        default=60,
        gt=0,
        le=3600,
        description="Seconds within which a request body must arrive; for large uploads, each further 64 KiB.",
    )
    cors_origins: Origins = Field(
        default=(),
        description="Origins whose pages may call the API from a browser, separated by commas "
        "(`https://shop.example`).",
    )
    allowed_hosts: HostNames = Field(
        default=(),
        description="Host names by which browsers reach this server, besides loopback names and its own address, "
        "separated by commas (`shop.example`). `*.shop.example` allows every name below it, `*` every name.",
    )
    metrics: Literal["open", "key", "off"] = Field(
        default="open",
        description="Who may read `/metrics`: everybody, callers with an API key (once a key exists), or nobody.",
    )
    audit_days: int = Field(
        default=365, ge=1, description="Days for which the audit log is kept; it names keys, addresses and listings."
    )
    # A daily feed of a million listings with 1 % of rejects and warnings would add 3.6 million rows a year.
    reports_days: int = Field(default=30, ge=1, description="Days for which rejects and warnings of jobs are kept.")
    ingest_url: str = Field(
        default="",
        pattern=r"^(https?://[^/\s]+/?)?$",
        description="URL at which browsers reach the ingest service, if that is another server "
        "(`https://ingest.example`). LOOKALIKE_CORS_ORIGINS of that server must include this one.",
    )
    allow_anyone: bool = Field(
        default=False, description="Allow listening beyond this machine although no API key exists."
    )
    request_log: Literal["text", "json", "off"] = Field(
        default="text",
        description="Format of the request log on standard error: a line for each answer, with its X-Request-ID.",
    )
    wait_s: float = Field(
        default=0,
        ge=0,
        description="Seconds that `serve`, `worker` and `db upgrade` wait for the database and Qdrant to answer.",
    )
    duplicates: bool = Field(
        default=True, description="Look for copies of photos in the background, in the process that ingests."
    )
    follow_interval_s: float = Field(
        default=0.5, gt=0, description="Seconds between two updates of the indexes from the change feed."
    )

    @computed_field(repr=False)  # type: ignore[prop-decorator]
    @property
    def sql_url(self) -> str:
        """The database URL; by default that of SQLite in the data directory."""
        return self.database_url or f"sqlite:///{self.data_dir.resolve() / 'lookalike.sqlite'}"

    @property
    def sqlite_file(self) -> Path | None:
        """The file of an SQLite database; None for another database."""
        prefix = "sqlite:///"
        return Path(self.sql_url.removeprefix(prefix)) if self.sql_url.startswith(prefix) else None

    @property
    def thread_count(self) -> int:
        """The number of threads to use; at least 1."""
        available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        return self.threads or available or 1
