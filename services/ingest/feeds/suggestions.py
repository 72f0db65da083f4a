"""Suggests a column mapping for an unknown header: by usual column names, and by near spellings. Pure."""

from __future__ import annotations

import json
import re
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from services.ingest.cleaning.attributes import WELL_KNOWN
from services.ingest.cleaning.repairs import Repair
from services.ingest.feeds.columns import REQUIRED, Columns
from services.ingest.feeds.detection import nearest_preset
from services.ingest.feeds.header_keys import header_key
from services.ingest.feeds.samples import are_image_urls, fits
from services.reason_codes import ListingFlag

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from services.ingest.feeds.header import FoundColumns

_WORDS = {
    "id": "id sku productid itemid listingid adid articleid offerid itemnumber articlenumber productcode itemcode "
    "code handle reference ref uid guid uuid asin partnumber artikelnummer identifiant _id",
    "title": "title name producttitle productname itemtitle itemname listingtitle adtitle heading headline subject "
    "label titel bezeichnung titre nom titulo nombre titolo",
    "category": "category categories categoryname categorypath productcategory producttype type department section "
    "rubric group taxonomy breadcrumb breadcrumbs kategorie rubrik categorie categoria",
    "description": "description productdescription longdescription shortdescription text details body bodyhtml "
    "content summary beschreibung descripcion descrizione",
    "price": "saleprice price regularprice currentprice sellingprice listprice unitprice askingprice retailprice "
    "amount cost preis prix precio prezzo",
    "currency": "currency currencycode waehrung währung devise moneda",
    "location": "location locationcity city town place locationtown locationname addresscity region address county ort "
    "standort stadt ville ciudad",
    "photos": "photos photo images image pictures picture imageurl imageurls imagelink imagelinks imagesrc photourl "
    "photourls pictureurl pictureurls picurl img imgs imgurl foto fotos bild bilder bildurl imagen imagenes "
    "imágenes immagini gallery thumbnail thumbnailurl media mainimage mainphoto primaryimage",
    "seller": "seller sellerid shopid storeid merchantid vendorid ownerid userid "
    "sellername shop store merchant owner user username",
    "listed_at": "listedat posted postedat created createdat creationdate dateadded addedat publishedat listingdate "
    "startdate date datum",
    "url": "url link producturl itemurl listingurl permalink href webpage",
    "sold": "sold issold soldat verkauft vendu vendido venduto",
    "availability": "availability available stockstatus instock status quantity stock",
}
"""Keys of column names by field, the likeliest first."""

_NEAR = 0.84
"""Similarity of two names from which one is a misspelling of the other: `Titlle` 0.91, `prise` and `price` 0.8."""

_ADVISED = 0.75
"""The same for columns that an error names, which people look at before they use one."""

_NO_PHOTOS = ("logo", "avatar", "icon", "video", "position", "alttext", "count")
"""Parts of the names of columns that are no photos of an item, whatever their values."""

_NUMBERED_END = re.compile(r"\d+$")
_NUMBERED = re.compile(r"(?P<stem>.*\D)\d{1,2}")


def suggest_toml(present: Sequence[str], samples: Mapping[str, Sequence[str]] | None = None) -> str:
    """Return a mapping of a table's columns as TOML, with a comment for each needed field that no column suits.

    Of a column of objects, the paths into them are columns. A column whose values do not fit a field is not taken.

    Args:
        present: the columns and paths.
        samples: values of each; see `sample_values`.
    """
    samples = samples or {}
    objects = {path.rpartition(".")[0] for path in present}
    left = dict.fromkeys(path for path in present if path not in objects)
    lines = ["[listings]"]
    for name, words in _WORDS.items():
        fitting = {column: None for column in left if fits(name, samples.get(column, ()))}
        others = {column: None for column in left if column not in fitting}
        suited = _photos(fitting) if name == "photos" else _best(fitting, words.split())
        left = {column: None for column in left if column in fitting or column in others}
        if suited:
            lines.append(f"{name} = {json.dumps(suited, ensure_ascii=False)}")
        elif name in REQUIRED:
            lines.append(f'# {name} = "..."   # needed: name its column')
        elif name in ("description", "price", "location"):
            lines.append(f'{name} = ""   # no column found')
    attributes = [(name, _best(left, words)) for name, words in WELL_KNOWN.items()]
    if any(column for _name, column in attributes):
        lines += ["", "[attributes]"]
        lines += [f"{name} = {json.dumps(column, ensure_ascii=False)}" for name, column in attributes if column]
    return "\n".join(lines) + "\n"


def unused_photos(
    found: FoundColumns, present: Sequence[str], samples: Mapping[str, Sequence[str]]
) -> tuple[Repair, ...]:
    """Return the notice about columns that look like photos, by name or by values, and that no field uses."""
    named = _WORDS["photos"].split()
    unused = list[str]()
    for name in present:
        values = samples.get(name, ())
        is_named = any(_NUMBERED_END.sub("", header_key(part)) in named for part in name.split("."))
        is_other = any(word in header_key(name) for word in _NO_PHOTOS)
        looks = (is_named and fits("photos", values)) or are_image_urls(values)
        if values and looks and not is_other and not any(overlap(name, one) for one in (*found.columns, *unused)):
            unused.append(name)
    if not unused:
        return ()
    wanted = [*(name for name in found.fields["photos"] if name not in found.absent), *unused]
    value = json.dumps(wanted[0] if len(wanted) == 1 else wanted, ensure_ascii=False)
    return (Repair(ListingFlag.UNUSED_PHOTO_COLUMN, "photos", ", ".join(unused), f"map photos = {value}"),)


def overlap(name: str, used: str) -> bool:
    """Say whether a column or path is used itself, or by a path into it or around it."""
    return name == used or name.startswith(f"{used}.") or used.startswith(f"{name}.")


def suggest_change(preset: str, found: FoundColumns) -> str:
    """Return a change of a preset as TOML: the needed fields for which the table lacks the columns of the preset."""
    lines = [f'{name} = "..."   # needed: name its column, instead of {columns}' for name, columns in found.missing]
    return "\n".join([f'preset = "{preset}"', "", "[listings]", *(f"# {line}" for line in lines)]) + "\n"


def advice(columns: Columns, found: FoundColumns, present: Sequence[str]) -> str:
    """Return sentences about an export that the header nearly is, and columns whose names are near missing ones."""
    near = nearest_preset(present) if columns.is_default else None
    left = {name: None for name in present if name not in found.columns}
    nearest = [(field, _best(left, _words(field, names), least=_ADVISED)) for field, names in found.missing]
    shown = ", ".join(f"{column!r} for {field}" for field, column in nearest if column)
    sentences = [f"The nearest columns are {shown}. "] if shown else []
    if near is not None:
        preset, missing = near
        lacking = ", ".join(map(repr, missing))
        sentences.insert(0, f"The columns look like those of the preset {preset.name!r}, but lack {lacking}. ")
    return "".join(sentences)


def _words(field: str, names: str) -> list[str]:
    """Return the keys of what a missing column may be called instead."""
    return [*map(header_key, names.split(" or ")), *_WORDS.get(field, "").split()]


def _best(left: dict[str, None], words: Sequence[str], *, least: float = _NEAR) -> str:
    """Take the column out of `left` that suits the words best, and return it; empty if none does."""
    keys = {_key(name): name for name in reversed(left)}
    exact = next((keys[word] for word in words if word in keys), "")
    if not exact:
        likely = [(_similarity(key, word), name) for key, name in keys.items() for word in words[:6]]
        likeness, exact = max(likely, default=(0.0, ""))
        exact = exact if likeness >= least else ""
    left.pop(exact, None)
    return exact


def _key(name: str) -> str:
    """Return the key of a column, or of a path without its dots; `_id`, a database's own, stays apart from `id`."""
    return f"{'_' * name.startswith('_')}{header_key(name).replace('.', '')}"


def _photos(left: dict[str, None]) -> str | list[str]:
    """Return the photo columns: a pattern for numbered ones, addresses in objects, else the best and those like it."""
    words = _WORDS["photos"].split()
    stems = [match["stem"] for name in left if (match := _NUMBERED.fullmatch(name))]
    for stem in dict.fromkeys(stems):
        if header_key(stem) in words and stems.count(stem) > 1:
            for name in [name for name in left if name.startswith(stem)]:
                del left[name]
            return f"{stem}*"
    best = _best(left, words) or next(filter(_is_address_of_photo, left), "")
    left.pop(best, None)
    further = [name for name in left if best and header_key(name).endswith(header_key(best))]
    for name in further:
        del left[name]
    return [best, *further] if further else best


def _is_address_of_photo(path: str) -> bool:
    """Say whether a path leads to the address of a photo: `media.images.url`."""
    *objects, last = map(header_key, path.split("."))
    return last in ("url", "src", "href", "link") and not set(objects).isdisjoint(_WORDS["photos"].split())


def _similarity(key: str, word: str) -> float:
    if len(word) >= 4 and len(key) >= 4 and (key.startswith(word) or key.endswith(word)):
        return 0.9
    return SequenceMatcher(None, key, word).ratio()
