"""Photos at the addresses of a slow host: no other call waits for them, and no search waits past its deadline."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from ipaddress import ip_network
from typing import TYPE_CHECKING

import pytest
from litestar.testing import TestClient

from services.errors import Overloaded
from services.ingest.app import create_app as create_ingest_app
from services.search.app import create_app
from services.search.service import SearchService
from services.search.stage_times import StageTimes
from services.wire import SearchFields
from tests.sites import Site, running_site
from tests.waiting import PATIENCE_S, wait_for
from tests.worlds import ingest, marketplace, resources_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future
    from pathlib import Path

    import httpx
    from litestar import Litestar

    from ml.bundle.bundle import Bundle
    from services.resources import Resources
    from tests.conftest import MakeJpeg

PER_HOST, MAX_WAITING = 4, 24


@pytest.fixture(scope="module")
def resources(tmp_path_factory: pytest.TempPathFactory, tiny_bundle: Bundle, jpeg: MakeJpeg) -> Iterator[Resources]:
    folder = tmp_path_factory.mktemp("slow_hosts")
    with resources_in(folder / "data", model=tiny_bundle) as opened:
        ingest(opened, marketplace(folder / "shop", jpeg, count=4).inputs)
        opened.settings.fetch_allow = (ip_network("127.0.0.1/32"),)
        yield opened


@pytest.fixture
def client(resources: Resources) -> Iterator[TestClient[Litestar]]:
    resources.settings.request_timeout_s = PATIENCE_S
    with TestClient(create_app(resources), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def site(jpeg: MakeJpeg) -> Iterator[Site]:
    with running_site() as running:
        running.photos["/photo.jpg"] = jpeg(seed=1)
        yield running


@contextmanager
def calls(call: Callable[[int], httpx.Response], count: int, site: Site) -> Iterator[list[Future[httpx.Response]]]:
    """Make the calls at the same time; in the block, the site answers none of those that have reached it."""
    with ThreadPoolExecutor(count) as threads:
        made = [threads.submit(call, number) for number in range(count)]
        try:
            wait_for(lambda: site.request_counts["/held"] == PER_HOST)
            yield made
        finally:
            site.released.set()


def test_other_calls_are_answered_while_searches_wait_for_a_slow_host(
    client: TestClient[Litestar], site: Site, jpeg: MakeJpeg
) -> None:
    count = PER_HOST + MAX_WAITING + 2
    with calls(lambda _: client.post("/v1/search", json={"image_url": f"{site.url}/held"}), count, site) as searches:
        refused = wait_for(lambda: [one.result() for one in searches if one.done()][:2])
        assert client.get("/v1/categories").status_code == 200
        assert client.get("/v1/listings/listing-1").status_code == 200
        assert client.get("/v1/photos/1/thumbnail").status_code == 200
        assert client.get("/v1/listings/listing-1/similar").status_code == 200
        assert client.post("/v1/search", files={"image": ("photo.jpg", jpeg(seed=1))}).status_code == 200
        assert client.post("/v1/search", json={"image_url": site.url + "/photo.jpg"}).status_code == 503
        assert site.request_counts["/held"] == PER_HOST, "the slow host has answered nothing yet"
    assert {one.status_code for one in refused} == {503}
    assert refused[0].headers["Retry-After"]
    assert "127.0.0.1" in refused[0].json()["detail"]
    answered = [one.result().status_code for one in searches]
    assert (answered.count(200), answered.count(503)) == (PER_HOST + MAX_WAITING, 2)
    assert site.max_simultaneous == PER_HOST


def test_a_batch_waits_for_a_slow_host_without_holding_up_other_calls(client: TestClient[Litestar], site: Site) -> None:
    body = {"queries": [{"image_url": f"{site.url}/held"}] * 20}
    with calls(lambda _: client.post("/v1/search/batch", json=body), 1, site) as (batch,):
        assert client.get("/v1/categories").status_code == 200
        assert not batch.done()
    assert all("answer" in one for one in batch.result().json()["answers"])


def test_a_search_of_a_slow_host_ends_at_its_deadline(
    client: TestClient[Litestar], resources: Resources, site: Site
) -> None:
    resources.settings.request_timeout_s = 0.5
    answer = client.post("/v1/search", json={"image_url": f"{site.url}/held"})
    assert (answer.status_code, answer.json()["reason"]) == (422, "unreachable")
    assert "Send the search again later" in answer.json()["detail"]
    assert not site.released.is_set()


def test_waiting_for_the_turn_of_a_host_ends_at_the_deadline(
    client: TestClient[Litestar], resources: Resources, site: Site
) -> None:
    with calls(lambda _: client.post("/v1/search", json={"image_url": f"{site.url}/held"}), PER_HOST, site):
        resources.settings.request_timeout_s = 0.5
        answer = client.post("/v1/search", json={"image_url": f"{site.url}/held"})
        assert (answer.status_code, answer.json()["title"]) == (503, "Unavailable")
        assert "other downloads from 127.0.0.1 take too long" in answer.json()["detail"]


def test_a_malformed_search_is_refused_before_its_photo_is_fetched(client: TestClient[Litestar], site: Site) -> None:
    url = f"{site.url}/photo.jpg"
    for fields in ({"k": 0}, {"category": ["Nonsense"]}, {"crop": "0,0,2,2"}, {"listing_id": "listing-1"}):
        assert client.post("/v1/search", json={"image_url": url, **fields}).status_code == 400
    assert site.request_counts == {}


def test_the_time_that_a_request_waits_for_a_thread_counts_towards_its_deadline(resources: Resources) -> None:
    service = SearchService(resources)
    with pytest.raises(Overloaded, match="took longer"):
        service.by_listing("listing-1", SearchFields(), StageTimes(-1))


@pytest.mark.slow
def test_listings_are_deleted_while_others_wait_for_a_slow_host(
    tmp_path: Path, site: Site, tiny_bundle: Bundle, live_data: Path
) -> None:
    body, count = {"title": "Lamp", "category": "Lamps", "photos": [f"{site.url}/held"]}, PER_HOST + 8 + 2
    with resources_in(tmp_path / "data", model=tiny_bundle, like=live_data) as resources:
        resources.settings.fetch_allow = (ip_network("127.0.0.1/32"),)
        with TestClient(create_ingest_app(resources), raise_server_exceptions=False) as client:
            assert client.put("/v1/listings/first", json={**body, "photos": []}).status_code == 201
            with calls(lambda at: client.put(f"/v1/listings/lamp-{at}", json=body), count, site) as writes:
                wait_for(lambda: sum(one.done() for one in writes) == 2)
                assert client.delete("/v1/listings/first").status_code == 204
            statuses = [one.result().status_code for one in writes]
    assert (statuses.count(201), statuses.count(503)) == (count - 2, 2)
