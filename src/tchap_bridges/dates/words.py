"""The words of moments and recurrences, and text folded so that each has one spelling."""

import re
import unicodedata
from typing import Final

END: Final = r"(?![a-z0-9])"
"""A word does not go on."""
WORD: Final = re.compile(r"(?<![a-z0-9'/:.-])(?=[a-z0-9])")
"""Where a word begins."""
CLOSING: Final = re.compile(r"[\s.!?,;:)]*")
EDGES: Final = " \t\n\r\u00a0\u202f,:;–—-"
"""What is between a phrase and the rest of the words."""


def listed(words: str, first: int) -> dict[str, int]:
    """The words, numbered."""
    return {word: n for n, word in enumerate(words.split(), first)}


_UNITS: Final = listed("un deux trois quatre cinq six sept huit neuf", 1)
_TEENS: Final = listed("dix onze douze treize quatorze quinze seize dix-sept dix-huit dix-neuf", 10)
_TENS: Final = {"vingt": 20, "trente": 30, "quarante": 40, "cinquante": 50}
_ENGLISH: Final = listed("one two three four five six seven eight nine ten eleven twelve", 1)
NUMBERS: Final = {
    **{f"{ten}-{unit}": more + n for ten, more in _TENS.items() for unit, n in _UNITS.items()},
    **{f"{ten} et {one}": more + 1 for ten, more in _TENS.items() for one in ("un", "une")},
    **(_UNITS | _TEENS | _TENS | _ENGLISH),
    "une": 1,
    "a": 1,
    "an": 1,
    "soixante": 60,
    "premier": 1,
    "first": 1,
}
WEEKDAYS: Final = (
    listed("lundi mardi mercredi jeudi vendredi samedi dimanche", 0)
    | listed("monday tuesday wednesday thursday friday saturday sunday", 0)
    | listed("lun. mar. mer. jeu. ven. sam. dim.", 0)
)
"""Monday is 0."""
MONTHS: Final = {
    **listed("janvier fevrier mars avril mai juin juillet aout septembre octobre novembre decembre", 1),
    **listed("january february march april may june july august september october november december", 1),
    "janv": 1,
    "jan": 1,
    "fevr": 2,
    "fev": 2,
    "feb": 2,
    "avr": 4,
    "apr": 4,
    "juil": 7,
    "aug": 8,
    "sept": 9,
    "sep": 9,
    "oct": 10,
    "nov": 11,
    "dec": 12,
}


def either(words: dict[str, int]) -> str:
    """A pattern of any of these words, the longest first."""
    return "|".join(sorted(map(re.escape, words), key=len, reverse=True))


NUMBER: Final = rf"(?:[0-9]{{1,6}}|{either(NUMBERS)})"
WEEKDAY: Final = rf"(?:{either(WEEKDAYS)})"
MONTH: Final = rf"(?:(?:{either(MONTHS)}){END}\.?)"


def number(word: str) -> int:
    """``"3"``, ``"trois"``, ``"vingt-cinq"``."""
    return int(word) if word.isdecimal() else NUMBERS[re.sub(r"\s+", " ", word)]


def month(word: str) -> int:
    return MONTHS[word.rstrip(".")]


def fold(text: str) -> str:
    """Lower case, no accents, plain spaces, apostrophes and hyphens; as long as *text*, character for character."""
    return "".join(map(_plain, text))


_PLAIN: Final = {"’": "'", "‘": "'", "ʼ": "'", "′": "'", "`": "'", "‐": "-", "‑": "-", "–": "-", "—": "-"}


def _plain(character: str) -> str:
    if character.isspace():
        return " "
    if character in _PLAIN:
        return _PLAIN[character]
    apart = unicodedata.normalize("NFKD", character).lower()
    first, plain = apart[:1], all(unicodedata.combining(mark) for mark in apart[1:])
    # "²" and "½" are no digits that people write a date with.
    return first if plain and (character.isdecimal() or not first.isdecimal()) else character
