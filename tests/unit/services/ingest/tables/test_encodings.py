"""Text in any encoding is read, mended and flagged, or the file is refused; it never becomes other letters silently."""

from __future__ import annotations

import gzip
import json

import pytest

from services.errors import ListingsFileError
from services.ingest.cleaning.raw_listing import RawListing
from services.ingest.tables.formats import open_table
from services.ingest.tables.rows import ColumnSelection, FileFormat, Row
from tests.unit.services.ingest.feeds.listing_files import HEADER, ROW, desk_listing, read, read_only_listing

WESTERN = {
    "English": "Café table, £5 – “as new”",
    "signs": "—“À”… «Ô» ££££ “£5” ••• €½ 5½m² 3×4° ©®™",
    "French": "Étagère en chêne, créée à la main, où l’on range tout; très belle pièce façonnée",
    "German": "Schöner großer Küchentisch aus Eiche, für fünf Gäste, Öl geölt, Füße weiß",
    "Spanish": "Mesa de niño pequeña, ¿cuánto? ¡Más económica! Sillón, baño y jardín",
    "Portuguese": "Coleção de peças, condição ótima, não está à venda separada, balcão e fogão",
    "Italian": "Perché è più bello così: città, qualità, virtù, caffè e tè",
    "Swedish": "Soffa i gott skick, går att köpa på Öland, småländsk träbänk, två fåtöljer",
    "Danish": "Sofa på Ærø, køkkenbord og smørrebrød, blå stol, hjørnereol",
    "Icelandic": "Þýðingarmikið borð, fæst ódýrt í Reykjavík, góður sófi og ísskápur",
    "Catalan": "Cadira d’època, col·lecció única, peça de qualitat i preu mòdic",
}
LATIN = {
    "Polish": ("cp1250", "Stół dębowy, łóżko i półka na książki, świetny stan, żółte krzesło, miś gratis"),
    "Czech": ("cp1250", "Stůl z dubu, křeslo, žlutá židle, velmi dobrý stav, příborník, skříň, dřevěný nábytek"),
    "Hungarian": ("cp1250", "Tölgyfa íróasztal, szőnyeg, fűtőtest, gyönyörű bőr ülőgarnitúra, első osztályú"),
    "Turkish": ("cp1254", "Ahşap masa, çok güzel ışıklı lamba, kırmızı koltuk, ağır sandalye, yeni gibi, İstanbul"),
    "Lithuanian": ("cp1257", "Ąžuolinis stalas, kėdė, šviestuvas, žalia sofa, puikios būklės, įvairūs daiktai, čia"),
}
SCRIPTS = {
    "Russian": ("cp1251", "Деревянный стол, отличное состояние, Москва"),
    "Russian in KOI8": ("koi8_r", "Деревянный стол, отличное состояние, Москва"),
    "Russian in DOS": ("cp866", "Деревянный стол, отличное состояние, Москва"),
    "Greek": ("cp1253", "Ξύλινο τραπέζι σε άριστη κατάσταση, Αθήνα"),
    "Hebrew": ("cp1255", "שולחן עץ במצב מצוין, תל אביב"),
    "Arabic": ("cp1256", "طاولة خشبية بحالة ممتازة في القاهرة"),
    "Thai": ("cp874", "โต๊ะไม้สภาพดีมาก กรุงเทพ"),
    "Japanese": ("cp932", "木製のテーブル、とても良い状態です。東京"),
    "Katakana": ("cp932", "テーブルランプ"),
    "Japanese on Unix": ("euc_jp", "木製のテーブル、とても良い状態です。東京"),
    "Chinese": ("gb18030", "木桌子，状态很好，北京"),
    "Taiwanese": ("big5", "木桌子，狀態很好，台北"),
    "Korean": ("cp949", "원목 테이블, 상태 아주 좋음, 서울"),
}


PLAIN_ROW = ROW.replace("£", "")


def table(text: str) -> str:
    return HEADER + PLAIN_ROW.replace("Solid oak", '"' + text.replace('"', '""') + '"')


@pytest.mark.parametrize("text", WESTERN.values(), ids=WESTERN)
def test_reads_and_flags_each_cell_that_a_spreadsheet_of_western_europe_wrote(file, text):
    listing = read_only_listing(file("a.csv", table(text).encode("cp1252")))
    assert listing.description == text
    [repair] = [repair for repair in listing.repairs if repair.field == "product_description"]
    assert (repair.flag, repair.after) == ("not_utf8", text)
    assert repair.before == text.encode("cp1252").decode(errors="backslashreplace")


@pytest.mark.parametrize(("code_page", "text"), [*LATIN.values(), *SCRIPTS.values()], ids=[*LATIN, *SCRIPTS])
def test_refuses_a_file_in_another_code_page_and_reads_it_with_its_encoding(file, code_page, text):
    path = file("a.csv", table(text).encode(code_page))
    with pytest.raises(ListingsFileError, match=r"is not UTF-8.* set encoding.* in the mapping's \[file\] table"):
        read(path)
    columns = ("product_description", "location")
    [row] = open_table(path, FileFormat(encoding=code_page)).rows(ColumnSelection(columns))
    assert row == Row(2, {"product_description": text, "location": "Leeds"})


@pytest.mark.parametrize("name", ["Russian", "Russian in KOI8", "Greek", "Japanese", "Chinese", "Korean"])
def test_names_the_likely_encoding(file, name):
    code_page, text = SCRIPTS[name]
    path = file("a.csv", HEADER.encode() + (PLAIN_ROW.replace("Solid oak", '"' + text + '"') * 20).encode(code_page))
    with pytest.raises(ListingsFileError, match=f"set encoding = '{code_page}'"):
        read(path)


OLDER = [name for name in WESTERN if name not in ("English", "signs", "Icelandic")]


@pytest.mark.parametrize("code_page", ["mac_roman", "cp850", "cp437"])
@pytest.mark.parametrize("name", OLDER)
def test_names_the_code_page_of_a_mac_or_of_dos(file, name, code_page):
    text = WESTERN[name].replace("’", "'").replace("ã", "a").replace("õ", "o").replace("ø", "ö")
    path = file("a.csv", table(text).encode(code_page, "ignore"))
    with pytest.raises(ListingsFileError, match=f"set encoding = .*'{code_page.replace('437', '850')}'"):
        read(path)


def test_two_letters_of_a_mac_are_enough(file):
    with pytest.raises(ListingsFileError, match="look like Mac Roman"):
        read(file("a.csv", table("Bücherregal schön").encode("mac_roman")))


def test_a_few_letters_of_a_mac_do_not_refuse_a_file_of_utf8(file):
    content = (HEADER + ROW.replace("Desk", "Tür aus Glas, für Gäste".replace(",", "")) * 9).encode()
    assert len(read(file("a.csv", content + table("schön").encode("mac_roman")[len(HEADER) :]))) == 10


def test_refuses_a_file_whose_foreign_letters_begin_late(file):
    code_page, text = SCRIPTS["Russian"]
    rows = (HEADER + ROW * 5000).encode() + PLAIN_ROW.replace("Solid oak", text.replace(",", "")).encode(code_page)
    with pytest.raises(ListingsFileError, match="windows-1251"):
        read(file("a.csv", rows))


@pytest.mark.parametrize("encode", [str.encode, lambda text: gzip.compress(text.encode())])
def test_mends_a_few_stray_bytes_in_a_file_of_utf8(file, encode):
    good, bad = SCRIPTS["Russian"][1].replace(",", ""), b"Caf\xe9"
    content = (HEADER + ROW.replace("Solid oak", good) * 20).encode() + ROW.encode().replace(b"Solid oak", bad)
    *others, last = read(file("a.csv", content))
    assert {listing.description for listing in others if isinstance(listing, RawListing)} == {good}
    assert isinstance(last, RawListing)
    assert (last.description, last.flags) == ("Café", ("not_utf8",))


def test_refuses_json_lines_in_another_code_page(file):
    code_page, text = SCRIPTS["Russian"]
    with pytest.raises(ListingsFileError, match="windows-1251"):
        read(file("a.jsonl", json.dumps({"id": "1", "product_name": text}, ensure_ascii=False).encode(code_page)))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8-sig"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_reads_text_with_a_byte_order_mark(file, encoding, line_end):
    path = file("a.csv", (HEADER + ROW).replace("\n", line_end).encode(encoding))
    assert read(path) == [desk_listing(path, 2)]


@pytest.mark.parametrize("mark", [b"\xef\xbb\xbf" * 2, b"\xef\xbb\xbf" * 3])
def test_ignores_repeated_byte_order_marks(file, mark):
    path = file("a.csv", mark + (HEADER + ROW).encode())
    assert read(path) == [desk_listing(path, 2)]


def test_reads_utf16_without_a_mark_if_told(file):
    path = file("a.csv", (HEADER + ROW).encode("utf-16-le"))
    [row] = open_table(path, FileFormat(encoding="utf-16-le")).rows(ColumnSelection(("price",)))
    assert row == Row(2, {"price": "£5.00"})


@pytest.mark.parametrize("encoding", ["latin-17", "base64", "\N{SNOWMAN}"])
def test_refuses_an_unknown_encoding(file, encoding):
    path = file("a.csv", HEADER + ROW)
    with pytest.raises(ListingsFileError, match="unknown encoding"):
        open_table(path, FileFormat(encoding=encoding))


def test_refuses_an_encoding_that_is_not_the_files(file):
    path = file("a.csv", (HEADER + ROW).encode("cp1252"))
    with pytest.raises(ListingsFileError, match="is not ascii text: the bytes a3 have no meaning"):
        list(open_table(path, FileFormat(encoding="ascii")).rows(ColumnSelection(("price",))))
