"""No answer can be framed or taken for another type, and no page loads anything from other hosts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from litestar import Litestar
    from litestar.testing import TestClient

PATHS = [
    "/",
    "/listing",
    "/admin",
    "/docs",
    "/docs/openapi.json",
    "/docs/assets/swagger-ui.css",
    "/metrics",
    "/health/live",
    "/v1/categories",
    "/v1/photos/1",
    "/nowhere",
]


def test_every_answer_has_them(client: TestClient[Litestar]) -> None:
    for path in PATHS:
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert "frame-ancestors 'none'" in policy, path
        assert "base-uri 'none'" in policy, path
        assert "form-action 'none'" in policy, path
        assert (headers["x-content-type-options"], headers["x-frame-options"]) == ("nosniff", "DENY"), path
        assert (headers["referrer-policy"], headers["cross-origin-opener-policy"]) == ("no-referrer", "same-origin")


@pytest.mark.parametrize(
    ("path", "source"), [("/", "'none'"), ("/docs", "'self' 'unsafe-inline'"), ("/v1/jobs", "'none'")]
)
def test_no_answer_loads_from_other_hosts(client: TestClient[Litestar], path: str, source: str) -> None:
    policy = client.get(path).headers["content-security-policy"]
    assert policy.startswith(f"default-src {source};")
    assert "http" not in policy
