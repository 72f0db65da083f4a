"""Settings, from the environment (`LOOKALIKE_*`) or a `.env` file in the working directory."""

from __future__ import annotations

import os
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, ByteSize, Field, SecretStr, computed_field
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


class Engine(StrEnum):
    """Which index answers searches."""

    AUTO = "auto"
    FAISS = "faiss"
    QDRANT = "qdrant"


class Runtime(StrEnum):
    """What computes embeddings."""

    OPENVINO = "openvino"
    TORCH = "torch"


def _networks(text: object) -> object:
    if not isinstance(text, str):
        return text
    return tuple(ip_network(part.strip(), strict=False) for part in text.split(",") if part.strip())


Networks = Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode, BeforeValidator(_networks)]
"""From `10.0.0.0/8, fd00::/8`."""


def _origins(text: object) -> object:
    return tuple(part.strip() for part in text.split(",") if part.strip()) if isinstance(text, str) else text


Origin = Annotated[str, Field(pattern=r"^(\*|https?://[^/\s]+)$")]
Origins = Annotated[tuple[Origin, ...], NoDecode, BeforeValidator(_origins)]
"""From `https://shop.example, http://localhost:3000`; `*` is any."""


def _unless_empty(text: object) -> object:
    return None if text == "" else text


class Settings(BaseSettings):
    """Every knob of the services. Nothing here is read at import time."""

    model_config = SettingsConfigDict(env_prefix="LOOKALIKE_", env_file=".env", extra="ignore")

    data_dir: Path = Field(default=Path("data"), description="Where the database, photos, models and indexes lie.")
    database_url: str = Field(default="", description="SQLAlchemy URL; empty means SQLite in the data directory.")
    qdrant_url: str = Field(default="", description="URL of a Qdrant server; empty means Qdrant Edge in the process.")
    qdrant_api_key: SecretStr = Field(default=SecretStr(""), description="API key of the Qdrant server.")
    photos_url: str = Field(
        default="",
        description="Where photos are kept: an fsspec URL (`s3://bucket/photos`); empty means the data directory.",
    )
    model: Annotated[Path | None, BeforeValidator(_unless_empty)] = Field(
        default=None, description="A model bundle to start with, or a copy of the live one to use in its place."
    )
    engine: Engine = Field(
        default=Engine.AUTO, description="Which index answers searches; `auto` means the one that is cheaper just then."
    )
    indexes: Literal["both", "faiss", "qdrant"] = Field(
        default="both", description="Which indexes this process keeps; with one, the other's memory is saved."
    )
    runtime: Runtime = Field(default=Runtime.OPENVINO, description="What computes embeddings.")
    precision: Literal["auto", "bf16", "f32", "int8"] = Field(
        default="auto",
        description="`auto` (bf16 where the processor has it; int8 where the bundle has nothing else), "
        "`bf16`, `f32`, or `int8` if exported.",
    )
    threads: int = Field(default=0, ge=0, description="Threads for embedding and search; 0 means every core.")
    batch_window_ms: float = Field(
        default=2.0, ge=0, le=1000, description="How long a search may be kept to be embedded with others, under load."
    )
    max_waiting_photos: int = Field(
        default=64, ge=1, description="Searches that may wait to be embedded; more are answered 503."
    )
    max_upload_bytes: ByteSize = Field(
        default=ByteSize(20 * 2**20), gt=0, description="Largest photo accepted: bytes, or with a unit (`20 MiB`)."
    )
    max_listing_photos: int = Field(default=12, ge=1, description="Photos that a single listing may come with.")
    max_bulk_bytes: ByteSize = Field(
        default=ByteSize(2 * 2**30), gt=0, description="Largest bulk upload accepted: bytes, or with a unit (`2 GiB`)."
    )
    fetch_allow: Networks = Field(
        default=(), description="Networks that photos may be fetched from besides public addresses: `10.0.0.0/8, ::1`."
    )
    fetch_per_host: int = Field(default=4, ge=1, description="Photos fetched from one host at a time.")
    rate_limit_per_minute: int = Field(
        default=0, ge=0, description="Requests that an API key may make in a minute; 0 means any number."
    )
    request_timeout_s: float = Field(
        default=10, gt=0, le=3600, description="Seconds after which a search is given up and answered 503."
    )
    body_timeout_s: float = Field(
        default=60,
        gt=0,
        le=3600,
        description="Seconds for a request's body to come, and for each further 64 KiB of an upload that may be large.",
    )
    cors_origins: Origins = Field(
        default=(),
        description="Sites whose pages may call the API from a browser: `https://shop.example`, with commas between.",
    )
    ingest_url: str = Field(
        default="",
        pattern=r"^(https?://[^/\s]+/?)?$",
        description="Where browsers reach the ingest service, for the page, if that is another server: "
        "`https://ingest.example`. That server's LOOKALIKE_CORS_ORIGINS must name this one.",
    )
    allow_anyone: bool = Field(
        default=False, description="Whether to listen beyond this machine though no API key was created."
    )
    wait_s: float = Field(
        default=0,
        ge=0,
        description="How long `serve`, `worker` and `db upgrade` wait for the database and Qdrant to answer.",
    )
    duplicates: bool = Field(
        default=True, description="Whether copies of photos are looked for as they come, where listings are ingested."
    )
    follow_interval_s: float = Field(default=0.5, gt=0, description="How often the indexes follow the change feed.")

    @computed_field  # type: ignore[prop-decorator]
    @property
    def sql_url(self) -> str:
        """The database URL, with the default filled in."""
        return self.database_url or f"sqlite:///{self.data_dir.resolve() / 'lookalike.sqlite'}"

    @property
    def sqlite_file(self) -> Path | None:
        """The database's file; None where it is not SQLite."""
        prefix = "sqlite:///"
        return Path(self.sql_url.removeprefix(prefix)) if self.sql_url.startswith(prefix) else None

    @property
    def thread_count(self) -> int:
        """The number of threads to use, at least 1."""
        available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        return self.threads or available or 1
