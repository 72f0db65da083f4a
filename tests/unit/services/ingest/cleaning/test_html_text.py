"""Turning HTML and its entities into plain text."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.rows.records import ListingRecord
from services.ingest.cleaning.html_text import plain_text
from services.ingest.cleaning.text import clean_paragraphs, decode_entities
from tests.unit.services.ingest.cleaning.examples import EXAMPLES, RAW, clean_record


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("<p>Warm light</p>", "Warm light"),
        ("<p>One</p>\n<p>Two<br>three</p>", "One\n\nTwo\nthree"),
        ("<ul><li>brass</li>\n<li>E27</li></ul>", "- brass\n- E27"),
        ("<table><tr><td>Width</td><td>5 cm</td></tr></table>", "Width 5 cm"),
        ('<div class="a > b">Hi</div>there', "Hi\nthere"),
        ("<p>A\nB</p>", "A B"),
        ("one\n<b>two</b>\nthree", "one\ntwo\nthree"),
        ("&lt;p&gt;Warm &amp;amp; cosy&lt;/p&gt;", "Warm & cosy"),
        ('<a href="/p" target=_blank>More</a><iframe src=x allowfullscreen></iframe>', "More"),
        ("<![CDATA[<p>Warm</p>]]>", "Warm"),
        ("Lamp<!-- new --><script>alert('x')</script><style>p {}</style>", "Lamp"),
    ],
)
def test_turns_html_into_paragraphs(text, plain):
    assert clean_paragraphs(plain_text(text)) == plain


@pytest.mark.parametrize(
    "text",
    ["Size < 5 > 3", "<3 this lamp", "a<b and b>a", "mail <me@shop.example>", "Sizes <40 and >50", "x <!-- y", "AT&T"],
)
def test_loses_nothing_of_text_that_is_no_html(text):
    assert plain_text(text) == text


@EXAMPLES
@given(st.text(st.characters(exclude_characters="<&")))
def test_leaves_text_without_tags_and_entities_as_it_is(text):
    assert plain_text(text) == text


@pytest.mark.parametrize(
    ("text", "decoded"),
    [
        ("Home &amp; Garden", "Home & Garden"),
        ("Home &amp;amp; Garden", "Home & Garden"),
        ("24&quot; &#163;5 &#xe9;", '24" £5 é'),
        ("?a=1&copy=2 &nosuch; R&B; AT&T", "?a=1&copy=2 &nosuch; R&B; AT&T"),
    ],
)
def test_decodes_entities_that_end_with_a_semicolon(text, decoded):
    assert decode_entities(text) == decoded


def test_decodes_entities_in_every_text_of_a_listing():
    listing = clean_record(
        replace(
            RAW,
            title="24&quot; lamp",
            category="Home &amp; Garden / Lamps",
            location="Tyne &amp; Wear",
            seller="A&amp;B",
            description="Warm &amp; cosy",
        )
    )
    assert isinstance(listing, ListingRecord)
    assert (listing.title, listing.category, listing.location) == ('24" lamp', "Home & Garden", "Tyne & Wear")
    assert (listing.seller, listing.description) == ("A&B", "Warm & cosy")


def test_keeps_the_angle_brackets_of_a_title():
    listing = clean_record(replace(RAW, title="Size < 5 > 3"))
    assert isinstance(listing, ListingRecord)
    assert listing.title == "Size < 5 > 3"
