"""Five listings at known angles, for tests that change nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from litestar.testing import TestClient

from services.search.app import create_app
from services.search.service import SearchService
from tests.angles import add, angle, listing, world

if TYPE_CHECKING:
    from collections.abc import Iterator

    from litestar import Litestar

    from services.resources import Resources

_LAST_YEAR = datetime.now(UTC) - timedelta(days=300)


@pytest.fixture(scope="package")
def five_listings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Resources]:
    """Listings of three sellers; from 'query', 'near' is 10 degrees away, 'twin' 11, 'far' 40, 'opposite' 170."""
    with world(tmp_path_factory.mktemp("five_listings")) as opened:
        query = listing("query", seller="ann", price=Decimal(100))
        add(opened, query, [angle(0)])
        add(opened, replace(query, listing_id="near", seller="bob", price=Decimal(400)), [angle(10)])
        add(opened, replace(query, listing_id="twin", seller="ann", listed_at=_LAST_YEAR), [angle(11)])
        far = replace(query, listing_id="far", seller="", currency="EUR", location="Lyon", region="Lyon")
        add(opened, far, [angle(40, axis=2)])
        add(opened, replace(query, listing_id="opposite", seller="cid"), [angle(170)])
        opened.live.refresh()
        yield opened


@pytest.fixture(scope="package")
def five_service(five_listings: Resources) -> SearchService:
    return SearchService(five_listings)


@pytest.fixture(scope="package")
def five_client(five_listings: Resources) -> Iterator[TestClient[Litestar]]:
    with TestClient(create_app(five_listings), raise_server_exceptions=False) as opened:
        yield opened
