"""Decodes the names in a zip.

A zip marks a name as UTF-8 or leaves its encoding open. By the format, an open name is code page 437; in practice it
has the encoding of the machine that made the zip. All open names are decoded with one encoding: UTF-8 if they are all
valid UTF-8 (as from macOS); else code page 437 if that gives words; else the only encoding that gives words. If several
give words and there is enough text, charset-normalizer chooses.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from grid_datastores.sources.zip_fields import unicode_name

if TYPE_CHECKING:
    import zipfile
    from collections.abc import Callable, Iterable, Mapping, Sequence

_IS_UTF8 = 0x800  # the flag
_FORMAT = "cp437"
_MAX_SAMPLED_NAMES = 100
_MAX_SAMPLED_LENGTH = 512  # bytes; longer names are not sampled
_MIN_LETTERS = 8  # letters outside ASCII that charset-normalizer needs to choose
_MIN_SHARE = 0.7  # an encoding is likely if this share of the letters outside ASCII is in words
_CLEAR_LEAD = 0.3  # an encoding whose share is lower than the highest by more than this is not likely
_WORD = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True, slots=True)
class ZipNames:
    """One name for each file. `note` tells the user how the names were decoded ("" if nothing is unusual)."""

    names: Sequence[str]
    note: str = ""


def read_names(infos: Sequence[zipfile.ZipInfo]) -> ZipNames:
    """Return the names of all files, in order."""
    raw = [b"" if info.flag_bits & _IS_UTF8 else info.orig_filename.encode(_FORMAT) for info in infos]
    names = [unicode_name(info, data) if data else info.orig_filename for info, data in zip(infos, raw, strict=True)]
    unmarked = {data for name, data in zip(names, raw, strict=True) if name is None and not data.isascii()}
    encoding, note = _decide(unmarked)
    return ZipNames(
        [data.decode(encoding) if name is None else name for name, data in zip(names, raw, strict=True)], note
    )


def _decide(unmarked: set[bytes]) -> tuple[str, str]:
    """Return an encoding in which all these names are valid, and the note for the user."""
    if _all_valid(unmarked, "utf-8"):
        return "utf-8", ""
    sample = b"\n".join(
        islice((name for name in sorted(unmarked) if len(name) <= _MAX_SAMPLED_LENGTH), _MAX_SAMPLED_NAMES)
    )
    if _word_share(sample, _FORMAT, _accented) >= _MIN_SHARE:
        return _FORMAT, ""
    guess = _guess(sample)
    if guess == _FORMAT:
        return _FORMAT, ""
    if guess and _all_valid(unmarked, guess):
        return guess, f"the zip does not say how its file names are encoded; they were read as {guess}"
    return _FORMAT, (
        "the zip does not say how its file names are encoded; they were read as cp437, the format's own encoding,"
        " and may be wrong. Make the zip with names in UTF-8 to be sure"
    )


def _guess(sample: bytes) -> str:
    """Return the encoding in which the sample is words, or "" if there is none or the choice is unclear."""
    shares = [
        max(((_word_share(sample, name, score), name) for name, score in family.items()), key=lambda share: share[0])
        for family in _FAMILIES
    ]
    highest = max(share for share, _ in shares)
    likely = [name for share, name in shares if share >= max(_MIN_SHARE, highest - _CLEAR_LEAD)]
    return _detect(sample, likely) if len(likely) > 1 else "".join(likely)


def _detect(sample: bytes, encodings: list[str]) -> str:
    if min(len(_non_ascii(sample.decode(name))) for name in encodings) < _MIN_LETTERS:
        return ""
    from charset_normalizer import from_bytes

    found = from_bytes(sample, cp_isolation=encodings, enable_fallback=False).best()
    return found.encoding if found else ""


def _word_share(sample: bytes, encoding: str, score: Callable[[str, str], float]) -> float:
    """Return the share of the sample's letters outside ASCII that are in words if it has this encoding."""
    try:
        text = sample.decode(encoding)
    except UnicodeDecodeError:
        return 0
    return score(text, encoding) / max(1, len(_non_ascii(text)))


def _accented(text: str, _encoding: str, max_share: float = 0.49) -> float:
    """Score text in which accented letters stand among plain ones and are at most `max_share` of an average word."""
    words = [word for word in _WORD.findall(text) if not word.isascii()]
    accented = [char for word in words for char in _non_ascii(word)]
    if any(not "\u00c0" <= char <= "\u017f" for char in accented) or len(accented) > max_share * sum(map(len, words)):
        return 0
    return sum(len(_non_ascii(word)) for word in words if _case(word))


def _latin(text: str, encoding: str) -> float:
    """Score text in languages with many accents, which code page 437 does not cover."""
    return _accented(text, encoding, 0.67)


def _alphabet(letters: str) -> Callable[[str, str], float]:
    """Return a function that scores the words in a text that consist of these letters."""
    known = frozenset(letters + letters.upper())

    def score(text: str, _encoding: str) -> float:
        return sum(len(word) * _case(word) for word in _WORD.findall(text) if known.issuperset(word))

    return score


def _case(word: str) -> float:
    """Return how usual a word's capitals are. The wrong encoding of the right alphabet often inverts them."""
    if word.islower() or (word.istitle() and len(word) > 1):
        return 1
    return 0.65 if word.isupper() and len(word) > 1 else 0


def _common_characters(*ranges: tuple[int, int], min_second_byte: int = 0x40) -> Callable[[str, str], float]:
    """Return a function that scores characters in these ranges of common codes, with a high enough second byte.

    A character between two small Latin letters does not count: an accent looks like that in an East Asian encoding.
    """

    def score(text: str, encoding: str) -> float:
        standalone = re.sub(r"(?<=[a-z])[^\x00-\x7f](?=[a-z])", "", text)
        codes = [char.encode(encoding) for char in _non_ascii(standalone)]
        return sum(
            code[-1] >= min_second_byte and any(first <= int.from_bytes(code, "big") <= last for first, last in ranges)
            for code in codes
        )

    return score


def _non_ascii(text: str) -> list[str]:
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
# The first of the best encodings of a family wins. They agree in most letters, or differ in the case that they give.
_FAMILIES: tuple[Mapping[str, Callable[[str, str], float]], ...] = (
    {_FORMAT: _latin, "cp1252": _latin, "cp850": _latin, "cp1250": _latin, "cp852": _latin},
    {"cp1251": _cyrillic, "cp866": _cyrillic, "koi8_r": _cyrillic},
    {"cp1253": _greek},
    {"cp932": _common_characters((0x8158, 0x815B), (0x829F, 0x8396), (0x889F, 0x9872))},  # kana, and kanji of level 1
    {"gb18030": _common_characters((0xB0A1, 0xD7FE), min_second_byte=0xA1)},  # hanzi of level 1
    {"big5": _common_characters((0xA440, 0xC67E))},  # hanzi of level 1, in Taiwan
    {"cp949": _common_characters((0xB0A1, 0xC8FE), min_second_byte=0xA1)},  # hangul
)
