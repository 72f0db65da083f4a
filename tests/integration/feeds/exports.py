"""Writes items as the exports of well-known shops and feeds, under the header lines that those programs write."""

from __future__ import annotations

import csv
import html
from typing import TYPE_CHECKING

from tests.unit.services.ingest.feeds.export_headers import HEADERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.integration.feeds.items import Item

    Rows = list[dict[str, str]]


DELIMITERS = {"shopify": ",", "woocommerce": ",", "google": "\t"}


def _blank(export: str) -> dict[str, str]:
    """Return a row of an export without values."""
    [header] = csv.reader([HEADERS[export]], delimiter=DELIMITERS[export])
    return dict.fromkeys(header, "")


def url_of(photo: str) -> str:
    return f"https://cdn.example/{photo}"


def shopify(items: Sequence[Item]) -> Rows:
    """A row for each photo; only the first has more than the handle."""
    return [row for item in items for row in _shopify_rows(item)]


def _shopify_rows(item: Item) -> Iterator[dict[str, str]]:
    blank = _blank("shopify")
    first = {
        "Title": item.title,
        "Body (HTML)": f"<p>{html.escape(item.description)}</p>" if item.description else "",
        "Vendor": item.brand,
        "Product Category": " > ".join(item.category_path),
        "Published": "true",
        "Option1 Name": "Title",
        "Option1 Value": "Default Title",
        "Variant Price": "" if item.amount is None else f"{item.amount:.2f}",
        "Status": "active",
    }
    for at, photo in enumerate(item.photos or ("",)):
        image = {"Image Src": url_of(photo), "Image Position": str(at + 1)} if photo else {}
        yield blank | {"Handle": item.id} | (first if at == 0 else {}) | image


def woocommerce(items: Sequence[Item]) -> Rows:
    return [
        _blank("woocommerce")
        | {
            "ID": item.id,
            "Type": "simple",
            "Name": item.title,
            "Published": "1",
            "Visibility in catalog": "visible",
            "Description": html.escape(item.description),
            "In stock?": "1",
            "Regular price": "" if item.amount is None else f"{item.amount:.2f}",
            "Categories": html.escape(" > ".join(item.category_path)).replace(",", "\\,") + ", Sale",
            "Images": ", ".join(url_of(photo).replace(",", "\\,") for photo in item.photos),
            "Position": "0",
            "Brands": item.brand,
        }
        for item in items
    ]


def google(items: Sequence[Item]) -> Rows:
    return [
        _blank("google")
        | {
            "id": item.id,
            "title": item.title,
            "description": " ".join(item.description.split()),
            "link": f"https://shop.example/{item.id}",
            "image_link": "".join(map(url_of, item.photos[:1])),
            "additional_image_link": ",".join(map(url_of, item.photos[1:])),
            "availability": "in stock",
            "price": "" if item.amount is None else f"{item.amount:.2f} {item.currency}",
            "condition": "used",
            "brand": item.brand,
            "google_product_category": " > ".join(item.category_path),
        }
        for item in items
    ]


EXPORTS: dict[str, Callable[[Sequence[Item]], Rows]] = {
    "shopify": shopify,
    "woocommerce": woocommerce,
    "google": google,
}
