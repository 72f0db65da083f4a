"""Tells a file in another code page from one in Windows-1252 or with a few stray bytes.

Spreadsheet programs of western Europe save CSV as Windows-1252: single letters such as `é` between ASCII letters, and
signs such as `£`. Read as Windows-1252, text of other code pages becomes other letters, and nobody notices. It shows in
three ways:

- Scripts other than Latin have words of bytes beyond ASCII: three and more in a row.
- Mac Roman and the code pages of DOS have their letters where Windows-1252 has capitals and signs, which no word has
  between small letters: `BŸcherregal`, `K”penick`.
- Latin scripts of other code pages use letters that belong to one alphabet in that code page, but to no alphabet of
  western Europe in Windows-1252.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

import charset_normalizer

from services.errors import ListingsFileError

if TYPE_CHECKING:
    from pathlib import Path

_RUN = re.compile("[^\x00-\x7f]+")
_STRAY = re.compile("[\udc80-\udcff]+")
CUT_CHARACTER = re.compile(rb"(?:[\xe0-\xef][\x80-\xbf]|[\xf0-\xf4][\x80-\xbf]{1,2})(?![\x80-\xbf])")
"""A character in UTF-8 that lacks its last byte or bytes."""

_NEVER_WESTERN = frozenset(b"\x81\x83\x88\x8d\x8f\x90\x98\x9d")
"""Bytes that Windows-1252 leaves undefined or hardly ever uses, and that begin characters in Shift-JIS."""

_MARKS = frozenset("‘’‚“”„•–—…´·\xad\xa0×".encode("cp1252"))
"""Signs that stand between letters too."""

_BEFORE_WORDS = frozenset("‚„”".encode("cp1252"))
"""Marks that do not stand between two letters; the first two not after one either."""

_AROUND_WORDS = "“”„‘’‚«»‹›¡¿…–—•£€¥°®™".encode("cp1252")
"""Signs that stand before and after words."""

_WESTERN = ("àâæçéèêëîïôœùûüÿ", "äöüßéà", "áéíñóúüª", "àáâãçéêíóôõúü", "àèéìíîòóùú", "åäöæøé", "áéëíïóöú", "áéíóúýþæöð",
            "àçéèíïóòúü")  # fmt: skip
"""The letters beyond ASCII of French, German, Spanish, Portuguese, Italian, the Nordic languages, Dutch and Catalan."""

_OTHERS = {
    "cp1250": ("ąćęłńóśźż", "áčďéěíňóřšťúůýž", "áäčďéíĺľňóôŕšťúýž", "áéíóöőúüű", "ăâîşţ", "čćđšž"),
    "cp1254": ("çğıİöşüâîû",),
    "cp1257": ("ąčęėįšųūž", "āčēģīķļņšūž"),
}
"""The letters of Polish, Czech, Slovak, Hungarian, Romanian and Croatian; of Turkish; of Lithuanian and Latvian."""

_OLDER = ("mac_roman", "cp850")
"""Code pages of western Europe on old Macs (and in Excel for Mac), and in DOS, whose letters code page 437 shares."""

_FEWEST_INSIDE = 2
_FITTING = 0.9

_SCRIPTS = ["cp1251", "koi8_r", "cp866", "cp1253", "cp1255", "cp1256", "cp874", "cp932", "euc_jp", "gb18030", "big5",
            "cp949"]  # fmt: skip
_NAMES = {"cp932": "Shift-JIS", "gb18030": "GBK or GB 18030", "big5": "Big5", "euc_jp": "EUC-JP", "koi8_r": "KOI8-R",
          "mac_roman": "Mac Roman", "cp850": "code page 850", "cp866": "code page 866", "cp949": "EUC-KR"}  # fmt: skip

_FEWEST_LETTERS = 5
_SAMPLE = 1 << 15
_ALL = 0.97


class StrayBytes:
    """Counts the bytes of a file that are not UTF-8."""

    def __init__(self) -> None:
        self._utf8 = self._foreign = 0
        self._letters, self._inside, self._near = Counter[int](), Counter[int](), 0
        self._sample = bytearray()

    def add(self, text: str) -> None:
        """Count a line; bytes that are not UTF-8 are surrogates in it."""
        if text.isascii():
            return
        has_stray_bytes = False
        for run in _RUN.finditer(text):
            stray = "".join(_STRAY.findall(run[0]))
            if stray and not CUT_CHARACTER.fullmatch(stray.encode("utf-8", "surrogateescape")):
                self._add_run(text, run)
                has_stray_bytes = True
            else:
                self._utf8 += sum(map(str.isalpha, run[0]))
        if has_stray_bytes and len(self._sample) < _SAMPLE:
            self._sample += text[:_SAMPLE].encode("utf-8", "surrogateescape")

    def refuse_other_code_page(self, path: Path) -> None:
        """Raise ListingsFileError if most letters beyond ASCII are neither UTF-8 nor Windows-1252."""
        if older := self._older_code_page():
            raise _refusal(path, older)
        if self._foreign > max(self._utf8, self._letters.total()):
            raise _refusal(path, self._script())
        if self._letters.total() >= max(_FEWEST_LETTERS, self._utf8) and (code_page := self._latin_code_page()):
            raise _refusal(path, code_page)

    def _add_run(self, text: str, run: re.Match[str]) -> None:
        content = run[0].encode("utf-8", "surrogateescape")
        self._add_inside(text, run, content)
        strange = sum(byte in _NEVER_WESTERN for byte in content)
        word = content.strip(_AROUND_WORDS)
        if strange or (len(word) > 2 and len(set(word)) > 1):
            self._foreign += len(content) + strange
            return
        around = text[run.start() - 1 : run.start()] + text[run.end() : run.end() + 1]
        is_inside = len(around) == 2 and around.isalpha()
        self._letters.update(byte for byte in content if _is_letter(byte, is_inside=is_inside))

    def _add_inside(self, text: str, run: re.Match[str], content: bytes) -> None:
        """Count bytes beside letters, and those between a letter and a small one, or letters at the end of a word."""
        around = text[max(0, run.start() - 1) : run.start()], text[run.end() : run.end() + 1]
        self._near += len(content) if any(map(str.isalpha, around)) else 0
        before, after = ("".join(filter(str.isascii, letter)) for letter in around)
        if before.isalpha() and after.islower():
            self._inside.update(content)
        elif before.islower() and not after.isalpha():
            self._inside.update(byte for byte in content if byte in b"\x82\x84" or _character(byte, "cp1252").isalpha())

    def _older_code_page(self) -> str:
        """Return the code page of Mac or DOS that turns nearly all bytes in words into small letters, or both."""
        total = self._inside.total()
        judged = total - sum(self._inside[byte] for byte in _MARKS - _BEFORE_WORDS)
        if judged < _FEWEST_INSIDE or total < self._utf8 or total * 3 < self._near:
            return ""
        shares = {name: self._small_letters(name) / total for name in _OLDER}
        is_western = self._small_letters("cp1252") > judged / 2
        fitting = [name for name in _OLDER if shares[name] == max(shares.values()) >= _FITTING]
        return "" if is_western else " or ".join(fitting)

    def _small_letters(self, code_page: str) -> int:
        """Return how many bytes between small letters are small letters of western Europe."""
        letters = "".join(_WESTERN) + "’·"
        return sum(count for byte, count in self._inside.items() if _character(byte, code_page) in letters)

    def _script(self) -> str:
        found = charset_normalizer.from_bytes(bytes(self._sample), cp_isolation=_SCRIPTS).best()
        return "" if found is None else found.encoding

    def _latin_code_page(self) -> str:
        """Return the code page in which nearly all letters are of one alphabet, more than in Windows-1252."""
        western = max(self._share("cp1252", alphabet) for alphabet in _WESTERN)
        shares = {name: max(self._share(name, alphabet) for alphabet in _OTHERS[name]) for name in _OTHERS}
        best = max(shares, key=lambda name: shares[name])
        return best if shares[best] >= _ALL and shares[best] > western else ""

    def _share(self, code_page: str, alphabet: str) -> float:
        """Return the share of the letters that are of an alphabet."""
        letters = {byte for byte in range(0x80, 0x100) if _character(byte, code_page) in alphabet + alphabet.upper()}
        return sum(self._letters[byte] for byte in letters) / self._letters.total()


def _is_letter(byte: int, *, is_inside: bool) -> bool:
    """Say whether a byte is a letter; in other code pages many signs of Windows-1252 are."""
    return byte not in _MARKS and (is_inside or _character(byte, "cp1252").isalpha())


def _character(byte: int, code_page: str) -> str:
    return bytes([byte]).decode(code_page, "replace")


def _refusal(path: Path, code_page: str) -> ListingsFileError:
    names = [_NAMES.get(each, each.replace("cp", "windows-")) for each in code_page.split(" or ")]
    name = " or ".join(names)
    looks = f"its letters beyond ASCII look like {name}" if name else "most of its letters beyond ASCII are not"
    setting = "encoding = '{}'".format(code_page.replace(" or ", "' or '")) if name else "encoding"
    return ListingsFileError(
        path, f"is not UTF-8: {looks}", f"Save it as UTF-8, or set {setting} in the mapping's [file] table"
    )
