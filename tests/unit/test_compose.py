"""The containers of compose.yaml can do no more than they need."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((Path(__file__).parents[2] / "compose.yaml").read_text())[
    "services"
]
WRITABLE = ("/data", "/var/lib/postgresql/data", "/run/postgresql", "/qdrant/storage")


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_gains_no_privileges(name: str) -> None:
    service = SERVICES[name]
    assert (service["cap_drop"], service["security_opt"]) == (["ALL"], ["no-new-privileges:true"])
    assert name == "postgres" or "cap_add" not in service


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_writes_to_its_volumes_only(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    for volume in service.get("volumes", []):
        assert volume["read_only"] if isinstance(volume, dict) else volume.rpartition(":")[2] in WRITABLE


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_has_limits_of_memory_and_processes(name: str) -> None:
    assert {"mem_limit", "pids_limit"} <= SERVICES[name].keys()


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_open_to_this_machine_only_by_default(name: str) -> None:
    assert all(port.startswith("${BIND:-127.0.0.1}:") for port in SERVICES[name].get("ports", []))
