"""The names in a zip, as text.

A zip marks a name as UTF-8 or leaves its encoding open. An open one is code page 437 by the format; in truth it is in
the encoding of the machine that made the zip. All open names are read in one encoding: UTF-8 where they are valid, as
macOS and others write them; else code page 437 where that gives words; else the encoding that gives words where no
other does. If several do and there is enough text, charset-normalizer chooses.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from grid_datastores.sources.zipfields import unicode_name

if TYPE_CHECKING:
    import zipfile
    from collections.abc import Callable, Iterable, Mapping, Sequence

_IS_UTF8 = 0x800  # the flag
_FORMAT = "cp437"
_SAMPLE = 100  # names that are looked at
_LONGEST = 512  # bytes of a name that is looked at
_ENOUGH = 8  # letters outside ASCII to choose by, where several encodings give words
_LIKELY = 0.7  # the share of letters in words from which on it may be the encoding
_AHEAD = 0.3  # by so much of a share it is more likely than another
_WORD = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True, slots=True)
class ZipNames:
    """One name for each file, and what to tell the user of how they were read, if anything."""

    names: Sequence[str]
    note: str = ""


def read_names(infos: Sequence[zipfile.ZipInfo]) -> ZipNames:
    """The names of all files, in order."""
    raw = [b"" if info.flag_bits & _IS_UTF8 else info.orig_filename.encode(_FORMAT) for info in infos]
    names = [unicode_name(info, data) if data else info.orig_filename for info, data in zip(infos, raw, strict=True)]
    untold = {data for name, data in zip(names, raw, strict=True) if name is None and not data.isascii()}
    encoding, note = _decide(untold)
    return ZipNames(
        [data.decode(encoding) if name is None else name for name, data in zip(names, raw, strict=True)], note
    )


def _decide(untold: set[bytes]) -> tuple[str, str]:
    """The encoding that all these names are valid in, and what to tell of it."""
    if _all_valid(untold, "utf-8"):
        return "utf-8", ""
    sample = b"\n".join(islice((name for name in sorted(untold) if len(name) <= _LONGEST), _SAMPLE))
    if _words(sample, _FORMAT, _accented) >= _LIKELY:
        return _FORMAT, ""
    guess = _guess(sample)
    if guess == _FORMAT:
        return _FORMAT, ""
    if guess and _all_valid(untold, guess):
        return guess, f"the zip does not say how its file names are encoded; they were read as {guess}"
    return _FORMAT, (
        "the zip does not say how its file names are encoded; they were read as cp437, the format's own encoding,"
        " and may be wrong. Make the zip with names in UTF-8 to be sure"
    )


def _guess(sample: bytes) -> str:
    """The encoding in which the sample is words; "" where none is, or more than one and nothing decides."""
    shares = [
        max(((_words(sample, name, score), name) for name, score in family.items()), key=lambda share: share[0])
        for family in _FAMILIES
    ]
    highest = max(share for share, _ in shares)
    likely = [name for share, name in shares if share >= max(_LIKELY, highest - _AHEAD)]
    return _chosen(sample, likely) if len(likely) > 1 else "".join(likely)


def _chosen(sample: bytes, encodings: list[str]) -> str:
    if min(len(_high(sample.decode(name))) for name in encodings) < _ENOUGH:
        return ""
    from charset_normalizer import from_bytes

    found = from_bytes(sample, cp_isolation=encodings, enable_fallback=False).best()
    return found.encoding if found else ""


def _words(sample: bytes, encoding: str, score: Callable[[str, str], float]) -> float:
    """The share of the sample's letters outside ASCII that stand in words, if read in this encoding."""
    try:
        text = sample.decode(encoding)
    except UnicodeDecodeError:
        return 0
    return score(text, encoding) / max(1, len(_high(text)))


def _accented(text: str, _encoding: str, most: float = 0.49) -> float:
    """Accented letters stand among plain ones, and are not more than `most` of a word's letters on average."""
    words = [word for word in _WORD.findall(text) if not word.isascii()]
    accented = [char for word in words for char in _high(word)]
    if any(not "\u00c0" <= char <= "\u017f" for char in accented) or len(accented) > most * sum(map(len, words)):
        return 0
    return sum(len(_high(word)) for word in words if _case(word))


def _latin(text: str, encoding: str) -> float:
    """The same of languages with many accents; they are not what code page 437 is for."""
    return _accented(text, encoding, 0.67)


def _alphabet(letters: str) -> Callable[[str, str], float]:
    """Words are of these letters alone."""
    known = frozenset(letters + letters.upper())

    def score(text: str, _encoding: str) -> float:
        return sum(len(word) * _case(word) for word in _WORD.findall(text) if known.issuperset(word))

    return score


def _case(word: str) -> float:
    """How usual the capitals of a word are; another encoding of the same alphabet often turns them round."""
    if word.islower() or (word.istitle() and len(word) > 1):
        return 1
    return 0.65 if word.isupper() and len(word) > 1 else 0


def _everyday(*ranges: tuple[int, int], least: int = 0x40) -> Callable[[str, str], float]:
    """The characters of every day have these codes, with a second byte of at least `least`; rare ones have others.

    A character between two small Latin letters is none: that is how an accent reads in an East Asian encoding.
    """

    def score(text: str, encoding: str) -> float:
        alone = re.sub(r"(?<=[a-z])[^\x00-\x7f](?=[a-z])", "", text)
        codes = [char.encode(encoding) for char in _high(alone)]
        return sum(
            code[-1] >= least and any(first <= int.from_bytes(code, "big") <= last for first, last in ranges)
            for code in codes
        )

    return score


def _high(text: str) -> list[str]:
    return [char for char in text if not char.isascii()]


def _all_valid(names: Iterable[bytes], encoding: str) -> bool:
    try:
        for name in names:
            name.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


_cyrillic = _alphabet("абвгдежзийклмнопрстуфхцчшщъыьэюяё")
_greek = _alphabet("αβγδεζηθικλμνξοπρσςτυφχψωάέήίόύώ")
# Of one family the first of the best is taken: its encodings agree in most letters, or are told apart by the case.
_FAMILIES: tuple[Mapping[str, Callable[[str, str], float]], ...] = (
    {_FORMAT: _latin, "cp1252": _latin, "cp850": _latin, "cp1250": _latin, "cp852": _latin},
    {"cp1251": _cyrillic, "cp866": _cyrillic, "koi8_r": _cyrillic},
    {"cp1253": _greek},
    {"cp932": _everyday((0x8158, 0x815B), (0x829F, 0x8396), (0x889F, 0x9872))},  # kana, and kanji of level 1
    {"gb18030": _everyday((0xB0A1, 0xD7FE), least=0xA1)},  # hanzi of level 1
    {"big5": _everyday((0xA440, 0xC67E))},  # the same of Taiwan
    {"cp949": _everyday((0xB0A1, 0xC8FE), least=0xA1)},  # hangul
)
