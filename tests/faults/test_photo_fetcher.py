"""Downloading photos from hostile or broken sites, over real sockets on loopback."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from ipaddress import ip_network
from typing import TYPE_CHECKING

import pytest

from services.errors import PhotoRejected
from services.fetching.photo_fetcher import FetchLimits, PhotoFetcher, accept_header
from tests.sites import Site, running_site
from tests.waiting import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

HERE = (ip_network("127.0.0.1/32"),)
LIMITS = FetchLimits(max_bytes=10_000, allowed=HERE, timeout_s=1.0, total_s=2.0, pause_s=0.01)
PATIENT = replace(LIMITS, timeout_s=PATIENCE_S, total_s=PATIENCE_S)

LOOPBACK = (
    "127.0.0.1", "127.1", "127.0.1", "127.000.000.001", "127.8.8.8", "2130706433", "0x7f000001", "0x7f.0.0.1", "0x7f.1",
    "017700000001", "0177.0.0.1", "0", "0.0.0.0", "localhost", "LOCALHOST", "localhost.", "[::1]", "[0:0:0:0:0:0:0:1]",
    "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "127。0。0。1", "①②⑦.⓪.⓪.①",
)  # fmt: skip
"""Notations of this machine's own addresses, where a server listens."""

ELSEWHERE = (
    "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "198.18.0.1", "192.0.2.1",
    "0xa000001", "167772161", "012.0.0.1", "240.0.0.1", "255.255.255.255", "224.0.0.1", "239.255.255.250",
    "169.254.169.254", "0xa9fea9fe", "2852039166", "100.100.100.200", "192.0.0.192", "168.63.129.16", "192.88.99.1",
    "[fe80::1]", "[fd00:ec2::254]", "[fc00::1]", "[ff02::1]", "[64:ff9b::7f00:1]", "[64:ff9b::a9fe:a9fe]",
    "[64:ff9b:1::a00:1]", "[2002:7f00:1::]", "[2002:a9fe:a9fe::1]", "[2001:0:7f00:1::]", "[2001:db8::1]",
    "[::ffff:8.8.8.8]", "[::ffff:169.254.169.254]", "[fec0::1]",
)  # fmt: skip
"""Private, link-local, multicast and reserved networks, metadata services, IPv4 inside IPv6."""


@pytest.fixture
def site() -> Iterator[Site]:
    with running_site() as running:
        yield running


@pytest.fixture(scope="module")
def fetcher() -> Iterator[PhotoFetcher]:
    fetcher = PhotoFetcher(LIMITS)
    yield fetcher
    fetcher.close()


@pytest.fixture(scope="module")
def patient() -> Iterator[PhotoFetcher]:
    """A fetcher with long timeouts, for downloads that succeed even on a slow machine."""
    fetcher = PhotoFetcher(PATIENT)
    yield fetcher
    fetcher.close()


def rejection(url: str, limits: FetchLimits = LIMITS, *resolved: Sequence[str]) -> str:
    """Return the reason code of a URL; `resolved` are the successive answers of the resolver."""
    pending = iter(resolved)
    fetcher = PhotoFetcher(limits, resolve=(lambda _host, _port: next(pending)) if resolved else None)
    try:
        return rejection_by(fetcher, url)
    finally:
        fetcher.close()


def rejection_by(fetcher: PhotoFetcher, url: str) -> str:
    """Return the reason code with which the fetcher rejects a URL."""
    with pytest.raises(PhotoRejected) as caught:
        fetcher.fetch(url)
    return caught.value.reason


@pytest.fixture(scope="module")
def strict() -> Iterator[PhotoFetcher]:
    """A fetcher without allowed networks and without retries."""
    fetcher = PhotoFetcher(replace(LIMITS, allowed=(), tries=1))
    yield fetcher
    fetcher.close()


@pytest.mark.parametrize("host", LOOPBACK)
def test_never_connects_to_this_machine_in_any_notation(host: str, site: Site, strict: PhotoFetcher) -> None:
    reason = rejection_by(strict, f"http://{host}:{site.server_port}/photo.jpg")
    assert reason in {"forbidden_address", "bad_url", "unreachable"}  # some systems do not know some notations
    assert not site.request_counts


@pytest.mark.parametrize("host", ELSEWHERE)
def test_rejects_addresses_that_are_not_public(host: str, fetcher: PhotoFetcher) -> None:
    assert rejection_by(fetcher, f"http://{host}/photo.jpg") in {"forbidden_address", "bad_url"}


@pytest.mark.parametrize(
    "url",
    ["http:///a.jpg", "http://", "photo.jpg", "http://user:secret@example.com/a.jpg", "http://[::1/", "http://xn--a/", "http://h:99999999999999999999/",
     "http://h:65536/"],
)  # fmt: skip
def test_rejects_urls_that_are_not_plain_http(url: str, fetcher: PhotoFetcher) -> None:
    assert rejection_by(fetcher, url) == "bad_url"


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://example.com/a.jpg", "s3://bucket/a.jpg"])
def test_rejects_other_schemes_with_a_reason_of_their_own(url: str, fetcher: PhotoFetcher) -> None:
    assert rejection_by(fetcher, url) == "unsupported_url"


def test_does_not_repeat_a_password_in_the_error() -> None:
    fetcher = PhotoFetcher(LIMITS)
    with pytest.raises(PhotoRejected) as caught:
        fetcher.fetch("http://user:secret@example.com/")
    fetcher.close()
    assert "secret" not in str(caught.value)


def test_checks_the_address_that_a_name_resolves_to() -> None:
    assert rejection("http://metadata.google.internal/", LIMITS, ["169.254.169.254"]) == "forbidden_address"


def test_rejects_a_name_with_one_private_address_among_others(site: Site) -> None:
    url = f"http://half.example:{site.server_port}/photo.jpg"
    assert rejection(url, LIMITS, ["127.0.0.1", "10.0.0.1"]) == "forbidden_address"
    assert not site.request_counts


def test_connects_to_the_checked_address_despite_dns_rebinding(site: Site) -> None:
    answers = iter([["127.0.0.1"], ["127.0.0.2"]])
    fetcher = PhotoFetcher(PATIENT, resolve=lambda _host, _port: next(answers))
    url = f"http://rebinding.example:{site.server_port}/photo.jpg"
    with running_site("127.0.0.2", site.server_port) as inside:
        assert fetcher.fetch(url) == b"photo"
        with pytest.raises(PhotoRejected) as caught:
            fetcher.fetch(url)  # on a new connection, since the site closes each one
        assert not inside.request_counts
    fetcher.close()
    assert caught.value.reason == "forbidden_address"


def test_fetches_from_an_allowed_network(site: Site, patient: PhotoFetcher) -> None:
    assert patient.fetch(f"{site.url}/photo.jpg") == b"photo"


def test_tries_the_addresses_of_a_host_in_order(site: Site) -> None:
    limits = replace(PATIENT, allowed=(ip_network("127.0.0.0/8"),))
    fetcher = PhotoFetcher(limits, resolve=lambda _host, _port: ["127.0.0.9", "127.0.0.1"])
    assert fetcher.fetch(f"http://two.example:{site.server_port}/photo.jpg") == b"photo"
    fetcher.close()


def test_follows_redirects(site: Site, patient: PhotoFetcher) -> None:
    site.redirects = {"/moved": "/again", "/again": f"{site.url}/photo.jpg"}
    assert patient.fetch(f"{site.url}/moved") == b"photo"


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("http://127.0.0.2:{port}/photo.jpg", "forbidden_address"),
        ("//2130706434:{port}/photo.jpg", "forbidden_address"),
        ("http://169.254.169.254/latest/meta-data/", "forbidden_address"),
        ("file:///etc/passwd", "bad_url"),
        ("http://[", "unreachable"),
        ("javascript:1", "bad_url"),
        ("//xn--a/", "bad_url"),
        ("http://h:99999999999999999999/", "bad_url"),
        ("/moved", "unreachable"),  # endless
    ],
)
def test_checks_the_target_of_a_redirect(site: Site, fetcher: PhotoFetcher, target: str, reason: str) -> None:
    site.redirects = {"/moved": target.format(port=site.server_port)}
    with running_site("127.0.0.2", site.server_port) as inside:
        assert rejection_by(fetcher, f"{site.url}/moved") == reason
        assert not inside.request_counts


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/none.jpg", "not_found"),
        ("/bomb", "too_large"),
        ("/brotli", "unreachable"),
        ("/cut-gzip", "unreachable"),
        ("/page", "not_an_image"),
        ("/403", "unreachable"),
        ("/expired", "expired_url"),
        ("/expired?X-Amz-Date=20991231T000000Z&X-Amz-Expires=60", "expired_url"),
        ("/promising-more", "unreachable"),
        ("/promising-too-much", "too_large"),
        ("/endless", "too_large"),
    ],
)
def test_gives_up_on_slow_endless_and_false_answers(site: Site, fetcher: PhotoFetcher, path: str, reason: str) -> None:
    assert rejection_by(fetcher, f"{site.url}{path}") == reason


@pytest.mark.parametrize("path", ["/dripping", "/dripping-headers", "/silent"])
def test_gives_up_on_an_answer_that_does_not_end_in_time(site: Site, path: str) -> None:
    hasty = PhotoFetcher(replace(LIMITS, timeout_s=0.2, total_s=0.5))
    try:
        assert rejection_by(hasty, f"{site.url}{path}") == "unreachable"
    finally:
        hasty.close()


def test_decompresses_an_answer_that_should_not_be_compressed(site: Site, patient: PhotoFetcher) -> None:
    assert patient.fetch(f"{site.url}/gzip") == patient.fetch(f"{site.url}/deflate") == b"photo"


def test_takes_a_photo_as_it_is_that_only_claims_to_be_compressed(site: Site, patient: PhotoFetcher) -> None:
    assert patient.fetch(f"{site.url}/gzip-by-name-only") == b"photo"


def test_asks_for_the_formats_that_are_read_under_its_own_name(site: Site, patient: PhotoFetcher) -> None:
    patient.fetch(f"{site.url}/photo.jpg")
    headers = site.last_headers
    assert headers["Accept"] == accept_header()
    assert headers["Accept"].startswith("image/jpeg;q=1.0, image/png;q=0.9")
    assert "*" not in headers["Accept"]
    assert "Lookalike/" in headers["User-Agent"]


def test_names_itself_as_the_operator_wants(site: Site) -> None:
    fetcher = PhotoFetcher(PATIENT, user_agent="Shop/1.0")
    fetcher.fetch(f"{site.url}/photo.jpg")
    fetcher.close()
    assert site.last_headers["User-Agent"] == "Shop/1.0"


@pytest.mark.parametrize("path", ["/busy-for-a-second", "/busy-until-a-date"])
def test_waits_as_long_as_the_server_asks(path: str, site: Site, patient: PhotoFetcher) -> None:
    assert patient.fetch(f"{site.url}{path}") == b"photo"
    assert site.request_counts[path] == 2


def test_does_not_wait_longer_than_the_time_limit(site: Site) -> None:
    fetcher = PhotoFetcher(PATIENT)
    for _ in range(2):
        with pytest.raises(PhotoRejected, match=r"answers 429|asks to wait") as caught:
            fetcher.fetch(f"{site.url}/busy-for-hours")
    fetcher.close()
    assert caught.value.reason == "unreachable"
    assert site.request_counts["/busy-for-hours"] == 1  # the host has asked for a pause


def test_stops_asking_a_host_that_never_answers(site: Site) -> None:
    fetcher = PhotoFetcher(replace(LIMITS, timeout_s=0.05, tries=1, per_host=20))
    with ThreadPoolExecutor(12) as pool:
        reasons = list(pool.map(lambda _: rejection_by(fetcher, f"{site.url}/silent"), range(12)))
    asked = site.request_counts["/silent"]
    with pytest.raises(PhotoRejected, match="did not answer the last"):
        fetcher.fetch(f"{site.url}/photo.jpg")
    fetcher.close()
    assert reasons == ["unreachable"] * 12
    assert site.request_counts == {"/silent": asked}


def test_waits_for_a_busy_host_no_longer_than_the_time_limit(site: Site) -> None:
    fetcher = PhotoFetcher(replace(PATIENT, per_host=1))
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(rejection_by, fetcher, f"{site.url}/silent")
        while not site.request_counts:
            time.sleep(0.01)
        with fetcher.time_limit(0.1), pytest.raises(PhotoRejected, match="other downloads"):
            fetcher.fetch(f"{site.url}/photo.jpg")
        site.closing.set()
        assert slow.result() == "unreachable"
    fetcher.close()


def test_reads_a_photo_out_of_a_data_url(patient: PhotoFetcher) -> None:
    assert patient.fetch("data:image/png;base64,cGhvdG8=") == b"photo"
    assert patient.fetch("DATA:image/png;base64,cGhv%0AdG8%3D") == b"photo"
    assert patient.fetch("data:image/svg+xml,%3Csvg%3E") == b"<svg>"


@pytest.mark.parametrize(
    ("url", "reason"),
    [("data:image/png;base64,cGhvdG8", "bad_url"), ("data:image/png;base64,?", "bad_url"),
     ("data:image/png;base64," + "A" * 16_000, "too_large")],
)  # fmt: skip
def test_rejects_damaged_and_large_data_urls(url: str, reason: str, fetcher: PhotoFetcher) -> None:
    assert rejection_by(fetcher, url) == reason


def test_retries_after_a_temporary_error(site: Site, patient: PhotoFetcher) -> None:
    assert patient.fetch(f"{site.url}/flaky") == b"photo"


def test_does_not_retry_after_a_permanent_error(site: Site) -> None:
    assert rejection(f"{site.url}/none.jpg") == "not_found"
    assert site.request_counts["/none.jpg"] == 1


def test_rejects_a_host_that_does_not_listen_as_unreachable() -> None:
    with running_site() as site:
        url = f"{site.url}/photo.jpg"
    assert rejection(url) == "unreachable"


def test_rejects_an_unknown_host_name_as_unreachable() -> None:
    assert rejection("http://no-such-host.invalid/photo.jpg") == "unreachable"


def test_a_time_limit_ends_a_slow_download(site: Site) -> None:
    fetcher = PhotoFetcher(PATIENT)
    with fetcher.time_limit(0.5), pytest.raises(PhotoRejected):
        fetcher.fetch(f"{site.url}/dripping")
    assert fetcher.fetch(f"{site.url}/slow-to-answer") == b"photo"
    fetcher.close()


def test_limits_the_simultaneous_downloads_from_a_host(site: Site) -> None:
    fetcher = PhotoFetcher(replace(PATIENT, per_host=2))
    with ThreadPoolExecutor(8) as pool:
        photos = list(pool.map(fetcher.fetch, [f"{site.url}/slow-to-answer"] * 8))
    fetcher.close()
    assert photos == [b"photo"] * 8
    assert site.max_simultaneous == 2
