"""While a Qdrant server is frozen, slow or dead, FAISS answers; afterwards, Qdrant answers again.

The tests marked `server` need `LOOKALIKE_TEST_QDRANT_BINARY`, the path of a Qdrant server.
"""

from __future__ import annotations

import socket
import threading
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

import pytest

from db.vectors.qdrant import server_collections, server_search
from services.cli.terminal.wait_for_stores import wait_for_stores
from services.errors import ServiceUnavailable
from services.indexing import breaker
from services.indexing.generations import build_and_promote
from services.search.service import SearchService
from services.settings import Engine
from services.wire import SearchFields
from tests.angles import add, angle, listing
from tests.contract.qdrant.fake_server import FakeQdrant, fake_qdrant
from tests.faults.shop import QdrantServer, serving
from tests.faults.test_killed_qdrant import QDRANT_BINARY, found_by
from tests.truth import MODEL, SIZE, register_model
from tests.waiting import wait_for
from tests.worlds import resources_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import httpx

    from ml.bundle.bundle import Bundle
    from services.resources import Resources
    from tests.conftest import MakeJpeg

CHOICES = (Engine.FAISS, Engine.AUTO, Engine.QDRANT)


@pytest.fixture
def qdrant(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeQdrant]:
    monkeypatch.setattr(server_search, "ANSWER_TIMEOUT_S", 1)
    monkeypatch.setattr(server_collections, "CHECK_TIMEOUT_S", 0.5)
    monkeypatch.setattr(breaker, "RETRY_AFTER_S", 0.1)
    with fake_qdrant(SIZE) as server:
        yield server


@pytest.fixture
def resources(qdrant: FakeQdrant, tmp_path: Path) -> Iterator[Resources]:
    """Two listings in both indexes."""
    with resources_in(tmp_path / "data", qdrant_url=qdrant.url) as opened:
        register_model(opened.database)
        add(opened, listing("query"), [angle(0)])
        add(opened, listing("near"), [angle(10)])
        build_and_promote(opened.database, opened.stores, MODEL)
        opened.live.refresh()
        qdrant.asked.clear()
        yield opened


def answering(service: SearchService, engine: Engine) -> str:
    """Search, check the result, and return the engine that answered."""
    page = service.by_listing("query", SearchFields(engine=engine))
    assert "near" in [one.photo.listing.id for one in page.results]
    return page.origin.engine


def wait_until_qdrant_answers(resources: Resources, service: SearchService) -> None:
    def answers() -> bool:
        resources.live.refresh()
        return answering(service, Engine.QDRANT) == "qdrant"

    wait_for(answers)


def test_while_qdrant_is_frozen_faiss_answers_and_only_the_first_search_waits(
    resources: Resources, qdrant: FakeQdrant, caplog: pytest.LogCaptureFixture
) -> None:
    service = SearchService(resources)
    assert answering(service, Engine.QDRANT) == "qdrant"
    qdrant.answering.clear()
    qdrant.asked.clear()
    assert answering(service, Engine.FAISS) == "faiss"
    assert not qdrant.asked
    assert [answering(service, Engine.QDRANT) for _ in range(5)] == ["faiss"] * 5
    assert answering(service, Engine.AUTO) == "faiss"
    assert qdrant.asked == {"batch": 1}
    assert "cannot be reached" in resources.live.current().unavailable["qdrant"]
    qdrant.answering.set()
    wait_until_qdrant_answers(resources, service)
    told = [record.message for record in caplog.records if record.name == breaker.__name__]
    assert [message.partition(":")[0] for message in told] == [
        "the qdrant index is left out of searches until it works again",
        "the qdrant index works again",
    ]


def test_the_follower_notices_a_frozen_qdrant_and_faiss_keeps_following(
    resources: Resources, qdrant: FakeQdrant
) -> None:
    service = SearchService(resources)
    qdrant.answering.clear()
    qdrant.asked.clear()
    resources.live.refresh()
    add(resources, listing("nearest"), [angle(5)])
    resources.live.refresh()
    assert qdrant.asked.keys() == {"exists"}
    for engine in CHOICES:
        page = service.by_listing("query", SearchFields(engine=engine))
        assert [one.photo.listing.id for one in page.results] == ["nearest", "near"]
        assert page.origin.engine == "faiss"
    qdrant.answering.set()
    wait_until_qdrant_answers(resources, service)
    assert len(qdrant.points) == 3


def test_a_slow_qdrant_answers_within_its_time_and_is_left_out_beyond_it(
    resources: Resources, qdrant: FakeQdrant
) -> None:
    service = SearchService(resources)
    qdrant.delay_s = 0.2
    assert answering(service, Engine.QDRANT) == "qdrant"
    qdrant.delay_s = 5.0
    assert [answering(service, engine) for engine in (Engine.QDRANT, *CHOICES)] == ["faiss"] * 4
    qdrant.delay_s = 0.0
    wait_until_qdrant_answers(resources, service)


def test_a_dead_qdrant_is_left_out(resources: Resources, qdrant: FakeQdrant) -> None:
    qdrant.die()
    service = SearchService(resources)
    assert [answering(service, engine) for engine in (Engine.QDRANT, *CHOICES)] == ["faiss"] * 4
    resources.live.refresh()
    assert resources.live.current().opened.keys() == {"faiss"}


def test_a_qdrant_that_is_frozen_at_the_start_is_asked_once(
    resources: Resources, qdrant: FakeQdrant, tmp_path: Path
) -> None:
    resources.close()
    qdrant.answering.clear()
    qdrant.asked.clear()
    with resources_in(tmp_path / "data", qdrant_url=qdrant.url) as again:
        assert answering(SearchService(again), Engine.QDRANT) == "faiss"
        assert qdrant.asked == {"exists": 1}
        qdrant.answering.set()
        wait_until_qdrant_answers(again, SearchService(again))


def test_a_server_starts_without_qdrant_if_faiss_can_answer(
    resources: Resources, qdrant: FakeQdrant, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    resources.close()
    qdrant.die()
    with resources_in(tmp_path / "data", qdrant_url=qdrant.url) as again:
        wait_for_stores(again)
        assert answering(SearchService(again), Engine.QDRANT) == "faiss"
    assert "cannot be reached" in capsys.readouterr().err
    with (
        resources_in(tmp_path / "empty", qdrant_url=qdrant.url) as empty,
        pytest.raises(ServiceUnavailable, match="cannot be reached"),
    ):
        wait_for_stores(empty)


@contextmanager
def delaying(upstream: str, delay_s: Callable[[], float]) -> Iterator[str]:
    """Run a proxy that holds back each piece of an answer, and yield its URL."""
    host, _, port = upstream.removeprefix("http://").partition(":")
    ending = threading.Event()

    def pass_on(source: socket.socket, target: socket.socket, wait_s: Callable[[], float]) -> None:
        with suppress(OSError):
            while content := source.recv(65536):
                ending.wait(wait_s())
                target.sendall(content)
        with suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)
        source.close()

    def accept(listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                try:
                    server = socket.create_connection((host, int(port)))
                except ConnectionRefusedError:
                    client.close()
                    continue
                for ends in ((client, server, lambda: 0.0), (server, client, delay_s)):
                    threading.Thread(target=pass_on, args=ends, daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, args=[listener], daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        ending.set()


@pytest.mark.server
@pytest.mark.skipif(not QDRANT_BINARY, reason="LOOKALIKE_TEST_QDRANT_BINARY does not name a Qdrant server to run")
@pytest.mark.timeout(300)
def test_a_server_answers_from_faiss_while_a_real_qdrant_is_frozen_slow_or_dead(
    tmp_path: Path, tiny_bundle: Bundle, jpeg: MakeJpeg
) -> None:
    qdrant, delay_s, photo = QdrantServer(QDRANT_BINARY, tmp_path / "qdrant"), 0.0, jpeg(seed=1)
    with ExitStack() as stack:
        stack.callback(qdrant.kill)
        qdrant.start()
        url = stack.enter_context(delaying(qdrant.url, lambda: delay_s))
        _, client = stack.enter_context(serving(tmp_path, tiny_bundle, qdrant_url=url))
        form = {"title": "Lamp", "category": "Home & Garden"}
        answer = client.put("/v1/listings/lamp", data=form, files={"photos": ("a.jpg", photo)})
        assert answer.status_code == 201, answer.text
        wait_for(lambda: client.get("/v1/listings/lamp/similar").status_code == 200)
        wait_for(lambda: found_by(client, photo) == "qdrant")

        qdrant.freeze()
        assert all_found_by(client, photo) == ["faiss"] * 3
        qdrant.thaw()
        wait_for(lambda: found_by(client, photo) == "qdrant")

        delay_s = 30.0
        assert all_found_by(client, photo) == ["faiss"] * 3
        delay_s = 0.0
        wait_for(lambda: found_by(client, photo) == "qdrant")

        qdrant.kill()
        assert all_found_by(client, photo) == ["faiss"] * 3
        qdrant.start()
        wait_for(lambda: found_by(client, photo) == "qdrant")


def all_found_by(client: httpx.Client, photo: bytes) -> list[str]:
    """Search with each choice of an engine, and return the engines that answered."""
    asked = [{"engine": engine.value} for engine in (Engine.QDRANT, Engine.FAISS, Engine.AUTO)]
    answers = [client.post("/v1/search", data=form, files={"image": ("a.jpg", photo)}) for form in asked]
    assert [answer.status_code for answer in answers] == [200] * 3, [answer.text for answer in answers]
    return [str(answer.json()["engine"]) for answer in answers]
