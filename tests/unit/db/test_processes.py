"""Names of processes: whether the one that a name was given to still runs."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

from db.processes import is_gone, process_name


def test_a_running_process_is_not_gone() -> None:
    assert not is_gone(process_name())


def test_an_ended_process_is_gone() -> None:
    code = "from db.processes import process_name; print(process_name())"
    name = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert is_gone(name)


def test_a_later_process_with_the_same_id_is_another_process() -> None:
    machine, pid, _started = process_name().split(":")
    assert is_gone(f"{machine}:{pid}:1")


def test_a_process_of_a_machine_with_the_same_host_name_is_unknown() -> None:
    assert not is_gone(f"{platform.node()}/another:{os.getpid()}:1")


@pytest.mark.parametrize("name", ["another-machine:1:1", "", "nobody", f"{platform.node()}:1:1"])
def test_unknown_processes_are_not_gone(name: str) -> None:
    assert not is_gone(name)
