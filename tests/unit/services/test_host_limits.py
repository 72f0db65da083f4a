"""Turns of hosts from which photos are downloaded."""

from __future__ import annotations

import threading

import pytest

from services.fetching import host_limits
from services.fetching.guarded_network import Deadline
from services.fetching.host_limits import HostBusy, HostLimits, HostQueueFull
from tests.waiting import PATIENCE_S, wait_for


def test_refuses_a_download_at_once_when_too_many_wait_for_the_host() -> None:
    hosts, deadline = HostLimits(per_host=1), Deadline()

    def wait() -> None:
        with hosts.slot("slow", deadline):
            pass

    with hosts.slot("slow", deadline):
        waiting = threading.Thread(target=wait)
        waiting.start()
        wait_for(lambda: hosts._waiting["slow"] == 1)
        with pytest.raises(HostQueueFull, match="1 other downloads from slow wait"):
            hosts.slot("slow", deadline, max_waiting=1).__enter__()
        with hosts.slot("other", deadline, max_waiting=1):
            pass
    waiting.join(PATIENCE_S)
    assert not hosts._waiting
    assert not hosts._busy


def test_waits_for_a_turn_until_the_deadline() -> None:
    hosts, deadline = HostLimits(per_host=1), Deadline()
    with hosts.slot("slow", deadline), deadline.time_limit(0.01), pytest.raises(HostQueueFull, match="take too long"):
        hosts.slot("slow", deadline).__enter__()
    assert not hosts._waiting


def test_does_not_wait_for_a_host_that_asks_for_a_longer_pause() -> None:
    hosts, deadline = HostLimits(per_host=1), Deadline()
    hosts.pause("busy", 60)
    with deadline.time_limit(10), pytest.raises(HostBusy, match="busy asks to wait"):
        hosts.slot("busy", deadline).__enter__()


def test_forgets_hosts_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_limits, "_MAX_HOSTS", 3)
    hosts = HostLimits(per_host=1)
    for number in range(10):
        hosts.note_silence(f"silent {number}")
        hosts.pause(f"busy {number}", 60)
    assert list(hosts._unanswered) == ["silent 8", "silent 9"]
    assert list(hosts._paused_until) == ["busy 7", "busy 8", "busy 9"]
