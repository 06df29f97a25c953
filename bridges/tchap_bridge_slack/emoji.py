"""Emoji by their names in Slack, both ways. Pure.

Slack's names are the short names of emoji-datasource (https://github.com/iamcal/emoji-data), and ``scripts/emoji``
makes the table beside this file of it. A skin tone is a second name, ``wave::skin-tone-2`` (light) to ``6`` (dark); two
people may have one each, ``people_holding_hands::skin-tone-2-6``.
"""

import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Final, NamedTuple

_TONES: Final = "🏻🏼🏽🏾🏿"
_FIRST_TONE: Final = 2
"""Fitzpatrick's types 1 and 2 share the first tone."""
_VARIATION = re.compile("[\ufe0e\ufe0f]")
_NAME = re.compile(r":?([^:\s]+?)(?:::?skin-tone-([2-6])(?:-([2-6]))?)?:?")
_ALSO: Final = {"simple_smile": "🙂", "black_square": "◼️", "white_square": "◻️"}
"""Names that every workspace has beside those of the table."""


class _Table(NamedTuple):
    unicode: dict[str, str]
    """Short name → emoji."""
    forms: dict[str, tuple[str, ...]]
    """Short name → how the emoji takes tones: 1 and 2 are the places of the first and the second."""
    names: dict[str, str]
    """Emoji with its variation selectors and tones → the name to write."""
    bare: dict[str, str]
    """The same without variation selectors."""


def unicode_of(name: str) -> str | None:
    """The emoji of a name, with or without colons and skin tone; None for one that the workspace made.

    A tone that the emoji cannot take is left out.
    """
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    base, first, second = match.groups()
    table = _table()
    found = table.unicode.get(base)
    if found is None or first is None:
        return found
    return _toned(table.forms.get(base, ()), first, second) or found


def name_of(unicode: str) -> str | None:
    """The name of an emoji, ``name`` or ``name::skin-tone-N``; None for what is no emoji.

    Variation selectors may be there or not: networks and keyboards do not agree on them.
    """
    table = _table()
    return table.names.get(unicode) or table.bare.get(_VARIATION.sub("", unicode))


def parts(text: str) -> Iterator[tuple[str, str | None]]:
    """The text in pieces: words with None, and emoji with their name.

    An emoji that is not written as Unicode wants (``©`` alone is a sign among letters) stays among the words.
    """
    position = 0
    for match in _finder().finditer(text):
        if match.start() > position:
            yield text[position : match.start()], None
        yield match[0], _table().names[match[0]]
        position = match.end()
    if position < len(text):
        yield text[position:], None


def _toned(forms: tuple[str, ...], first: str, second: str | None) -> str | None:
    one, two = (_TONES[int(tone) - _FIRST_TONE] for tone in (first, second or first))
    wanted = [form for form in forms if ("2" in form) == (second is not None)] or list(forms)
    return wanted[0].replace("1", one).replace("2", two) if wanted else None


@cache
def _table() -> _Table:
    table = _Table({}, {}, {}, {})
    lines = files(__package__).joinpath("emoji.tsv").read_text(encoding="utf-8").splitlines()
    for line in lines[1:]:
        unicode, names, *rest = line.split("\t")
        forms = tuple(rest[0].split(" ")) if rest else ()
        first, *_ = names.split(" ")
        for name in names.split(" "):
            table.unicode[name] = unicode
            table.forms[name] = forms
        _name(table, unicode, first)
        for form in sorted(forms, key=len, reverse=True):
            for one, two in _tones(form, alone=len(forms) == 1):
                toned = form.replace("1", _TONES[one]).replace("2", _TONES[two])
                suffix = f"{one + _FIRST_TONE}" + (f"-{two + _FIRST_TONE}" if one != two else "")
                _name(table, toned, f"{first}::skin-tone-{suffix}")
    for name, unicode in _ALSO.items():
        table.unicode.setdefault(name, unicode)
    return table


def _tones(form: str, *, alone: bool) -> Iterator[tuple[int, int]]:
    """Two equal tones are one where the emoji has no form of its own for it."""
    for one in range(len(_TONES)):
        for two in range(len(_TONES)) if "2" in form else (one,):
            if alone or "2" not in form or one != two:
                yield one, two


def _name(table: _Table, unicode: str, name: str) -> None:
    table.names.setdefault(unicode, name)
    table.bare.setdefault(_VARIATION.sub("", unicode), name)


@cache
def _finder() -> re.Pattern[str]:
    """Every emoji of the table, the longest first, but none that is a part of one that the table has not."""
    known = sorted((one for one in _table().names if one not in _TONES), key=len, reverse=True)
    return re.compile(f"(?<!\u200d)(?:{'|'.join(map(re.escape, known))})(?![\u200d\ufe0e\ufe0f{_TONES}])")
