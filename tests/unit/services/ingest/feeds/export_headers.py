"""Header lines of real exports, as the programs write them."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

HEADERS = {
    "shopify": "Handle,Title,Body (HTML),Vendor,Product Category,Type,Tags,Published,Option1 Name,Option1 Value,"
    "Option1 Linked To,Option2 Name,Option2 Value,Option2 Linked To,Option3 Name,Option3 Value,Option3 Linked To,"
    "Variant SKU,Variant Grams,Variant Inventory Tracker,Variant Inventory Policy,Variant Fulfillment Service,"
    "Variant Price,Variant Compare At Price,Variant Requires Shipping,Variant Taxable,Unit Price Total Measure,"
    "Unit Price Total Measure Unit,Unit Price Base Measure,Unit Price Base Measure Unit,Variant Barcode,Image Src,"
    "Image Position,Image Alt Text,Gift Card,SEO Title,SEO Description,Google Shopping / Google Product Category,"
    "Variant Image,Variant Weight Unit,Variant Tax Code,Cost per item,Status",
    "shopify 2018": "Handle,Title,Body (HTML),Vendor,Type,Tags,Published,Option1 Name,Option1 Value,Option2 Name,"
    "Option2 Value,Option3 Name,Option3 Value,Variant SKU,Variant Grams,Variant Inventory Tracker,"
    "Variant Inventory Qty,Variant Inventory Policy,Variant Fulfillment Service,Variant Price,"
    "Variant Compare At Price,Variant Requires Shipping,Variant Taxable,Variant Barcode,Image Src,Image Position,"
    "Image Alt Text,Gift Card,SEO Title,SEO Description,Variant Image,Variant Weight Unit,Variant Tax Code,"
    "Cost per item",
    "shopify 2024": "Title,URL handle,Description,Vendor,Product category,Type,Tags,Published on online store,Status,"
    "SKU,Barcode,Option1 name,Option1 value,Option1 Linked To,Price,Compare-at price,Cost per item,Charge tax,Tax code,"
    "Unit price total measure,Inventory tracker,Inventory quantity,Continue selling when out of stock,"
    "Weight value (grams),Weight unit for display,Requires shipping,Fulfillment service,Product image URL,"
    "Image position,Image alt text,Variant image URL,Gift card,SEO title,SEO description",
    "woocommerce": 'ID,Type,SKU,"GTIN, UPC, EAN, or ISBN",Name,Published,"Is featured?","Visibility in catalog",'
    '"Short description",Description,"Date sale price starts","Date sale price ends","Tax status","Tax class",'
    '"In stock?",Stock,"Low stock amount","Backorders allowed?","Sold individually?","Weight (kg)","Length (cm)",'
    '"Width (cm)","Height (cm)","Allow customer reviews?","Purchase note","Sale price","Regular price",Categories,Tags,'
    '"Shipping class",Images,"Download limit","Download expiry days",Parent,"Grouped products",Upsells,Cross-sells,'
    '"External URL","Button text",Position,Brands',
    "woocommerce 2017": 'ID,Type,SKU,Name,Published,"Is featured?","Visibility in catalog","Short description",'
    'Description,"Date sale price starts","Date sale price ends","Tax status","Tax class","In stock?",Stock,'
    '"Backorders allowed?","Sold individually?","Weight (lbs)","Length (in)","Width (in)","Height (in)",'
    '"Allow customer reviews?","Purchase note","Sale price","Regular price",Categories,Tags,"Shipping class",Images,'
    '"Download limit","Download expiry days",Parent,"Grouped products",Upsells,Cross-sells,"External URL",'
    '"Button text",Position,"Attribute 1 name","Attribute 1 value(s)","Attribute 1 visible","Attribute 1 global"',
    "woocommerce german": 'ID,Typ,Artikelnummer,Name,Veröffentlicht,"Ist hervorgehoben?","Sichtbarkeit im Katalog",'
    'Kurzbeschreibung,Beschreibung,"Datum, an dem Angebotspreis beginnt","Datum, an dem Angebotspreis endet",'
    'Steuerstatus,Steuerklasse,Vorrätig?,Lager,"Geringe Lagermenge","Lieferrückstande erlaubt?",'
    '"Nur einzeln verkaufen?","Gewicht (kg)","Länge (cm)","Breite (cm)","Höhe (cm)","Kundenbewertungen erlauben?",'
    '"Hinweis zum Kauf",Angebotspreis,"Regulärer Preis",Kategorien,Schlagwörter,Versandklasse,Bilder,Downloadlimit,'
    '"Ablauftage des Downloads","Übergeordnetes Produkt","Gruppierte Produkte",Zusatzverkäufe,'
    '"Cross-Sells (Querverkäufe)","Externe URL",Button-Text,Position,"Attribut 1 Name","Attribut 1 Wert(e)",'
    '"Attribut 1 Sichtbar","Attribut 1 Global"',
    "google": "id\ttitle\tdescription\tlink\timage_link\tadditional_image_link\tavailability\tprice\tsale_price\t"
    "sale_price_effective_date\tgoogle_product_category\tproduct_type\tbrand\tgtin\tmpn\tidentifier_exists\tcondition\t"
    "adult\tage_group\tcolor\tgender\tmaterial\tpattern\tsize\titem_group_id\tshipping",
    "google csv": "id,title,description,link,image_link,additional_image_link,availability,price,condition,brand,gtin,"
    "mpn,google_product_category,item_group_id",
    "google xml names": "g:id,g:title,g:description,g:link,g:image_link,g:availability,g:price,g:product_type",
    "facebook": "id,title,description,availability,condition,price,link,image_link,brand,google_product_category,"
    "fb_product_category,quantity_to_sell_on_facebook,sale_price,sale_price_effective_date,item_group_id,gender,color,"
    "size,age_group,material,pattern,shipping,shipping_weight,offer_disclaimer,offer_disclaimer_url,video[0].url,"
    "video[0].tag[0],gtin,product_tags[0],product_tags[1],style[0]",
    "etsy": "TITLE,DESCRIPTION,PRICE,CURRENCY_CODE,QUANTITY,TAGS,MATERIALS,IMAGE1,IMAGE2,IMAGE3,IMAGE4,IMAGE5,IMAGE6,"
    "IMAGE7,IMAGE8,IMAGE9,IMAGE10,VARIATION 1 TYPE,VARIATION 1 NAME,VARIATION 1 VALUES,VARIATION 2 TYPE,"
    "VARIATION 2 NAME,VARIATION 2 VALUES,SKU",
    "ebay": "Item number,Title,Variation details,Custom label (SKU),Available quantity,Format,Currency,Start price,"
    "Auction Buy It Now price,Reserve price,Current price,Sold quantity,Watchers,Bids,Start date,End date,"
    "eBay category 1 name,eBay category 1 number,eBay category 2 name,eBay category 2 number,Condition,"
    "CD:Professional Grader - (ID: 27501),CD:Grade - (ID: 27502),eBay Product ID(ePID),Listing site,P:UPC,P:EAN,P:ISBN",
    "ebay template": "*Action(SiteID=US|Country=US|Currency=USD|Version=1193|CC=UTF-8),CustomLabel,*Category,"
    "StoreCategory,*Title,Subtitle,Relationship,*ConditionID,C:Brand,PicURL,GalleryType,*Description,*Format,*Duration,"
    "*StartPrice,BuyItNowPrice,*Quantity,*Location",
}
"""By preset, and the version if there are several."""


def export(file: Any, name: str, *rows: Mapping[str, str], **row: str) -> Path:
    """Write an export with the header of this name and these rows."""
    delimiter = "\t" if "\t" in HEADERS[name] else ","
    columns = next(csv.reader([HEADERS[name]], delimiter=delimiter))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, delimiter=delimiter, lineterminator="\n")
    writer.writeheader()
    writer.writerows([*rows, *([row] if row else [])])
    path: Path = file("export.tsv" if delimiter == "\t" else "export.csv", text.getvalue())
    return path
