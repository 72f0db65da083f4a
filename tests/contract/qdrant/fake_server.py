"""A stand-in for a Qdrant server that can freeze, slow down and die: it keeps points, and searches them exactly."""

from __future__ import annotations

import json
import threading
from collections import Counter
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import numpy as np

from db.vectors.qdrant.schema import FLOAT_FIELDS, INTEGER_FIELDS, KEYWORD_FIELDS, VECTOR_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator

_SCHEMA = {
    field: {"data_type": kind, "points": 0}
    for kind, fields in {"keyword": KEYWORD_FIELDS, "float": FLOAT_FIELDS, "integer": INTEGER_FIELDS}.items()
    for field in fields
}


class FakeQdrant(ThreadingHTTPServer):
    """One collection on a loopback port. It understands what `QdrantServerIndex` sends for points without filters.

    Attributes:
        asked: number of requests, by the last part of their path, since the last `asked.clear()`.
        answering: while it is not set, requests wait, as those of a stopped process.
        delay_s: seconds before each answer.
    """

    daemon_threads = True

    def __init__(self, vector_size: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.vector_size = vector_size
        self.points: dict[int, dict[str, Any]] = {}
        self.asked: Counter[str] = Counter()
        self.answering = threading.Event()
        self.answering.set()
        self.ending = threading.Event()
        self.delay_s = 0.0

    @property
    def url(self) -> str:
        """The base URL, without a trailing slash."""
        return f"http://127.0.0.1:{self.server_port}"

    def die(self) -> None:
        """Refuse every connection from now on."""
        self.shutdown()
        self.server_close()

    def handle_error(self, *_arguments: object) -> None:
        """Do not log clients that gave up."""


@contextmanager
def fake_qdrant(vector_size: int) -> Iterator[FakeQdrant]:
    """Run a server while the block runs."""
    server = FakeQdrant(vector_size)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.ending.set()
        server.answering.set()
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: FakeQdrant

    def do_GET(self) -> None:
        self._respond({})

    def do_POST(self) -> None:
        self._respond(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    do_PUT = do_PATCH = do_POST

    def do_DELETE(self) -> None:
        self._respond({})

    def _respond(self, body: dict[str, Any]) -> None:
        place = self.path.partition("?")[0].split("/")[3:]
        self.server.asked[place[-1] if place else self.command] += 1
        self.server.answering.wait()
        self.server.ending.wait(self.server.delay_s)
        content = json.dumps({"result": self._result("/".join(place), body), "status": "ok", "time": 0.0}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _result(self, place: str, body: dict[str, Any]) -> object:
        points = self.server.points
        if place == "":
            return _information(self.server.vector_size) if self.command == "GET" else True
        if place == "exists":
            return {"exists": True}
        if place == "points/count":
            return {"count": len(points)}
        if place == "points/scroll":
            return {"points": list(points.values()), "next_page_offset": None}
        if place == "points/query/batch":
            return [{"points": self._nearest(one)} for one in body["searches"]]
        if place == "points":
            points.update({point["id"]: point for point in body["points"]})
        elif place == "points/delete":
            for photo_id in body["points"]:
                points.pop(photo_id, None)
        return {"operation_id": 1, "status": "completed"}

    def _nearest(self, search: dict[str, Any]) -> list[dict[str, Any]]:
        scored = [
            {"id": photo_id, "version": 0, "score": float(np.dot(point["vector"][VECTOR_NAME], search["query"]))}
            for photo_id, point in self.server.points.items()
        ]
        return sorted(scored, key=lambda one: -one["score"])[: search["limit"]]

    def log_message(self, *_arguments: object) -> None:
        """Log nothing."""


def _information(vector_size: int) -> dict[str, Any]:
    return {
        "status": "green",
        "optimizer_status": "ok",
        "segments_count": 1,
        "config": {
            "params": {"vectors": {VECTOR_NAME: {"size": vector_size, "distance": "Dot"}}},
            "hnsw_config": {"m": 16, "ef_construct": 100, "full_scan_threshold": 10000},
            "optimizer_config": {
                "deleted_threshold": 0.2,
                "vacuum_min_vector_number": 1000,
                "default_segment_number": 2,
                "flush_interval_sec": 5,
            },
            "quantization_config": {"scalar": {"type": "int8"}},
        },
        "payload_schema": _SCHEMA,
    }
