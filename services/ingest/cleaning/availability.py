"""Reads the availability of a listing: for sale or sold. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from services.ingest.cleaning.dates import DateError, parse_date
from services.ingest.cleaning.text import clean_line, word_list

if TYPE_CHECKING:
    from datetime import datetime

_SOLD = word_list("""
    sold | sold out | soldout | out of stock | outofstock | oos | unavailable | not available | no stock
    no longer available | ended | closed | completed | complete | expired | discontinued | inactive | archived
    draft | unpublished | not published | private | hidden | unlisted | removed | deleted | unsold | mark as sold
    verkauft | vergriffen | ausverkauft | nicht verfügbar | nicht auf lager | nicht vorrätig | nicht lieferbar
    nicht mehr verfügbar | vendu | épuisé | rupture de stock | en rupture | indisponible | vendido | agotado
    sin stock | sin existencias | no disponible | fora de estoque | sem estoque | esgotado | indisponível | venduto
    esaurito | non disponibile | non disponible | verkocht | uitverkocht | niet op voorraad | såld | slutsåld
    solgt | udsolgt | utsolgt | sprzedane | wyprzedane | niedostępny | brak w magazynie | продано | нет в наличии
    немає в наявності | tükendi | satıldı | 売り切れ | 売切れ | 在庫なし | 缺货 | 已售 | 품절
""")

_AVAILABLE = word_list("""
    in stock | instock | available | available for order | active | live | for sale | on sale | open | published
    publish | enabled | listed | limited availability | limited stock | low stock | in store only | instoreonly
    online only | onlineonly | preorder | pre order | presale | pre sale | backorder | back order | backordered
    back ordered | onbackorder | on backorder | made to order | reserved | on hold | pending | reserviert
    verfügbar | vorrätig | auf lager | auf lager verfügbar | zu verkaufen | lieferbar | sofort lieferbar
    disponible | en stock | en venta | à vendre | à venda | in vendita | te koop | til salg | till salu
    hay existencias | réservé | reservado | disponível | em estoque | em stock | disponibile | riservato
    op voorraad | beschikbaar | gereserveerd | i lager | på lager | tilgængelig | dostępny | w magazynie | в наличии
    есть в наличии | в наявності | stokta | mevcut | 在庫あり | 有货 | 现货 | 재고 있음
""")

_YES = word_list("""
    true | yes | y | t | ja | j | oui | sí | si | sì | sim | jes | tak | да | так | evet | kyllä | igen | ano | áno
    はい | 是 | 예 | 네 | نعم | x | ✓ | ✔ | ☑ | wahr | vrai | verdadero | verdadeiro | vero | waar | prawda
""")

_NO = word_list("""
    false | no | n | f | nein | non | não | nee | nej | nei | nie | нет | ні | hayır | ei | nem | ne | いいえ | 否
    아니오 | 아니요 | لا | falsch | faux | falso | onwaar | fałsz | ✗ | ✘ | ☐
""")

_NOT_SOLD = word_list("""
    not sold | unsold | nicht verkauft | unverkauft | non vendu | invendu | no vendido | não vendido | non venduto
    niet verkocht | osåld | usolgt | niesprzedane | не продано | satılmadı | 0000 00 00 | 0000 00 00 00:00:00 | -
    – | — | n/a | na | none | null | nan | nat
""")
"""What a column of sales has for a listing that is for sale."""

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
    spellings = _spellings(text)
    if not spellings.isdisjoint((*_SOLD, *_NO)):
        return True
    return None if spellings.isdisjoint((*_AVAILABLE, *_YES)) else False


def is_sold(text: str, *, now: datetime) -> bool | None:
    """Say whether the text of a column `sold` says so: `true`, `yes`, 1, or the date of the sale; None if unknown.

    Blank text, `false`, `no` and 0 mean for sale. The words of `sold_of` for sold and for sale mean what they say.
    """
    text = clean_line(text)
    spellings = _spellings(text)
    if not text or not spellings.isdisjoint((*_NO, *_NOT_SOLD)) or _is_number(text, 0):
        return False
    if not spellings.isdisjoint(_YES) or _is_number(text, 1):
        return True
    if not _QUANTITY.fullmatch(text) and (sold := sold_of(text)) is not None:
        return sold
    try:
        return True if parse_date(text, now=now, day_first=True) else None
    except DateError:
        return None


def is_out_of_stock(stock: str) -> bool | None:
    """Say whether a number of pieces is zero or less; False for other text, None for blank text."""
    text = clean_line(stock)
    return (_QUANTITY.fullmatch(text) is not None and float(text) <= 0) if text else None


def _is_number(text: str, number: int) -> bool:
    return _QUANTITY.fullmatch(text) is not None and float(text) == number


def _spellings(text: str) -> set[str]:
    """Return the text without case, `_` and `-`, also with `OutOfStock` as words."""
    return {
        " ".join(re.split(r"[\s_-]+", spelling.casefold())).strip() or text
        for spelling in (text, _WORD_START.sub(" ", text))
    }
