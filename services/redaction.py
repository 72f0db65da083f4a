"""Takes passwords out of texts that people read: messages, logs, tracebacks, the audit log.

A password is found in two ways: by the form of URLs, and because a setting has it. The second finds passwords that a
library has cut out of their URL.
"""

from __future__ import annotations

import logging
import re
import sys
import threading
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, unquote_plus, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

HIDDEN = "***"

_SHORTEST = 4
"""A shorter secret is hidden in URLs only: as a word of its own it would hide half of every text."""

_OUR_NAME = "lookalike"
"""As a password it is hidden in URLs only: every message has our own name."""

_NAME = r"[\w-]*(?:pass|pwd|secret|token|key|sig|credential)[\w-]*"
"""Names of parameters of a URL that are secrets."""

_USER = re.compile(r"(?P<user>\w://[^\s/:@'\"<>]*):(?P<password>[^\s/'\"<>]+)@")
_UNENCODED_USER = re.compile(r"://[^\s/:@]*:(?P<password>\S+)@")
"""In a setting: the password may have characters that should have been encoded."""
_PARAMETER = re.compile(rf"(?P<name>[?&;]{_NAME}=|\bpassword=)[^\s&;'\"<>]+", re.IGNORECASE)

_known: set[str] = set()


def hide(secret: str) -> None:
    """Take this secret out of every text from now on."""
    if len(secret) >= _SHORTEST and secret != _OUR_NAME:
        _known.add(secret)


def hide_secrets_of(url: str) -> None:
    """Take the password and secret parameters of a URL out of every text from now on, as written and decoded."""
    for secret in _secrets_of(url):
        hide(secret)
        hide(unquote(secret))


def redacted(text: str) -> str:
    """Return the text with `***` in place of known secrets and of passwords in URLs."""
    for secret in sorted(_known, key=len, reverse=True):
        if secret in text:
            text = re.sub(rf"(?<![^\W_]){re.escape(secret)}(?![^\W_])", HIDDEN, text)
    text = _USER.sub(rf"\g<user>:{HIDDEN}@", text)
    return _PARAMETER.sub(rf"\g<name>{HIDDEN}", text)


def redacted_path(path: str, query: str) -> str:
    """Return a path with its query, with `***` in place of secrets, however the names of parameters are encoded."""
    parameters = "&".join(map(_redacted_parameter, query.split("&")))
    return redacted(f"{path}?{parameters}" if query else path)


class RedactingFormatter(logging.Formatter):
    """Formats records, with their tracebacks, without passwords."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the redacted text."""
        return redacted(super().format(record))


def redact_logs_and_tracebacks() -> None:
    """Redact what the root logger's handlers write, and the tracebacks of errors that nothing catches."""
    for handler in logging.getLogger().handlers:
        if type(handler) is logging.StreamHandler:  # others are of a program that runs us, such as pytest
            handler.setFormatter(RedactingFormatter(handler.formatter._fmt if handler.formatter else None))
    if sys.excepthook is sys.__excepthook__:
        sys.excepthook = lambda _kind, error, trace: _write_traceback(error.with_traceback(trace))
    if threading.excepthook is threading.__excepthook__:
        threading.excepthook = lambda ended: _write_traceback(ended.exc_value)


def _redacted_parameter(parameter: str) -> str:
    name, equals, value = parameter.partition("=")
    is_secret = re.fullmatch(_NAME, unquote_plus(name), re.IGNORECASE) is not None
    return f"{name}={HIDDEN}" if is_secret and value else f"{name}{equals}{value}"


def _write_traceback(error: BaseException | None) -> None:
    from traceback import format_exception

    if error is not None:
        sys.stderr.write(redacted("".join(format_exception(error))))


def _secrets_of(url: str) -> Iterator[str]:
    for found in _UNENCODED_USER.finditer(url):
        yield found["password"]
    try:
        query = parse_qsl(urlsplit(url).query)
    except ValueError:  # not a URL; the forms above were found all the same
        return
    for name, value in query:
        if re.fullmatch(_NAME, name, re.IGNORECASE):
            yield value
