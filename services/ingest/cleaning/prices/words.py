"""The words around prices, case-folded, in the languages of the larger marketplaces."""

from __future__ import annotations

import re

from services.ingest.cleaning.text import word_list

NO_PRICE = frozenset(
    word_list(r"""
    - | – | — | -- | n/a | na | n.a. | nan | none | null | \n | nil | undefined | ? | poa | p.o.a. | p.o.a | por
    p.o.r. | tbc | tbd | tba | t.b.c. | t.b.d. | t.b.a. | ask | ask me | ask price | ask for price | ask seller
    asking | enquire | inquire | please enquire | please ask | call | call us | call for price | call for pricing
    call for a price | contact | contact us | contact me | contact seller | contact for price | contact for pricing
    contact us for price | email for price | message for price | dm for price | pm for price | price on request
    price upon request | on request | upon request | on application | price on application | price on enquiry
    request a quote | request quote | price tbc | price tbd | no price | see description | make an offer
    make offer | offer | offers | best offer | open to offers | any offers | vb | vhb | verhandlungsbasis
    negotiable | price negotiable | auf anfrage | preis auf anfrage | preis a. a. | preis vb | nach vereinbarung
    zu verhandeln | gegen gebot | sur demande | prix sur demande | nous consulter | nous contacter | à débattre
    prix à débattre | faire offre | a consultar | consultar | consultar precio | precio a consultar | a convenir
    precio a convenir | a negociar | su richiesta | prezzo su richiesta | da concordare | trattativa riservata
    contattare | op aanvraag | prijs op aanvraag | bieden | n.o.t.k. | notk | t.e.a.b. | prijs n.o.t.k.
    sob consulta | preço sob consulta | a combinar | preço a combinar | på förfrågan | pris på förfrågan
    efter aftale | pris efter aftale | etter avtale | do uzgodnienia | cena do uzgodnienia | na zapytanie
    cena na zapytanie | dohodou | договорная | цена договорная | по договоренности | по запросу | цена по запросу
    уточняйте | договірна | ціна договірна | fiyat sorunuz | fiyat sorun | sorunuz | ár megegyezés szerint
    kérdezzen | hỏi giá | liên hệ | nego | hubungi kami | 応相談 | 要相談 | お問い合わせ | 面议 | 价格面议 | 询价
    sold | verkauft | vendu | vendido | vendida | venduto | verkocht | såld | solgt | sprzedane | продано
    議價 | 협의 | 가격문의 | 가격 협의 | السعر عند الطلب | عند الطلب | اتصل | تماس بگیرید
    """)
)
"""Whole texts that say that there is no price."""

FREE = frozenset(
    word_list("""
    free | for free | free! | free of charge | free to collector | free to a good home | free item | giveaway
    give away | gratis | kostenlos | umsonst | geschenkt | zu verschenken | verschenke | offert | offerte | gratuit
    gratuite | à donner | a donner | don | gratuito | gratuita | se regala | regalo | in regalo | te geef
    gratis af te halen | gratis ophalen | grátis | doação | de graça | za darmo | za free | oddam za darmo | zdarma
    daruji | zadarmo | ingyen | ingyenes | бесплатно | даром | отдам даром | безкоштовно | віддам | ücretsiz
    bedava | bortskänkes | skänkes | gis bort | gives væk | ilmainen | annetaan | besplatno | miễn phí | 免费 | 免費
    無料 | 무료 | 나눔 | مجاني | مجانا | رایگان | मुफ़्त | मुफ्त
    """)
)
"""Whole texts that say that the item is given away."""

_QUALIFIERS = word_list("""
    vb | vhb | verhandlungsbasis | verhandelbar | fp | festpreis | fest | nur | preis | preis: | stückpreis | ono
    o.n.o | ovno | o.v.n.o | obo | o.b.o | or nearest offer | or near offer | or near offers | or best offer
    or offer | or offers | neg | negotiable | nego | non negotiable | non-negotiable | not negotiable
    slightly negotiable | firm | price firm | fixed | fixed price | asking price | asking | only | just | now
    price | price: | total | inc vat | inc. vat | incl vat | incl. vat | including vat | vat included | inkl. mwst
    inkl mwst | ttc | iva incl | iva incluido | iva incluida | iva inclusa | inc gst | incl gst | prix ferme | ferme
    prix | prix: | à débattre | négociable | negociable | no negociable | precio | precio: | precio fijo | prezzo
    prezzo: | trattabile | trattabili | non trattabile | tratt | prijs | vaste prijs | fast pris | prutbart | pris
    pris: | cena | cena: | do negocjacji | do uzgodnienia | цена | цена: | торг | без торга | pazarlık olur | harga
    nett | net
    """)
_FROM = word_list("""
    from | starting at | starting from | starts at | starts from | as low as | ab | von | à partir de | a partir de
    dès | desde | vanaf | vanf | da | a partire da | od | от | від | från | fra | fra: | mulai | mulai dari
    between | zwischen | entre | tra | từ
    """)
_TO = word_list("""
    to | up to | and | bis | und | à | a | et | y | e | hasta | al | tot | do | до | till | til | through | s/d
    đến
    """)
_PERIODS_AND_MEASURES = word_list("""
    month | months | mo | mth | mnth | calendar month | monat | mois | mes | mês | mese | maand | mnd | miesiąc
    mies | мес | месяц | week | wk | woche | semaine | semana | settimana | tydzień | неделя | day | tag | jour
    día | dia | giorno | dag | dzień | день | сутки | сут | night | nt | nacht | nuit | noche | noite | notte | hour
    hr | h | std | stunde | heure | hora | ora | uur | godz | час | year | yr | annum | jahr | an | année | año
    ano | anno | jaar | rok | год | kg | kilo | g | gram | gramm | lb | lbs | oz | t | ton | tonne | m | m2 | m3
    qm | sqm | sq m | sq ft | sqft | ft | metre | meter | mètre | metro | l | litre | liter | litro | ml | cl | yd
    yard | acre | ha | person | pp | pax | guest
    """)
_PIECES = word_list("""
    pc | pcs | piece | item | unit | each | ea | stk | stck | stück | st | pièce | pièces | piece | unité | pieza
    unidad | und | pezzo | stuk | szt | sztuka | шт | штука | ks | kus | db | adet | buah | set | pair | paar | pack
    """)
_ALONE = word_list(
    """
    pcm | pw | p.p | p/m | p/w | p.m | p.w | monthly | weekly | daily | a month | a week | a day | mtl | monatlich
    """
)
_PIECE_ALONE = word_list(
    """
    each | ea | apiece | a piece | le stück | stk | stück | das stück | la pièce | l'unité | l'unite | c/u | cad
    cadauno | szt
    """
)

_SCALES = {
    "k": 1_000, "thousand": 1_000, "tsd": 1_000, "tys": 1_000, "тыс": 1_000, "тис": 1_000, "ribu": 1_000, "rb": 1_000,
    "千": 1_000,
    "m": 1_000_000, "mn": 1_000_000, "mio": 1_000_000, "mln": 1_000_000, "million": 1_000_000, "millions": 1_000_000,
    "млн": 1_000_000, "juta": 1_000_000, "jt": 1_000_000, "triệu": 1_000_000, "万": 10_000, "萬": 10_000, "만": 10_000,
    "lakh": 100_000, "lakhs": 100_000, "lac": 100_000, "lacs": 100_000, "crore": 10_000_000, "crores": 10_000_000,
    "cr": 10_000_000,
}  # fmt: skip
"""Words that multiply an amount. `k` and `m` must touch it: `5 m` are metres."""


_ABOUT = word_list("""
    circa | about | approx | approximately | around | roughly | etwa | ungefähr | rund | env | environ | aprox
    aproximadamente | około | около | ongeveer | cirka
    """)
_ABOUT_MARK = r"ca\.|ca(?=\s*\d)|~|≈"
"""Without its dot, `ca` before a sign is Canada: `CA $5`."""


def _either(words: tuple[str, ...]) -> str:
    return "|".join(map(re.escape, sorted(words, key=len, reverse=True)))


_WORD_ENDS = r"(?![^\W\d_])"
QUALIFIER = rf"[\s,;:()\[\]*!–-]*(?<![^\W\d_])(?:{_either(_QUALIFIERS)}){_WORD_ENDS}[\s.,:()\[\]*!]*"
FROM = rf"(?:{_either(_FROM)}){_WORD_ENDS}[\s.:]*"
ABOUT = rf"(?:(?:{_either(_ABOUT)}){_WORD_ENDS}[\s.:]*|(?:{_ABOUT_MARK})\s*)"
TO = rf"\s*(?:[-–—~〜]|(?<![^\W\d_])(?:{_either(_TO)}){_WORD_ENDS})\s*"
_SCALE_WORDS = _either(tuple(word for word in _SCALES if word not in "km"))
SCALE = rf"(?:(?:(?<=\d)[km]|\s?(?:{_SCALE_WORDS}))(?![^\W\d_円元원])\.?)"
_PER = r"(?:\s*/\s*|\s+(?:per|pro|je|par|por|al|à|the|p\.)\s+)"
PER_MEASURE = rf"(?:{_PER}(?:{_either(_PERIODS_AND_MEASURES)})|\s*(?:{_either(_ALONE)})){_WORD_ENDS}\.?"
PER_PIECE = rf"(?:{_PER}(?:{_either(_PIECES)})|\s*(?:{_either(_PIECE_ALONE)})){_WORD_ENDS}\.?"


def scale_of(word: str | None) -> int:
    """Return what a match of `SCALE` multiplies an amount by; 1 without one."""
    return _SCALES[word.strip().rstrip(".")] if word else 1
