"""When signed URLs expire, and what error a server's answer becomes."""

from __future__ import annotations

import pytest

from services.fetching.refusals import expiry, is_web_page, refusal

PAST = "2020-01-01T00:00:00+00:00"


@pytest.mark.parametrize(
    "query",
    [
        "X-Amz-Date=20191231T230000Z&X-Amz-Expires=3600&X-Amz-Signature=aa",
        "X-Goog-Date=20191231T230000Z&X-Goog-Expires=3600",
        "x-oss-date=20191231T230000Z&x-oss-expires=3600",
        "AWSAccessKeyId=A&Expires=1577836800&Signature=aa",
        "sv=2019&se=2020-01-01T00%3A00%3A00Z&sig=aa",
        "sv=2019&se=2020-01-01&sig=aa",
        "oh=aa&oe=5E0BE100",
        "ex=5E0BE100&is=5E0BE0F0&hm=aa",
        "q-sign-algorithm=sha1&q-sign-time=1577833200;1577836800&q-signature=aa",
        "hdnts=st=1~exp=1577836800~acl=/*~hmac=aa",
    ],
)
def test_reads_when_a_signed_url_expires(query):
    until = expiry(f"https://x.example/a.jpg?{query}")
    assert until is not None
    assert until.isoformat() == PAST


@pytest.mark.parametrize(
    "query",
    [
        "",
        "expires=never",
        "X-Amz-Date=x&X-Amz-Expires=1",
        "se=x&sig=",
        "expires=9" + "9" * 40,
        "oe=zz&oh=1",
        "q-sign-time=1",
    ],
)
def test_other_urls_do_not_say_when_they_expire(query):
    assert expiry(f"https://x.example/a.jpg?{query}") is None


@pytest.mark.parametrize(
    ("query", "status", "body", "reason"),
    [
        ("Expires=1577836800", 403, b"", "expired_url"),
        ("Expires=1577836800", 410, b"", "expired_url"),
        ("Expires=4102444800", 403, b"AccessDenied", "unreachable"),
        ("Expires=1577836800", 500, b"", "unreachable"),
        ("X-Amz-Security-Token=a", 400, b"<Code>ExpiredToken</Code>", "expired_url"),
        ("sig=a", 403, b"Signature not valid in the specified time frame", "expired_url"),
        ("token=a", 403, b"Token has expired", "expired_url"),
        ("", 403, b"<Code>AccessDenied</Code><Message>Request has expired</Message>", "expired_url"),
        ("", 400, b"<Code>ExpiredToken</Code><Message>The provided token has expired.</Message>", "expired_url"),
        ("", 403, b"Signature not valid in the specified time frame: Start [a] - Expiry [b]", "expired_url"),
        ("_nc_cat=1", 403, b"URL signature expired", "expired_url"),
        ("", 403, b"Bad URL timestamp", "expired_url"),
        ("", 410, b'{"error": "This link has expired"}', "expired_url"),
        ("", 401, b'{"message": "signed url expired"}', "expired_url"),
        ("", 403, b"SignatureExpired", "expired_url"),
        ("", 403, b"your session has expired", "unreachable"),
        ("", 403, b"Token has expired. Please log in.", "unreachable"),
        ("", 403, b"The link you followed may have expired", "unreachable"),
        ("", 403, b"<Code>AccessDenied</Code><Message>Access denied</Message>", "unreachable"),
        ("", 404, b"This link has expired or never existed", "not_found"),
        ("", 401, b"", "unreachable"),
        ("", 404, b"", "not_found"),
        ("", 410, b"", "not_found"),
        ("", 406, b"", "unreachable"),
        ("", 799, b"", "unreachable"),
    ],
)
def test_explains_why_a_server_refuses(query, status, body, reason):
    error = refusal(f"https://x.example/a.jpg?{query}", status, body)
    assert error.reason == reason
    assert str(status) in str(error)


@pytest.mark.parametrize(
    ("content", "expected"),
    [(b"\n<!doctype HTML>", True), (b"\xef\xbb\xbf<!-- x --><html lang='en'>", True), (b"<svg>", False),
     (b"<?xml version='1.0'?><svg/>", False), (b"\xff\xd8\xff", False), (b"", False), (b"<header>", False)],
)  # fmt: skip
def test_recognises_a_web_page(content, expected):
    assert is_web_page(content) is expected
