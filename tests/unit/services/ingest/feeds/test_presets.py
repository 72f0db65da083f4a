"""The presets, on the header lines of real exports."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from services.errors import BadInput, ListingsFileError, MissingColumns
from services.ingest.feeds import detection
from services.ingest.feeds.columns import Columns, ListingColumns
from services.ingest.feeds.feed import open_listings
from services.ingest.feeds.mapping_files import columns_of_preset, parse_columns
from services.ingest.feeds.presets import Preset, find_preset, preset_names
from tests.unit.services.ingest.feeds.export_headers import HEADERS, export

if TYPE_CHECKING:
    from pathlib import Path

    from services.ingest.cleaning.raw_listing import RawListing


def read_export(path: Path, columns: Columns | None = None) -> list[Any]:
    return list(open_listings(path, columns or Columns()).records())


def listing(path: Path) -> RawListing:
    [record] = read_export(path)
    return record


@pytest.mark.parametrize("name", HEADERS)
def test_recognises_an_export_by_its_header_and_says_so(file, name):
    feed = open_listings(export(file, name), Columns())
    preset = name.partition(" ")[0]
    assert feed.columns == columns_of_preset(preset)
    assert [(notice.flag, notice.after) for notice in feed.notices] == [("preset_chosen", preset)]


def test_every_preset_has_a_header_here():
    assert {name.partition(" ")[0] for name in HEADERS} == set(preset_names())


def test_a_mapping_is_never_replaced_by_a_preset(file):
    path = export(file, "google", id="1", title="Lamp", description="d")
    mapping = Columns(ListingColumns(title="title", category="description", description="", price="", location=""))
    assert open_listings(path, mapping).columns == mapping


def test_shopify_rows_without_title_add_photos_and_variants(file):
    path = export(
        file,
        "shopify",
        {
            "Handle": "mug", "Title": "Mug", "Body (HTML)": "<p>Blue</p>", "Vendor": "Acme", "Status": "active",
            "Product Category": "Home & Garden > Kitchen", "Type": "Mugs", "Variant Price": "12.50",
            "Variant Compare At Price": "20.00", "Published": "true", "Image Src": "https://cdn.example/1.jpg?v=1",
        },
        {"Handle": "mug", "Image Src": "https://cdn.example/2.jpg", "Variant Image": "https://cdn.example/3.jpg"},
        {"Handle": "old", "Title": "Old", "Type": "Mugs", "Status": "archived", "Published": "true"},
        {"Handle": "off", "Title": "Off", "Type": "Mugs", "Status": "active", "Published": "false"},
    )  # fmt: skip
    first, second, archived, unpublished = read_export(path)
    assert (first.listing_id, first.title, first.price) == ("mug", "Mug", "12.50")
    assert (first.category, first.attributes["brand"]) == ("Home & Garden > Kitchen", "Acme")
    assert first.photos == ("https://cdn.example/1.jpg?v=1",)
    assert (second.listing_id, second.title) == ("mug", "")
    assert second.photos == ("https://cdn.example/2.jpg", "https://cdn.example/3.jpg")
    assert (archived.category, archived.availability, unpublished.availability) == ("Mugs", "archived", "false")


def test_woocommerce_variations_name_their_product(file):
    path = export(
        file,
        "woocommerce",
        {
            "ID": "12", "Type": "variable", "SKU": "RUG", "Name": "Rug", "Published": "1", "In stock?": "1",
            "Categories": "Home > Rugs, Sale", "Images": "https://shop.example/a\\,b.jpg, https://shop.example/2.jpg",
        },
        {"ID": "13", "Type": "variation", "SKU": "RUG-R", "Name": "Rug - Red", "Parent": "id:12", "Regular price": "9"},
        {"ID": "14", "Type": "variation", "SKU": "RUG-B", "Name": "Rug - Blue", "Parent": "RUG", "Regular price": "9"},
        {"ID": "15", "Type": "simple", "Name": "Draft", "Published": "-1", "In stock?": "1", "Categories": "A"},
    )  # fmt: skip
    product, red, blue, draft = read_export(path)
    assert (product.parent, red.parent, blue.parent) == ("", "12", "12")
    assert product.photos == ("https://shop.example/a,b.jpg", "https://shop.example/2.jpg")
    assert (product.category, product.category_separator, product.categories_separator) == (
        "Home > Rugs, Sale", ">", ",",
    )  # fmt: skip
    assert draft.availability == "-1"


@pytest.mark.parametrize(
    ("start", "end", "price"),
    [("", "", "5"), ("2020-01-01", "", "5"), ("", "2020-01-01", "9"), ("2999-01-01", "", "9")],
)
def test_a_sale_price_counts_only_while_the_sale_runs(file, start, end, price):
    cells = {"Date sale price starts": start, "Date sale price ends": end, "Sale price": "5", "Regular price": "9"}
    path = export(file, "woocommerce", {"ID": "1", "Name": "A", "Categories": "C", **cells})
    assert listing(path).price == price


def test_google_prefers_the_sale_price_and_a_category_that_is_no_number(file):
    year = datetime.now(UTC).year
    first = {"id": "1", "title": "Desk", "google_product_category": "6372", "product_type": "Office > Desks"}
    prices = {"price": "199.00 EUR", "sale_price": "149.00 EUR"}
    photos = {
        "image_link": "https://a.example/1.jpg",
        "additional_image_link": "https://a.example/2.jpg,https://a.example/3.jpg",
    }
    over = {"sale_price_effective_date": f"{year - 2}-01-01T00:00+0100/{year - 1}-01-01T00:00+0100"}
    running, past = read_export(
        export(
            file, "google", {**first, **prices, **photos, "link": "https://a.example/desk"}, {**first, **prices, **over}
        )
    )
    assert (running.category, running.price, past.price) == ("Office > Desks", "149.00 EUR", "199.00 EUR")
    assert (running.url, len(running.photos)) == ("https://a.example/desk", 3)


def test_an_etsy_listing_without_sku_has_no_id(file):
    path = export(file, "etsy", {"TITLE": "Hat", "PRICE": "22.00", "CURRENCY_CODE": "GBP", "TAGS": "hat,wool"})
    assert (listing(path).listing_id, listing(path).title, listing(path).currency) == ("", "Hat", "GBP")


def test_ebay_pictures_are_separated_by_pipes(file):
    pictures = "https://i.example/1.jpg|https://i.example/2.jpg"
    path = export(
        file, "ebay template", {"CustomLabel": "A-1", "*Title": "Card", "*Category": "261328", "PicURL": pictures}
    )
    assert (listing(path).listing_id, len(listing(path).photos)) == ("A-1", 2)


def test_a_mapping_changes_a_preset(file):
    mapping = parse_columns(b'preset = "google"\n[listings]\nparent = "item_group_id"\nprice = "price"\n', source="x")
    path = export(file, "google", {"id": "1", "title": "A", "item_group_id": "G", "price": "9", "sale_price": "5"})
    [record] = read_export(path, mapping)
    assert (record.parent, record.price) == ("G", "9")


def test_a_table_may_lack_what_a_preset_names_but_not_what_the_mapping_names(file):
    path = file("a.csv", "id,title,link,image_link,price,product_type\n1,A,,,5,C\n")
    assert open_listings(path, columns_of_preset("google")).found.fields["category"] == ("product_type",)
    mapping = parse_columns(b'preset = "google"\n[listings]\nseller = "shop"\n', source="x")
    with pytest.raises(MissingColumns, match="'shop' is missing"):
        open_listings(path, mapping)


def test_a_table_without_any_category_column_is_refused(file):
    path = file("a.csv", "id,title,link,image_link,price\n1,A,,,5\n")
    with pytest.raises(MissingColumns, match="'google_product_category or product_type' is missing"):
        open_listings(path, Columns())


def test_two_presets_in_one_call_are_refused():
    with pytest.raises(BadInput, match="preset 'etsy', and the call the preset 'ebay'"):
        parse_columns(b'preset = "etsy"', source="columns.toml", preset="ebay")


def test_a_header_that_fits_several_presets_is_an_error_that_names_them(file, monkeypatch):
    both = [find_preset("etsy"), find_preset("ebay")]
    monkeypatch.setattr(detection, "fitting_presets", lambda _present: both)
    with pytest.raises(ListingsFileError, match=r"presets 'etsy' and 'ebay'.*Choose one of them as the preset"):
        open_listings(file("a.csv", "a,b\n1,2\n"), Columns())


def test_says_which_export_a_header_nearly_is_and_what_it_lacks(file):
    path = file("a.csv", "Title,Variant Price,Vendor\nMug,5,Acme\n")
    with pytest.raises(MissingColumns, match="look like those of the preset 'shopify', but lack 'Handle'"):
        open_listings(path, Columns())


def test_a_preset_states_how_it_is_recognised():
    preset = find_preset("google")
    assert isinstance(preset, Preset)
    assert preset.fits(["g:id", "Title", "Link", "image link", "price"])
    assert not preset.fits(["id", "title", "link", "image_link", "price", "fb_product_category"])


OTHER_EXPORTS = {
    "Shopify's export of the inventory": "Handle,Title,Option1 Name,Option1 Value,Option2 Name,Option2 Value,"
    "Option3 Name,Option3 Value,SKU,HS Code,COO,Location,Incoming,Unavailable,Committed,Available,On hand",
    "Shopify's export of orders": "Name,Email,Financial Status,Paid at,Fulfillment Status,Fulfilled at,"
    "Accepts Marketing,Currency,Subtotal,Shipping,Taxes,Total,Discount Code,Discount Amount,Shipping Method,Created at,"
    "Lineitem quantity,Lineitem name,Lineitem price,Lineitem compare at price,Lineitem sku,Billing Name,Id,Tags,Vendor",
    "Shopify's export of customers": "Customer ID,First Name,Last Name,Email,Accepts Email Marketing,"
    "Default Address Company,Default Address City,Phone,Total Spent,Total Orders,Note,Tax Exempt,Tags",
    "Etsy's export of sold items": "Sale Date,Item Name,Buyer,Quantity,Price,Coupon Code,Order Shipping,Item Total,"
    "Currency,Transaction ID,Listing ID,Date Paid,Date Shipped,Ship Name,SKU",
    "Etsy's export of orders": "Sale Date,Order ID,Buyer User ID,Full Name,First Name,Last Name,Number of Items,"
    "Payment Method,Date Shipped,Street 1,Ship City,Currency,Order Value,Order Total,SKU",
    "eBay's report of orders": "Sales Record Number,Order Number,Buyer Username,Buyer Name,Buyer Email,Item Number,"
    "Item Title,Custom Label,Quantity,Sold For,Total Price,Payment Method,Sale Date",
}


@pytest.mark.parametrize("preset", ["", "shopify"])
@pytest.mark.parametrize("what", OTHER_EXPORTS)
def test_an_export_without_products_is_refused_by_its_name(file, what, preset):
    with pytest.raises(ListingsFileError, match=f"is {what}, and has no listings. Export the products"):
        open_listings(file("a.csv", f"{OTHER_EXPORTS[what]}\n"), columns_of_preset(preset))


def test_a_mapping_of_ones_own_reads_such_an_export(file):
    text = '[listings]\nid = "Handle"\ntitle = "Title"\ncategory = "Location"\ndescription = ""\nprice = ""\n'
    mapping = parse_columns(f'{text}location = ""\n'.encode(), source="x")
    header = OTHER_EXPORTS["Shopify's export of the inventory"]
    assert open_listings(file("a.csv", f"{header}\n"), mapping).columns == mapping


@pytest.mark.parametrize(
    "more", ["link,title,image_link", "Handle,Title,Variant Price", "ID,Type,SKU,Name,Regular price"]
)
def test_a_file_with_our_names_and_some_of_a_shop_is_read_by_ours(file, more):
    header = f"id,product_name,category,product_description,price,location,{more}"
    feed = open_listings(file("a.csv", f"{header}\n"), Columns())
    assert (feed.columns, feed.notices) == (Columns(), ())


def test_a_file_with_the_needed_columns_of_ours_is_never_taken_for_a_shops(file):
    path = file("a.csv", "id,product_name,category,price,title,link,image_link,product_type\n")
    with pytest.raises(MissingColumns, match="'product_description', 'location' are missing"):
        open_listings(path, Columns())
