"""Fetching photos from sites that lead inside, never end, lie or fail: real sockets on loopback."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from ipaddress import ip_network
from typing import TYPE_CHECKING

import pytest

from services.errors import PhotoRejected
from services.fetching.photo_fetcher import FetchLimits, PhotoFetcher
from tests.sites import BOMB, Site, running_site
from tests.waiting import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

HERE = (ip_network("127.0.0.1/32"),)
LIMITS = FetchLimits(max_bytes=10_000, allowed=HERE, wait_s=1.0, total_s=2.0, pause_s=0.01)
PATIENT = replace(LIMITS, wait_s=PATIENCE_S, total_s=PATIENCE_S)

LOOPBACK = (
    "127.0.0.1", "127.1", "127.0.1", "127.000.000.001", "127.8.8.8", "2130706433", "0x7f000001", "0x7f.0.0.1", "0x7f.1",
    "017700000001", "0177.0.0.1", "0", "0.0.0.0", "localhost", "LOCALHOST", "localhost.", "[::1]", "[0:0:0:0:0:0:0:1]",
    "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "127。0。0。1", "①②⑦.⓪.⓪.①",
)  # fmt: skip
"""Forms of this very machine, at which a server listens."""

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
    made = PhotoFetcher(LIMITS)
    yield made
    made.close()


@pytest.fixture(scope="module")
def patient() -> Iterator[PhotoFetcher]:
    """A fetcher for what arrives, on a slow machine too."""
    made = PhotoFetcher(PATIENT)
    yield made
    made.close()


def refused(url: str, limits: FetchLimits = LIMITS, *answers: Sequence[str]) -> str:
    """Return the reason for which the URL is refused; `answers` are what the resolver says, one after the other."""
    pending = iter(answers)
    made = PhotoFetcher(limits, resolve=(lambda _host, _port: next(pending)) if answers else None)
    try:
        return refused_by(made, url)
    finally:
        made.close()


def refused_by(fetcher: PhotoFetcher, url: str) -> str:
    """Return the reason for which the URL is refused."""
    with pytest.raises(PhotoRejected) as caught:
        fetcher.fetch(url)
    return caught.value.reason


@pytest.fixture(scope="module")
def strict() -> Iterator[PhotoFetcher]:
    """A fetcher that may ask public addresses alone, and asks once."""
    made = PhotoFetcher(replace(LIMITS, allowed=(), tries=1))
    yield made
    made.close()


@pytest.mark.parametrize("host", LOOPBACK)
def test_no_form_of_this_machine_is_asked(host: str, site: Site, strict: PhotoFetcher) -> None:
    reason = refused_by(strict, f"http://{host}:{site.server_port}/photo.jpg")
    assert reason in {"forbidden_address", "bad_url", "unreachable"}  # not every system knows every form
    assert not site.asked


@pytest.mark.parametrize("host", ELSEWHERE)
def test_no_address_that_is_not_public_is_asked(host: str, fetcher: PhotoFetcher) -> None:
    assert refused_by(fetcher, f"http://{host}/photo.jpg") in {"forbidden_address", "bad_url"}


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "ftp://example.com/a.jpg", "gopher://example.com/", "http:///a.jpg", "http://", "photo.jpg",
     "http://user:secret@example.com/a.jpg", "http://[::1/", "http://xn--a/", "http://h:99999999999999999999/",
     "http://h:65536/"],
)  # fmt: skip
def test_what_is_no_plain_http_url_is_refused(url: str, fetcher: PhotoFetcher) -> None:
    assert refused_by(fetcher, url) == "bad_url"


def test_a_password_in_a_url_is_not_repeated() -> None:
    made = PhotoFetcher(LIMITS)
    with pytest.raises(PhotoRejected) as caught:
        made.fetch("http://user:secret@example.com/")
    made.close()
    assert "secret" not in str(caught.value)


def test_a_name_is_judged_by_where_it_leads() -> None:
    assert refused("http://metadata.google.internal/", LIMITS, ["169.254.169.254"]) == "forbidden_address"


def test_a_name_that_leads_inside_as_well_is_not_asked_at_all(site: Site) -> None:
    inside = f"http://half.example:{site.server_port}/photo.jpg"
    assert refused(inside, LIMITS, ["127.0.0.1", "10.0.0.1"]) == "forbidden_address"
    assert not site.asked


def test_a_name_that_leads_elsewhere_a_moment_later_is_connected_to_where_it_was_checked(site: Site) -> None:
    answers = iter([["127.0.0.1"], ["127.0.0.2"]])
    made = PhotoFetcher(PATIENT, resolve=lambda _host, _port: next(answers))
    url = f"http://rebinding.example:{site.server_port}/photo.jpg"
    with running_site("127.0.0.2", site.server_port) as inside:
        assert made.fetch(url) == b"photo"
        with pytest.raises(PhotoRejected) as caught:
            made.fetch(url)  # the site closes its connections, so this is another one
        assert not inside.asked
    made.close()
    assert caught.value.reason == "forbidden_address"


def test_an_allowed_network_is_asked(site: Site, patient: PhotoFetcher) -> None:
    assert patient.fetch(f"{site.url}/photo.jpg") == b"photo"


def test_the_first_address_that_answers_is_taken(site: Site) -> None:
    limits = replace(PATIENT, allowed=(ip_network("127.0.0.0/8"),))
    made = PhotoFetcher(limits, resolve=lambda _host, _port: ["127.0.0.9", "127.0.0.1"])
    assert made.fetch(f"http://two.example:{site.server_port}/photo.jpg") == b"photo"
    made.close()


def test_a_redirect_is_followed(site: Site, patient: PhotoFetcher) -> None:
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
        ("/moved", "unreachable"),  # round and round
    ],
)
def test_a_redirect_is_checked_like_a_url(site: Site, fetcher: PhotoFetcher, target: str, reason: str) -> None:
    site.redirects = {"/moved": target.format(port=site.server_port)}
    with running_site("127.0.0.2", site.server_port) as inside:
        assert refused_by(fetcher, f"{site.url}/moved") == reason
        assert not inside.asked


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/none.jpg", "unreachable"),
        ("/dripping", "unreachable"),
        ("/dripping-headers", "unreachable"),
        ("/silent", "unreachable"),
        ("/promising-more", "unreachable"),
        ("/promising-too-much", "too_large"),
        ("/endless", "too_large"),
    ],
)
def test_slow_endless_and_lying_answers_are_given_up(site: Site, fetcher: PhotoFetcher, path: str, reason: str) -> None:
    assert refused_by(fetcher, f"{site.url}{path}") == reason


def test_a_compressed_answer_is_not_inflated(site: Site, patient: PhotoFetcher) -> None:
    assert patient.fetch(f"{site.url}/bomb") == BOMB


def test_what_may_pass_is_tried_again(site: Site, patient: PhotoFetcher) -> None:
    assert patient.fetch(f"{site.url}/flaky") == b"photo"


def test_what_will_not_pass_is_asked_once(site: Site) -> None:
    assert refused(f"{site.url}/none.jpg") == "unreachable"
    assert site.asked["/none.jpg"] == 1


def test_a_host_that_does_not_listen_is_unreachable() -> None:
    with running_site() as site:
        url = f"{site.url}/photo.jpg"
    assert refused(url) == "unreachable"


def test_a_name_that_does_not_exist_is_unreachable() -> None:
    assert refused("http://no-such-host.invalid/photo.jpg") == "unreachable"


def test_a_deadline_that_several_fetches_share_bounds_each(site: Site) -> None:
    made = PhotoFetcher(PATIENT)
    with made.within(0.5), pytest.raises(PhotoRejected):
        made.fetch(f"{site.url}/dripping")
    assert made.fetch(f"{site.url}/slow-to-answer") == b"photo"
    made.close()


def test_a_host_is_asked_by_so_many_at_once_and_no_more(site: Site) -> None:
    made = PhotoFetcher(replace(PATIENT, per_host=2))
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(made.fetch, [f"{site.url}/slow-to-answer"] * 8))
    made.close()
    assert found == [b"photo"] * 8
    assert site.at_once == 2
