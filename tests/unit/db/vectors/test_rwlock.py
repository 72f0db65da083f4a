"""Readers share the lock, a writer is alone, and a waiting writer goes first."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from db.vectors.faiss.rwlock import ReadWriteLock


def test_readers_share_the_lock() -> None:
    lock, all_in = ReadWriteLock(), threading.Barrier(3, timeout=10)

    def read() -> None:
        with lock.reading():
            all_in.wait()

    with ThreadPoolExecutor(3) as pool:
        for reader in [pool.submit(read) for _ in range(3)]:
            reader.result()


def test_a_writer_holds_the_lock_exclusively() -> None:
    lock, counter = ReadWriteLock(), [0]

    def write() -> None:
        for _ in range(500):
            with lock.writing():
                seen = counter[0]
                threading.Event().wait(0)  # gives other threads their chance to spoil it
                counter[0] = seen + 1

    def read() -> set[bool]:
        stable = set()
        for _ in range(500):
            with lock.reading():
                seen = counter[0]
                threading.Event().wait(0)
                stable.add(counter[0] == seen)
        return stable

    with ThreadPoolExecutor(4) as pool:
        writers, readers = [pool.submit(write) for _ in range(2)], [pool.submit(read) for _ in range(2)]
        for writer in writers:
            writer.result()

    assert counter == [1000]
    assert [reader.result() for reader in readers] == [{True}, {True}]


def test_a_waiting_writer_has_priority_over_new_readers() -> None:
    lock, order, writer_started = ReadWriteLock(), list[str](), threading.Event()

    def write() -> None:
        writer_started.set()
        with lock.writing():
            order.append("writer")

    def read() -> None:
        with lock.reading():
            order.append("reader")

    with ThreadPoolExecutor(2) as pool:
        with lock.reading():
            writing = pool.submit(write)
            writer_started.wait(10)
            while not lock._waiting_writers:
                threading.Event().wait(0.001)
            reading = pool.submit(read)
        writing.result()
        reading.result()

    assert order == ["writer", "reader"]


def test_the_lock_is_released_after_an_error() -> None:
    lock = ReadWriteLock()
    for held in (lock.reading, lock.writing):
        try:
            with held():
                raise RuntimeError
        except RuntimeError:
            pass

    with lock.writing():
        pass
