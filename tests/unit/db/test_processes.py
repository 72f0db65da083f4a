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


def test_another_process_of_the_same_number_is_not_the_one_that_was_named() -> None:
    machine, pid, _started = process_name().split(":")
    assert is_gone(f"{machine}:{pid}:1")


def test_a_process_that_only_has_the_name_of_this_machine_is_unknown() -> None:
    assert not is_gone(f"{platform.node()}/another:{os.getpid()}:1")


@pytest.mark.parametrize("name", ["another-machine:1:1", "", "nobody", f"{platform.node()}:1:1"])
def test_of_what_it_does_not_know_it_says_nothing(name: str) -> None:
    assert not is_gone(name)
