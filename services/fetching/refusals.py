"""Explains answers with an error status: expired URLs, missing photos, servers that refuse this program. Pure."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from http import HTTPStatus
from urllib.parse import parse_qsl, urlsplit

from services.errors import PhotoRejected
from services.reason_codes import RejectReason

_MAYBE_EXPIRED = frozenset(
    {HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.GONE}
)
_SAYS_EXPIRED = re.compile(
    rb"(?i)request has expired|>expired ?(?:token|request)<"
    rb"|signature not valid in the specified time frame|signed expiry time|bad url timestamp"
    rb"|\b(?:url|link|signature)(?: signature)?(?: has| is| was)? expired|\bsignature ?expired"
)
"""In the answers of S3, stores that imitate it and Google Cloud Storage; Azure and Facebook; others."""

_SAYS_EXPIRED_IF_SIGNED = re.compile(rb"(?i)expired ?token|(?:url|link|policy|token)[\w ]{0,20} (?:has |is )?expired")
"""Without a signature in the URL, a page that says so may mean a login."""

_SIGNED = re.compile(r"(?i)[?&](?:x-(?:amz|goog|oss)-|q-sign|signature=|sig=|expires=|policy=|oh=|hdnts=|token=)")
_WEB_PAGE = re.compile(rb"(?is)(?:\xef\xbb\xbf)?\s*(?:<!--.{0,2000}?-->\s*){0,3}<(?:!doctype\s+html|html|head|body)\b")


def refusal(url: str, status: int, body: bytes = b"") -> PhotoRejected:
    """Return the error for a URL whose server answers with this error status and the start of this body."""
    answer = f"the server answers {_named(status)}"
    if status in _MAYBE_EXPIRED and (expired := _expired(url, body, status)):
        problem = f"{url} has expired{expired}: {answer}. Export the feed again, and ingest it before its URLs expire"
        return PhotoRejected(RejectReason.EXPIRED_URL, problem)
    if status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
        problem = f"{url} leads to no photo: {answer}. Correct the URL or remove it from the feed"
        return PhotoRejected(RejectReason.NOT_FOUND, problem)
    remedy = "Check it in a browser"
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        remedy = (
            "It may need a signature or a login, or its server may allow browsers only: ask its owner to allow the "
            "program, or set LOOKALIKE_FETCH_USER_AGENT"
        )
    elif status == HTTPStatus.NOT_ACCEPTABLE:
        remedy = "It has the photo in no format that is read"
    return PhotoRejected(RejectReason.UNREACHABLE, f"{url} cannot be fetched: {answer}. {remedy}")


def expiry(url: str) -> datetime | None:
    """Return the time in UTC at which a signed URL expires, or None if it does not say.

    Knows `X-Amz-`, `X-Goog-` and `x-oss-` dates with their seconds, `Expires` (S3, CloudFront), `se` (Azure), `oe`
    (Facebook), `ex` (Discord), the end of `q-sign-time` (Tencent) and `exp=` (Akamai).
    """
    query = {name.lower(): value for name, value in parse_qsl(urlsplit(url).query)}
    try:
        for vendor in ("amz", "goog", "oss"):
            start, seconds = query.get(f"x-{vendor}-date"), query.get(f"x-{vendor}-expires")
            if start and seconds:
                signed = datetime.strptime(start, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
                return datetime.fromtimestamp(signed.timestamp() + int(seconds), UTC)
        if "se" in query and "sig" in query:
            until = datetime.fromisoformat(query["se"].replace("Z", "+00:00"))
            return until if until.tzinfo else until.replace(tzinfo=UTC)
        for until_name, signature in (("oe", "oh"), ("ex", "hm")):
            if until_name in query and signature in query:
                return datetime.fromtimestamp(int(query[until_name], 16), UTC)
        if "q-sign-time" in query:
            return datetime.fromtimestamp(int(query["q-sign-time"].partition(";")[2]), UTC)
        if token := re.search(r"(?:^|[~&])exp=(\d+)", query.get("hdnts", "") or query.get("hdnea", "")):
            return datetime.fromtimestamp(int(token[1]), UTC)
        return datetime.fromtimestamp(int(query["expires"]), UTC) if "expires" in query else None
    except (ValueError, OverflowError, OSError):
        return None


def is_web_page(content: bytes) -> bool:
    """Say whether bytes are an HTML page: a login, an error with status 200, or the product's page."""
    return _WEB_PAGE.match(content[:4096]) is not None


def _expired(url: str, body: bytes, status: int) -> str:
    """Return ` on DATE`, or `, as its server says`; empty if the URL has not expired."""
    until = expiry(url)
    if until is not None and until.timestamp() < time.time():
        return f" on {until:%Y-%m-%d %H:%M} UTC"
    if status == HTTPStatus.NOT_FOUND:
        return ""
    if _SAYS_EXPIRED.search(body) or (_SIGNED.search(url) and _SAYS_EXPIRED_IF_SIGNED.search(body)):
        return ", as its server says"
    return ""


def _named(status: int) -> str:
    try:
        return f"{status} ({HTTPStatus(status).phrase})"
    except ValueError:
        return str(status)
