"""Which encoding a text has that is not UTF-8 and does not say.

Nothing in a byte says what letter it is, so that the words around the bytes have to: in the right encoding
they are spelt with the letters of one language, in a wrong one with letters of several, with signs inside
words or capitals inside small letters. Where more than one encoding passes and there are words enough, a
library that knows the languages' usual sequences of letters decides; with few words it errs more than the
order of the table, the more usual encodings first.

Belongs here: the encodings that are looked for, and choosing one. Does not belong here: reading a file's
bytes (``text``), an encoding that somebody declared (``feeds``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

ENOUGH_WORDS = 8
"""Different words from which on the library is asked."""

_WESTERN = (
    *("äöüß", "àâæçèéêëîïôœùûüÿ", "áéíñóúü", "àáâãçéêíóôõúü", "àèéìòù", "éëïöü"),  # de fr es pt it nl
    *("æøåéö", "åäöé", "áéíóúýðþæö", "àçèéíïòóúü"),  # da and no, sv and fi, is, ca
)
_CENTRAL = (
    *("ąćęłńóśźż", "áčďéěíňóřšťúůýž", "áäčďéíĺľňóôŕšťúýž"),  # pl cs sk
    *("áéíóöőúüű", "čćđšž", "ăâîșțşţ"),  # hu, hr and sl, ro
)
_CYRILLIC = (
    "абвгдежзийклмнопрстуфхцчшщъыьэюяё",  # ru and bg
    "абвгґдеєжзиіїйклмнопрстуфхцчшщьюя",  # uk
    "абвгдђежзијклљмнњопрстћуфхцчџш",  # sr
)
_GREEK = ("αβγδεζηθικλμνξοπρσςτυφχψωάέήίόύώϊϋΐΰ",)
_TURKISH = ("çğıöşüâîûİ",)
_BALTIC = ("ąčęėįšųūž", "āčēģīķļņšūž", "äõöüšž")  # lt lv et

_ALPHABETS: dict[str, tuple[str, ...]] = {
    "cp1252": _WESTERN,
    "iso8859-15": _WESTERN,
    "cp1250": _CENTRAL,
    "iso8859-2": _CENTRAL,
    "cp1251": _CYRILLIC,
    "cp1253": _GREEK,
    "cp1254": _TURKISH,
    "cp1257": _BALTIC,
    "cp850": _WESTERN,
    "cp852": _CENTRAL,
    "cp866": _CYRILLIC,
    "cp857": _TURKISH,
    "mac-roman": _WESTERN,
}
"""Encodings of one byte a character: Windows' of each alphabet, the ISO ones beside them that Linux and
databases write, DOS's of old tills, and the Mac's. Left out is what differs in no letter from one of these
(cp437 from cp850, iso8859-1 from cp1252) and what no system has exported for decades (koi8, ebcdic)."""

_FREQUENT: dict[str, tuple[tuple[int, int], ...]] = {
    "cp932": ((0x81, 0x83), (0x88, 0x97)),
    "cp949": ((0xA1, 0xA3), (0xB0, 0xC8)),
    "gb18030": ((0xA1, 0xA3), (0xB0, 0xD7)),
    "big5": ((0xA1, 0xC6),),
}
"""Encodings of East Asia, each with the first bytes of its signs and of the characters in everyday use; the
Windows ones of Japan and Korea hold shift_jis and euc_kr."""

_SIGNS = frozenset("°€£§®©™«»„“”‚‘’–—…²³·ªº½¼¾±×µ´¡¿•†\u00a0")
_BETWEEN_LETTERS = frozenset("’´·\u00a0")
_FOREIGN = 0.6
"""What a word of another language of the same encoding counts."""

_LEAST, _CLOSE = 0.7, 0.02
"""Score below which nothing is chosen, and by how much one has to differ from another."""

_WORD = re.compile(r"[^\W\d_]+")
_SIGN_INSIDE = re.compile(f"[^\\W\\d_][{''.join(_SIGNS - _BETWEEN_LETTERS)}]+[^\\W\\d_]")
_BESIDE_LATIN = re.compile(r"[a-z][^\x00-\x7f]|[^\x00-\x7f][a-z]")
_LATIN = re.compile(r"[A-Za-z]")


def _both_cases(alphabet: str) -> frozenset[str]:
    return frozenset(alphabet + alphabet.upper())


_LETTERS = {
    encoding: [_both_cases(alphabet) for alphabet in alphabets] for encoding, alphabets in _ALPHABETS.items()
}


def found_encoding(words: Sequence[bytes]) -> str | None:
    """The encoding in which words are words; None where there is none.

    >>> found_encoding(["Käse".encode("cp1252"), "Brötchen".encode("cp1252")])
    'cp1252'
    >>> found_encoding(["молоко".encode("cp1251"), "Хлеб".encode("cp1251")])
    'cp1251'
    >>> found_encoding([b"a\\xa6b\\xacc"]) is None
    True

    Args:
        words: different ones, each with a byte that is not ASCII.
    """
    texts: dict[str, list[str]] = {}
    scores: dict[str, float] = {}
    for encoding in (*_ALPHABETS, *_FREQUENT):
        try:
            text = [word.decode(encoding) for word in words]
        except UnicodeDecodeError:
            continue
        if text not in texts.values() and not _is_mixed(words, text, encoding):
            texts[encoding], scores[encoding] = text, _score(text, encoding)
    best = max(scores.values(), default=0.0)
    if best < _LEAST:
        return None
    alike = {encoding: texts[encoding] for encoding, score in scores.items() if score > best - _CLOSE}
    return _most_usual(alike) if len(alike) > 1 and len(words) >= ENOUGH_WORDS else next(iter(alike))


def _score(words: Sequence[str], encoding: str) -> float:
    """From 0 to 1: how far words are spelt as words are, in one language or at least in some."""
    if encoding in _FREQUENT:
        return sum(_everyday_share(word, encoding) for word in words) / len(words)
    spelt = [word for word in words if _is_spelt(word, encoding)]
    letters = [frozenset(filter(_is_no_ascii, word)) - _SIGNS for word in spelt]
    covered = [[found <= alphabet for alphabet in _LETTERS[encoding]] for found in letters]
    of_one = max(map(sum, zip(*covered, strict=True)), default=0)
    of_another = sum(map(any, covered)) - of_one
    return (of_one + _FOREIGN * of_another) / len(words)


def _is_mixed(words: Sequence[bytes], texts: Sequence[str], encoding: str) -> bool:
    """Whether a word that is none in the encoding is one in UTF-8: two encodings in one text."""
    for word, text in zip(words, texts, strict=True):
        if not _is_spelt(text, encoding):
            try:
                word.decode()
            except UnicodeDecodeError:
                continue
            return True
    return False


def _is_no_ascii(character: str) -> bool:
    return character > "\x7f"


def _is_spelt(text: str, encoding: str) -> bool:
    """Whether no sign is inside a word, and capitals are at its beginning or all through it."""
    if encoding in _FREQUENT:
        return not _BESIDE_LATIN.search(text)
    has_own_script = _ALPHABETS[encoding] in (_CYRILLIC, _GREEK)
    return not _SIGN_INSIDE.search(text) and all(
        (len(word) == 1 or word.isupper() or word[1:].islower())
        and not (has_own_script and _LATIN.search(word))
        for word in _WORD.findall(text)
        if not word.isascii()
    )


def _everyday_share(word: str, encoding: str) -> float:
    """Share of a word's East Asian characters that are in everyday use; none of one that Latin ones touch."""
    if not _is_spelt(word, encoding):
        return 0.0
    firsts = [character.encode(encoding)[0] for character in word if _is_no_ascii(character)]
    everyday = sum(any(low <= first <= high for low, high in _FREQUENT[encoding]) for first in firsts)
    return everyday / max(1, len(firsts))


def _most_usual(texts: Mapping[str, Sequence[str]]) -> str:
    """The encoding whose text has the sequences of letters of some language most."""
    from charset_normalizer import from_bytes

    first = next(iter(texts))
    sample = " ".join(texts[first]).encode(first)
    best = from_bytes(sample, cp_isolation=list(texts)).best()
    if best is None:
        return first
    text = sample.decode(best.encoding)
    return next((encoding for encoding in texts if sample.decode(encoding) == text), first)
