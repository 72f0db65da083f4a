"""Turns the HTML of descriptions into plain paragraphs. Pure.

Only tags of HTML are touched: parsers of whole documents drop what they do not know, and would lose the end of
`Sizes <40 and >50` or `<3 this lamp`.
"""

from __future__ import annotations

import re

from services.ingest.cleaning.text import decode_entities

_BLOCKS = (
    "address|article|aside|blockquote|center|dd|div|dl|dt|figcaption|figure|footer|form|header|hr|h[1-6]|main|nav|ol|pre|"
    "section|table|tbody|tfoot|thead|ul"
)
_PARAGRAPHS = "p"
_LINES = "br|li|tr|caption|option"
_CELLS = "td|th"
_INLINE = (
    "a|abbr|acronym|b|bdi|bdo|big|body|button|cite|code|col|colgroup|del|dfn|em|embed|font|head|html|i|iframe|img|input|"
    "ins|kbd|label|link|map|mark|meta|nobr|object|param|picture|q|s|samp|small|source|span|strike|strong|sub|sup|svg|time|"
    "tt|u|var|video|wbr"
)
_SWITCHES = (
    "allowfullscreen|async|autoplay|checked|controls|defer|disabled|hidden|loop|muted|noshade|nowrap|open|selected"
)
_ATTRIBUTES = rf"""(?:\s+(?:[\w:.-]+\s*=\s*(?:"[^"<]*"|'[^'<]*'|[^\s"'<>]+)|(?:{_SWITCHES})\b))*\s*"""


def _tag(names: str) -> re.Pattern[str]:
    return re.compile(rf"</?(?:{names}){_ATTRIBUTES}/?>", re.IGNORECASE)


_ANY_TAG = _tag(f"{_BLOCKS}|{_PARAGRAPHS}|{_LINES}|{_CELLS}|{_INLINE}")
_BREAKING_TAG = _tag(f"{_BLOCKS}|{_PARAGRAPHS}|{_LINES}")
_HIDDEN = re.compile(
    r"<!--(?:(?!<!--).)*?-->|<(script|style|title)\b[^<>]*>(?:(?!<\1).)*?</\1\s*>|<!doctype[^<>]*>",
    re.IGNORECASE | re.DOTALL,
)
_CDATA = re.compile(r"<!\[CDATA\[((?:(?!<!\[CDATA\[).)*?)\]\]>", re.DOTALL)
_ITEM = re.compile(rf"\s*(?:</li>\s*)?<li{_ATTRIBUTES}>\s*", re.IGNORECASE)
_BREAKS = ((_tag(_PARAGRAPHS), "\n\n"), (_ITEM, "\n- "), (_tag(f"{_BLOCKS}|{_LINES}"), "\n"), (_tag(_CELLS), " "))
_INLINE_TAG = _tag(f"{_INLINE}|{_CELLS}")


def plain_text(text: str) -> str:
    """Return the text with HTML entities decoded and, if it has HTML tags, its paragraphs and list items as lines.

    The text may also be HTML that was encoded as text: `&lt;p&gt;Warm light&lt;/p&gt;`.
    """
    text = _CDATA.sub(r"\1", text)
    if not _ANY_TAG.search(text):
        text = decode_entities(text)
    text = _HIDDEN.sub("", text)
    if not _ANY_TAG.search(text):
        return text
    if _BREAKING_TAG.search(text):
        text = " ".join(text.split())  # line ends of HTML's source mean nothing, and long blanks make the patterns slow
        for tag, written in _BREAKS:
            text = tag.sub(written, text)
        text = re.sub(r"\n{3,}", "\n\n", re.sub(r" ?\n ?", "\n", re.sub(" +", " ", text)))
    return decode_entities(_INLINE_TAG.sub("", text))
