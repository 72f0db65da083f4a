"""Settings, from the environment (`LOOKALIKE_*`) or a `.env` file in the working directory."""

from __future__ import annotations

import os
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SecretStr, computed_field
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
    model: Path | None = Field(
        default=None, description="A model bundle to start with, or a copy of the live one to use in its place."
    )
    engine: Engine = Field(default=Engine.AUTO, description="Which index answers searches; `auto` means FAISS.")
    runtime: Runtime = Field(default=Runtime.OPENVINO, description="What computes embeddings.")
    precision: Literal["auto", "bf16", "f32", "int8"] = Field(
        default="auto", description="`auto` (bf16 where the processor has it), `bf16`, `f32`, or `int8` if exported."
    )
    threads: int = Field(default=0, ge=0, description="Threads for embedding and search; 0 means every core.")
    batch_window_ms: float = Field(
        default=2.0, ge=0, le=1000, description="How long a search may be kept to be embedded with others, under load."
    )
    max_waiting_photos: int = Field(
        default=64, ge=1, description="Searches that may wait to be embedded; more are answered 503."
    )
    max_upload_bytes: int = Field(default=20 * 2**20, gt=0, description="Largest photo accepted, in bytes.")
    max_listing_photos: int = Field(default=12, ge=1, description="Photos that a single listing may come with.")
    max_bulk_bytes: int = Field(default=2 * 2**30, gt=0, description="Largest bulk upload accepted, in bytes.")
    fetch_allow: Networks = Field(
        default=(), description="Networks that photos may be fetched from besides public addresses: `10.0.0.0/8, ::1`."
    )
    fetch_per_host: int = Field(default=4, ge=1, description="Photos fetched from one host at a time.")
    rate_limit_per_minute: int = Field(
        default=0, ge=0, description="Requests that an API key may make in a minute; 0 means any number."
    )
    allow_anyone: bool = Field(
        default=False, description="Whether to listen beyond this machine though no API key was created."
    )
    wait_s: float = Field(
        default=0,
        ge=0,
        description="How long `serve`, `worker` and `db upgrade` wait for the database and Qdrant to answer.",
    )
    follow_interval_s: float = Field(default=0.5, gt=0, description="How often the indexes follow the change feed.")

    @computed_field  # type: ignore[prop-decorator]
    @property
    def sql_url(self) -> str:
        """The database URL, with the default filled in."""
        return self.database_url or f"sqlite:///{self.data_dir.resolve() / 'lookalike.sqlite'}"

    @property
    def thread_count(self) -> int:
        """The number of threads to use, at least 1."""
        available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        return self.threads or available or 1
