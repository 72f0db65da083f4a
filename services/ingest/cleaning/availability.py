"""Reads the availability of a listing: for sale or sold. Pure."""

from __future__ import annotations

import re

from services.ingest.cleaning.text import clean_line, word_list

_SOLD = word_list("""
    sold | sold out | soldout | out of stock | outofstock | oos | unavailable | not available | no stock
    no longer available | ended | closed | completed | complete | expired | discontinued | inactive | archived
    draft | private | hidden | unlisted | removed | deleted | unsold | mark as sold | false | no | n | verkauft
    ausverkauft | nicht verfügbar | nicht auf lager | vendu | épuisé | rupture de stock | en rupture | indisponible
    vendido | agotado | sin stock | esgotado | indisponível | venduto | esaurito | non disponibile | verkocht
    uitverkocht | niet op voorraad | såld | slutsåld | solgt | udsolgt | utsolgt | sprzedane | wyprzedane
    niedostępny | brak w magazynie | продано | нет в наличии | немає в наявності | tükendi | satıldı | 売り切れ
    売切れ | 在庫なし | 缺货 | 已售 | 품절
""")

_AVAILABLE = word_list("""
    in stock | instock | available | available for order | active | live | for sale | on sale | open | published
    publish | enabled | listed | limited availability | limited stock | low stock | in store only | instoreonly
    online only | onlineonly | preorder | pre order | presale | pre sale | backorder | back order | onbackorder
    on backorder | made to order | reserved | on hold | pending | true | yes | y | reserviert | verfügbar
    auf lager | lieferbar | sofort lieferbar | disponible | en stock | réservé | reservado | disponível | em estoque
    em stock | disponibile | riservato | op voorraad | beschikbaar | gereserveerd | i lager | på lager | tilgængelig
    dostępny | w magazynie | в наличии | есть в наличии | в наявності | stokta | mevcut | 在庫あり | 有货 | 现货
    재고 있음
""")

_SCHEMA_ORG = re.compile(r"^(?:https?://schema\.org/|schema:)", re.IGNORECASE)
_WORD_START = re.compile(r"(?<=[a-z])(?=[A-Z])")
_QUANTITY = re.compile(r"[+-]?\d+(?:\.\d+)?")


def sold_of(text: str) -> bool | None:
    """Say whether an availability such as `out of stock` means that the listing cannot be bought now; None if unknown.

    A number is the stock: 0 and less means sold. A listing that the shop has archived, ended or not published counts as
    sold; a reserved one, or one on back order, does not. Blank text means for sale.
    """
    text = _SCHEMA_ORG.sub("", clean_line(text))
    if not text:
        return False
    if _QUANTITY.fullmatch(text):
        return float(text) <= 0
    spellings = {" ".join(re.split(r"[\s_-]+", spelling.casefold())) for spelling in (text, _WORD_START.sub(" ", text))}
    if not spellings.isdisjoint(_SOLD):
        return True
    return None if spellings.isdisjoint(_AVAILABLE) else False
