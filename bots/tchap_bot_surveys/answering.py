"""What somebody typed, as the answer to one question; and that answer said back. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from tchap_bot_surveys.model import LONGEST_ANSWER, Answer, Kind, Question, labels
from tchap_bridges.dates import said_date
from tchap_bridges.dates.meaning import meant
from tchap_bridges.dates.saying import MONTHS
from tchap_bridges.errors import Misconfigured
from tchap_bridges.i18n import Language, Phrase, Translator, _

_NUMBER: Final = re.compile(r"[-+]?\d{1,12}(?:[.,]\d{1,6})?")
_NO_OPTION: Final = _("ce n'est pas un des choix")
_BETWEEN: Final = re.compile(r"\s*(?:[,;/+&]|\bet\b|\band\b)\s*")
_SHORT: Final = {
    **dict.fromkeys(("o", "y", "yes", "oui", "👍", "✅"), ("oui", "yes")),
    **dict.fromkeys(("n", "no", "non", "👎", "❌"), ("non", "no")),
}
_MONTHS: Final = {Translator(language)(month): n for language in ("fr", "en") for n, month in enumerate(MONTHS, 1)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """What somebody has typed, and when. ``exact``: take no date that would have to be said back."""

    words: str
    when: datetime
    zone: ZoneInfo
    language: Language
    exact: bool = False


def read(question: Question, typed: Typed) -> Answer:
    """Raises `Misconfigured` that says what can be answered, and where ``exact`` repeats none of the words."""
    words = typed.words.strip()
    match question.kind:
        case Kind.ONE:
            return (_option(question, words),)
        case Kind.SEVERAL:
            return _several(question, words)
        case Kind.SCALE:
            return (_scale(question, words),)
        case Kind.NUMBER:
            return (_number(words),)
        case Kind.DATE:
            return (_date(words, typed).isoformat(),)
        case Kind.TEXT:
            return (_text(words),)


def shown(question: Question, answer: Answer, language: Language) -> Phrase | str:
    """The answer as it was understood."""
    if not answer:
        return _("(passée)")
    match question.kind:
        case Kind.ONE | Kind.SEVERAL:
            return ", ".join(question.options[int(one) - 1] for one in answer)
        case Kind.DATE:
            return said_date(date.fromisoformat(answer[0]))
        case Kind.SCALE | Kind.NUMBER:
            return decimal(answer[0], language)
        case Kind.TEXT:
            return answer[0]


def decimal(number: str, language: Language) -> str:
    """A number as it is written in that language."""
    return number.replace(".", ",") if language == "fr" else number


def numbered(question: Question) -> list[str]:
    """Its options, each with its label."""
    return [f"{label}. {text}" for label, text in zip(labels(question.options), question.options, strict=True)]


def chosen(question: Question, words: str) -> str | None:
    """The place of the option that is meant by its label or its text, "1" for the first."""
    said = words.strip().casefold().rstrip(".)")
    texts = [option.casefold() for option in question.options]
    places: dict[str, int] = {label: n for n, label in enumerate(labels(question.options), 1)}
    places |= {text: n for n, text in enumerate(texts, 1)}
    for meaning in (words.strip().casefold(), said, *_SHORT.get(said, ())):
        if meaning in places:
            return str(places[meaning])
    return None


def _option(question: Question, words: str) -> str:
    found = chosen(question, words)
    if found is None:
        raise Misconfigured(_NO_OPTION, remedy=_choices(question))
    return found


def _several(question: Question, words: str) -> Answer:
    if (whole := chosen(question, words)) is not None:
        return (whole,)
    found = set(_options(question, words))
    if not found:
        raise Misconfigured(_NO_OPTION, remedy=_choices(question))
    return tuple(sorted(found, key=int))


def _options(question: Question, words: str) -> Iterator[str]:
    for part in filter(None, _BETWEEN.split(words)):
        if (one := chosen(question, part)) is not None:
            yield one
        else:  # "1 3"
            yield from (_option(question, word) for word in part.split())


def _scale(question: Question, words: str) -> str:
    said = words.removesuffix(f"/{question.high}").strip()
    if not re.fullmatch(r"[-+]?\d{1,6}", said) or not question.low <= int(said) <= question.high:
        raise Misconfigured(
            _("il faut un nombre entier de {low} à {high}", low=question.low, high=question.high),
            remedy=_("Exemple : {n}", n=question.high),
        )
    return str(int(said))


def _number(words: str) -> str:
    said = re.sub(r"[\s\u00a0\u202f](?=\d{3}(?!\d))", "", words)
    if not _NUMBER.fullmatch(said):
        raise Misconfigured(_("il faut un nombre"), remedy=_("Exemples : 12 ou 3,5"))
    return f"{Decimal(said.replace(',', '.')).normalize() + 0:f}"  # and minus nothing is nothing


def _date(words: str, typed: Typed) -> date:
    """A day with its year may be past; any other is the next, and asked back when it may be several."""
    if (whole := re.fullmatch(r"(?:le\s+)?(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})", words)) is not None:
        return _day(whole[3], whole[2], whole[1])
    if (whole := re.fullmatch(r"(\d{4})-(\d{2})-(\d{2})", words)) is not None:
        return _day(whole[1], whole[2], whole[3])
    named = re.fullmatch(r"(?:le\s+)?(\d{1,2})(?:er)?\s+([^\W\d]+)\s+(\d{4})", words.casefold())
    if named is not None and named[2] in _MONTHS:
        return _day(named[3], str(_MONTHS[named[2]]), named[1])
    if typed.exact:
        raise Misconfigured(_("il faut un jour avec son année"), remedy=_("Exemple : 28/02/2027"))
    return meant(words, typed.when, typed.zone, typed.language).at.astimezone(typed.zone).date()


def _day(year: str, month: str, day: str) -> date:
    try:
        return date(int(year), int(month), int(day))
    except ValueError as error:
        raise Misconfigured(_("ce n'est pas un jour du calendrier"), remedy=_("Exemple : 28/02/2027")) from error


def _text(words: str) -> str:
    if not words:
        raise Misconfigured(_("il faut une réponse"))
    if len(words) > LONGEST_ANSWER:
        raise Misconfigured(_("c'est trop long : {n} caractères au plus", n=LONGEST_ANSWER))
    return words


def _choices(question: Question) -> Phrase:
    told = " ; ".join(
        f"{label}. {text}" for label, text in zip(labels(question.options), question.options, strict=True)
    )
    return _("Choix : {options}", options=told)
