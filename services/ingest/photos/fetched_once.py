"""Fetches a URL once while several listings of one run name it, such as a shop's "no image" picture."""

from __future__ import annotations

import threading
from collections import OrderedDict
from concurrent.futures import Future
from typing import TYPE_CHECKING

from services.errors import PhotoRejected
from services.reason_codes import RejectReason

if TYPE_CHECKING:
    from services.fetching.photo_fetcher import PhotoFetcher

_KEPT_BYTES = 32 * 2**20
_KEPT_ANSWERS = 10_000


class FetchedOnce:
    """Keeps the last answers of a fetcher: up to `_KEPT_BYTES` of photos, and errors. Threads share it."""

    def __init__(self, fetcher: PhotoFetcher) -> None:
        self._fetcher, self._lock = fetcher, threading.Lock()
        self._answers: OrderedDict[str, Future[bytes]] = OrderedDict()
        self._sizes: dict[str, int] = {}
        self._bytes = 0

    def fetch(self, url: str) -> bytes:
        """Return the photo at a URL; a thread that asks while another fetches it waits for that one.

        Raises:
            PhotoRejected: see `PhotoFetcher.fetch`.
        """
        with self._lock:
            is_first = url not in self._answers
            answer = self._answers.setdefault(url, Future())
            self._answers.move_to_end(url)
        if is_first:
            self._settle(url, answer)
        return answer.result()

    def _settle(self, url: str, answer: Future[bytes]) -> None:
        try:
            content = self._fetcher.fetch(url)
        except Exception as error:  # noqa: BLE001  (the threads that wait get it too)
            if not isinstance(error, PhotoRejected) or error.reason == RejectReason.UNREACHABLE:
                with self._lock:
                    del self._answers[url]  # it may answer the next time
            answer.set_exception(error)
        else:
            with self._lock:
                self._sizes[url] = len(content)
                self._bytes += len(content)
                self._forget_oldest()
            answer.set_result(content)

    def _forget_oldest(self) -> None:
        while self._bytes > _KEPT_BYTES or len(self._answers) > _KEPT_ANSWERS:
            done = next((url for url, answer in self._answers.items() if url in self._sizes or answer.done()), None)
            if done is None:
                return
            del self._answers[done]
            self._bytes -= self._sizes.pop(done, 0)
