"""The texts of a listing: title, description, price, place, seller and date."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from ml.sample.kinds import ADJECTIVES

if TYPE_CHECKING:
    import numpy as np

    from ml.sample.draw import Pattern
    from ml.sample.kinds import Kind

PLACES = (
    ("Wokingham", "Berkshire"), ("Stroud", "Gloucestershire"), ("Whitby", "North Yorkshire"), ("Kendal", "Cumbria"),
    ("Ely", "Cambridgeshire"), ("Truro", "Cornwall"), ("Bakewell", "Derbyshire"), ("Lewes", "East Sussex"),
    ("Ludlow", "Shropshire"), ("Hexham", "Northumberland"), ("Delph", "Manchester"), ("Crosby", "Merseyside"),
    ("Stratford", "London"), ("Camberwell", "London"), ("Leith", "Edinburgh"), ("Partick", "Glasgow"),
    ("Inverness", "Highland"), ("Mumbles", "Swansea"), ("Roath", "Cardiff"), ("Bangor", "County Down"),
    ("Holywood", "Belfast"), ("Cromer", "Norfolk"), ("Louth", "Lincolnshire"), ("Frome", "Somerset"),
    ("Totnes", "Devon"), ("Hitchin", "Hertfordshire"), ("Witney", "Oxfordshire"), ("Deal", "Kent"),
    ("Saltaire", "West Yorkshire"), ("Melrose", "Scottish Borders"), ("Harborne", "Birmingham"), ("Clifton", "Bristol"),
)  # fmt: skip
"""Town and county."""

SELLERS = (
    "attic-finds", "bargain_bea", "bric.a.brac", "clearout-clive", "cosy-corner", "dales_dave", "fern&co",
    "good-as-new", "happy_hal", "ivy-house", "jumble-jo", "kiln-lane", "lofthouse", "mags_maps", "nearly-new-nell",
    "old-mill-shop", "pre.loved", "quayside", "re-store", "second-spring", "thrift_theo", "upcycled-uma",
    "village-hall", "wren_street",
)  # fmt: skip
"""Names on the site, those with the most listings first."""

FIRST_DAY, DAYS = date(2025, 1, 1), 365
"""First day and number of days in which listings were published; fixed, so the catalogue is the same on any day."""

_UNKNOWN = 0.05
"""Share of listings without a seller; the same share has no date."""

_TITLE_ENDS = ("", "", "", "", " for sale", " - great condition", " (collection only)", ", hardly used", " - bargain!")

_CONDITIONS = (
    "In good condition.",
    "In very good condition, from a smoke-free home.",
    "Some signs of use, see photos.",
    "Like new, only tried once.",
    "Used, but still good for years.",
    'The shop called it "vintage"; we just call it lovely.',
    'My daughter says it is "the best one ever", but we have no room.',
)

_FAREWELLS = (
    "Collection from {town}, please.",
    "Pick up in {town}, cash, no offers.",
    "Can deliver around {town}, {county}, for petrol money.",
    "Moving house, so it must go this week.",
    "First come, first served.",
    "Open to sensible offers, swaps, or cake.",
)


def title_of(kind: Kind, names: tuple[str, str], style: str, *, pattern: Pattern, rng: np.random.Generator) -> str:
    """Return a title such as 'Teal striped wing-back armchair' or 'Two-tone red and cream jug kettle'."""
    colour, second = names
    colours = (
        f"{colour} and {second}" if pattern == "two-tone" or (pattern != "plain" and rng.random() < 0.4) else colour
    )
    words = (ADJECTIVES[pattern], colours) if pattern == "two-tone" else (colours, ADJECTIVES[pattern])
    text = " ".join(word for word in (*words, style, kind.name) if word)
    return text[0].upper() + text[1:] + _TITLE_ENDS[rng.integers(len(_TITLE_ENDS))]


def description_of(
    kind: Kind, names: tuple[str, str], place: tuple[str, str], *, pattern: Pattern, rng: np.random.Generator
) -> str:
    """Return three or four sentences; in one of four descriptions line breaks separate them."""
    colour, second = names
    looks = {"plain": f"with {second} parts", "two-tone": f"and {second}"}.get(
        pattern, f"{ADJECTIVES[pattern]} with {second}"
    )
    detail = kind.details[rng.integers(len(kind.details))]
    condition = _CONDITIONS[rng.integers(len(_CONDITIONS))]
    farewell = _FAREWELLS[rng.integers(len(_FAREWELLS))].format(town=place[0], county=place[1])
    article = "An" if kind.name[0] in "aeiou" else "A"
    sentences = [f"{article} {kind.name}, {colour} {looks}.", detail, condition, farewell]
    if rng.random() < 0.3:
        del sentences[2]
    return ("\n" if rng.random() < 0.25 else " ").join(sentences)


def price_of(kind: Kind, rng: np.random.Generator) -> str:
    """Return a price in the kind's range, such as '£1,250.00'; low prices are more frequent than high ones."""
    low, high = kind.prices
    return written_price(low * (high / low) ** rng.random())


def written_price(pounds: float) -> str:
    """Return a price such as '£1,250.00', rounded as sellers do."""
    step = 0.5 if pounds < 10 else 1 if pounds < 30 else 5
    return f"£{round(pounds / step) * step:,.2f}"


def seller_of(rng: np.random.Generator) -> str:
    """Return a seller, or '' for one listing in 20; some sellers have many more listings than others."""
    place = int(len(SELLERS) * rng.random() ** 2)
    return "" if rng.random() < _UNKNOWN else SELLERS[place]


def listed_at_of(rng: np.random.Generator) -> str:
    """Return the day of publication, such as '2025-03-31', or '' for one listing in 20."""
    day = FIRST_DAY + timedelta(days=int(rng.integers(DAYS)))
    return "" if rng.random() < _UNKNOWN else day.isoformat()


def with_site_suffix(title: str, place: tuple[str, str]) -> str:
    return f"{title} | in {place[0]}, {place[1]} | Gumtree"
