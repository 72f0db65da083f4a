"""A feed whose photo URLs are in every form that exports write, from a server that answers in every way."""

from __future__ import annotations

import base64
import csv
import gzip
import io
import re
import threading
import zipfile
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest
from PIL import Image

from db.rows import jobs, photos
from services.ingest.feeds.columns import Columns, ListingColumns
from services.ingest.loading.inputs import IngestInputs, IngestOptions
from tests.worlds import adds_up, ingest, resources_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from services.resources import Resources
    from tests.conftest import MakeJpeg

PICTURES = IngestOptions(columns=Columns(ListingColumns(photos="pics")), fetch_photos=True)

TINY = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"

FETCHED = {
    "plain": ("HERE/p1.jpg", 1),
    "space": ("HERE/my photo.jpg", 1),
    "space, encoded": ("HERE/my%20photo.jpg", 1),
    "umlaut": ("HERE/stuhl-grün.jpg", 1),
    "redirect": ("HERE/redir", 1),
    "five redirects": ("HERE/redir4?n=5", 1),
    "redirect without scheme": ("HERE/redirproto", 1),
    "redirect with a space": ("HERE/redirspace", 1),
    "content type that lies": ("HERE/lies", 1),
    "gzip": ("HERE/gz", 1),
    "negotiated": ("HERE/neg", 1),
    "user agent": ("HERE/ua", 1),
    "ampersand": ("HERE/sized.jpg?w=100&amp;h=100", 1),
    "fragment": ("HERE/p1.jpg#zoom", 1),
    "pipes and blanks": ("HERE/p5.jpg | HERE/p6.jpg |", 2),
    "lines": ("HERE/p7.jpg\nHERE/p8.jpg", 2),
    "long": ("HERE/p9.jpg?X-Amz-Signature=" + "a" * 700, 1),
    "longest": ("HERE/p9.jpg?X-Amz-Signature=" + "a" * 2000, 1),
    "upper case": ("UPPER/p9.jpg", 1),
    "backslashes": (r"ESCAPED\/p9.jpg", 1),
    "Python list": ("['HERE/p10.jpg', 'HERE/p11.jpg']", 2),
    "PostgreSQL array": ("{HERE/p10.jpg,HERE/p11.jpg}", 2),
    "JSON objects": ('[{"url":"HERE/p10.jpg"},{"url":"HERE/p11.jpg"}]', 2),
    "HTML": ('<img src="HERE/p10.jpg">', 1),
    "no photo": ("N/A", 0),
    "commas": ("HERE/p10.jpg,HERE/p11.jpg", 2),
    "JSON null": ('["HERE/p10.jpg", null]', 1),
}
"""Each cell, with the number of its photos; HERE is the server."""

REJECTED = {
    "protocol-relative": ("//ADDRESS/p1.jpg", "unreachable"),  # https, which this server does not speak
    "web page": ("HERE/html", "not_an_image"),
    "403": ("HERE/403", "unreachable"),
    "404": ("HERE/404", "not_found"),
    "no scheme": ("ADDRESS/p1.jpg", "bad_url"),
    "data of one pixel": (TINY, "too_small"),
    "ftp": ("ftp://127.0.0.1/p1.jpg", "unsupported_url"),
    "s3": ("s3://bucket/p1.jpg", "unsupported_url"),
    "too long": ("HERE/p1.jpg?X-Amz-Signature=" + "a" * 2048, "id_too_long"),
    "expired": ("HERE/403?X-Amz-Date=20200101T000000Z&X-Amz-Expires=60", "expired_url"),
}
"""Each cell, with the reason why its photo is rejected."""


class PhotoServer(ThreadingHTTPServer):
    """A server of photos."""

    daemon_threads = True

    def __init__(self, make_jpeg: MakeJpeg) -> None:
        super().__init__(("127.0.0.1", 0), _PhotoServerHandler)
        self.make_jpeg, self.jpeg = make_jpeg, make_jpeg(seed=100)
        self.address = f"127.0.0.1:{self.server_port}"
        self.url = f"http://{self.address}"


class _PhotoServerHandler(BaseHTTPRequestHandler):
    server: PhotoServer

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        name = parts.path.strip("/")
        answer = getattr(self, f"_{name}", None)
        if answer is not None:
            answer(parse_qs(parts.query))
        elif name in ("my%20photo.jpg", "stuhl-gr%C3%BCn.jpg") or self.path == "/sized.jpg?w=100&h=100":
            self._answer(200, self.server.jpeg)
        elif number := re.fullmatch(r"p(\d+)\.jpg", name):
            self._answer(200, self.server.make_jpeg(seed=int(number[1])))
        else:
            self._answer(404)

    def _redir(self, _query: object) -> None:
        self._answer(302, Location="/p1.jpg")

    def _redir4(self, query: dict[str, list[str]]) -> None:
        left = int(query["n"][0])
        self._answer(302, Location=f"/redir4?n={left - 1}" if left else "/p1.jpg")

    def _redirproto(self, _query: object) -> None:
        self._answer(301, Location=f"//{self.server.address}/p1.jpg")

    def _redirspace(self, _query: object) -> None:
        self._answer(301, Location="/my photo.jpg")

    def _html(self, _query: object) -> None:
        self._answer(200, b"<!DOCTYPE html><html><body>Log in</body></html>", Content_Type="text/html")

    def _lies(self, _query: object) -> None:
        self._answer(200, self.server.jpeg, Content_Type="text/html")

    def _gz(self, _query: object) -> None:
        self._answer(200, gzip.compress(self.server.jpeg), Content_Encoding="gzip")

    def _403(self, _query: object) -> None:
        self._answer(403)

    def _neg(self, _query: object) -> None:
        accepted = self.headers["Accept"]
        is_unread = "*" in accepted or "image/jxl" in accepted
        self._answer(200, b"\xff\x0a" + bytes(100) if is_unread else self.server.jpeg, Vary="Accept")

    def _ua(self, _query: object) -> None:
        is_browser = self.headers["User-Agent"].startswith("Mozilla/5.0")
        self._answer(200 if is_browser else 403, self.server.jpeg)

    def _answer(self, status: int, content: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_arguments: object) -> None:
        """Keep the test's output clean."""


@pytest.fixture
def server(jpeg: MakeJpeg) -> Iterator[PhotoServer]:
    with _running(PhotoServer(jpeg)) as shop:
        yield shop


@contextmanager
def _running(shop: PhotoServer) -> Iterator[PhotoServer]:
    thread = threading.Thread(target=shop.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield shop
    finally:
        shop.shutdown()
        thread.join()
        shop.server_close()


@pytest.fixture
def resources(tmp_path: Path) -> Iterator[Resources]:
    with resources_in(tmp_path / "data") as opened:
        opened.settings.placeholder_listings = 0
        opened.settings.fetch_allow = (ip_network("127.0.0.0/8"),)
        yield opened


def feed(path: Path, cells: dict[str, str]) -> Path:
    """Write a listing for each cell; its id is the name of the form."""
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["id", "product_name", "category", "product_description", "price", "location", "pics"])
        rows.writerows([form, form, "A", "d", "1", "X", cell] for form, cell in cells.items())
    return path


def test_reads_photo_urls_in_every_form(resources: Resources, server: PhotoServer, tmp_path: Path) -> None:
    cells = {form: cell for form, (cell, _) in (FETCHED | REJECTED).items()}
    bases = {"HERE": server.url, "UPPER": server.url.upper(), "ESCAPED": server.url.replace("/", "\\/")}
    for name, base in (bases | {"ADDRESS": server.address}).items():
        cells = {form: cell.replace(name, base) for form, cell in cells.items()}
    summary = ingest(resources, IngestInputs(feed(tmp_path / "urls.csv", cells), options=PICTURES)).summary
    assert adds_up(summary)
    with resources.database.read() as session:
        stored = {form: len(photos.photos_of(session, [form])) for form in cells}
        reasons = {reject.line: reject.reason for reject in jobs.rejects_of(session, summary.job_id)}
        guessed = {warning.record_id for warning in jobs.warnings_of(session, summary.job_id) if warning.line}
    assert stored == {form: count for form, (_, count) in FETCHED.items()} | dict.fromkeys(REJECTED, 0)
    assert [reasons[line] for line in sorted(reasons)] == [reason for _, reason in REJECTED.values()]
    assert guessed == {"lines", "Python list", "PostgreSQL array", "HTML", "no photo", "commas"}


def test_a_second_run_changes_nothing(resources: Resources, server: PhotoServer, tmp_path: Path) -> None:
    cell = f"{server.url}/p9.jpg?X-Amz-Signature={'a' * 700}"
    inputs = IngestInputs(feed(tmp_path / "urls.csv", {"long": cell}), options=PICTURES)
    assert ingest(resources, inputs).summary.counts["photos_new"] == 1
    assert ingest(resources, inputs).summary.counts["photos_unchanged"] == 1
    with resources.database.read() as session:
        (photo,) = photos.photos_of(session, ["long"])
    assert photo.source == cell
    assert len(photo.external_id) < 500


def test_reads_the_photo_of_a_data_url(resources: Resources, tmp_path: Path) -> None:
    content = io.BytesIO()
    Image.effect_noise((300, 300), 90).save(content, "PNG")
    cell = "data:image/png;base64," + base64.b64encode(content.getvalue()).decode()
    summary = ingest(resources, IngestInputs(feed(tmp_path / "urls.csv", {"data": cell}), options=PICTURES)).summary
    assert (summary.counts["photos_new"], summary.reasons) == (1, {})
    with resources.database.read() as session:
        (photo,) = photos.photos_of(session, ["data"])
    assert len(photo.source) <= 500


def test_reads_photos_from_a_zip_of_utf8_names_that_does_not_say_so(
    resources: Resources, jpeg: MakeJpeg, tmp_path: Path
) -> None:
    class RawName(zipfile.ZipInfo):
        def _encodeFilenameFlags(self) -> tuple[bytes, int]:
            return self.filename.encode(), 0

    with zipfile.ZipFile(tmp_path / "infozip.zip", "w") as archive:
        for seed, name in enumerate(("tür1.jpg", "椅子.jpg", "IMG_3.JPG")):
            archive.writestr(RawName(name), jpeg(seed=seed))
    cells = {"1": "tür1.jpg", "2": "椅子.jpg", "3": "img_3.jpg"}
    inputs = IngestInputs(feed(tmp_path / "iz.csv", cells), photos=tmp_path / "infozip.zip", options=PICTURES)
    summary = ingest(resources, inputs).summary
    assert (summary.counts["photos_new"], summary.reasons) == (3, {})
    assert summary.warnings == {"guessed_photo_name": 1, "no_currency": 1}
