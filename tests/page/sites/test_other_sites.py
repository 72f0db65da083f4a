"""What a page of another site cannot do to a server without keys, tried in Chromium."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

import pytest

from tests.page.browsing import FOREIGN_HOST
from tests.sites import running_site

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page, Response

    from tests.page.browsing import Demo

SEND = {
    "a form": """target => {
        const form = Object.assign(document.createElement('form'), {method: 'post', action: target + '/v1/listings'});
        form.enctype = 'multipart/form-data';
        for (const name of ['listing_id', 'title', 'category']) {
            form.append(Object.assign(document.createElement('input'), {name, value: 'planted'}));
        }
        document.body.append(form);
        form.submit();
    }""",
    "JSON sent as text": """target => fetch(target + '/v1/listings', {
        method: 'POST', mode: 'no-cors', headers: {'Content-Type': 'text/plain'},
        body: JSON.stringify({listing_id: 'planted', title: 'planted', category: 'planted'}),
    })""",
    "a beacon": "target => navigator.sendBeacon(target + '/v1/listings', new URLSearchParams({listing_id: 'planted'}))",
    "a call without a body": "target => fetch(target + '/v1/admin/reindex', {method: 'POST', mode: 'no-cors'})",
    "a reading call": "target => fetch(target + '/v1/listings/planted', {mode: 'no-cors'})",
}


@pytest.fixture
def foreign_page(browser: Browser) -> Iterator[Page]:
    """A page on a site of another name, whose address is on loopback too."""
    with running_site() as elsewhere:
        elsewhere.photos["/"] = b"<!doctype html><title>Elsewhere</title>"
        opened = browser.new_page()
        opened.goto(f"http://{FOREIGN_HOST}:{elsewhere.server_port}/")
        yield opened
        opened.close()


@pytest.mark.parametrize("send", SEND.values(), ids=SEND)
def test_a_page_of_another_site_changes_and_reads_nothing(foreign_page: Page, demo: Demo, send: str) -> None:
    def is_of_demo(response: Response) -> bool:
        return response.url.startswith(demo.url)

    with foreign_page.expect_response(is_of_demo) as answered:
        foreign_page.evaluate(send, demo.url)
    assert answered.value.status == 403
    with demo.client() as client:
        assert client.get("/v1/listings/planted").status_code == 404
        assert client.get("/v1/jobs", params={"state": "queued"}).json()["jobs"] == []


@pytest.mark.parametrize("path", ["/", "/docs", "/v1/listings"])
def test_under_a_foreign_name_that_points_here_nothing_opens(browser: Browser, demo: Demo, path: str) -> None:
    opened = browser.new_page()
    answer = opened.goto(demo.url.replace("127.0.0.1", FOREIGN_HOST) + path)
    opened.close()
    assert answer is not None
    assert answer.status == HTTPStatus.MISDIRECTED_REQUEST
