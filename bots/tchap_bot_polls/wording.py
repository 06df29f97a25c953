"""The words that every form of a result shares: numbers, the outcome, the turnout, the rules. Pure.

French spaces follow the Lexique des règles typographiques en usage à l'Imprimerie nationale: a whole no-break space
before a colon and within « », a narrow one before ; ! ? and %, and between thousands.
"""

import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Final

from tchap_bot_polls.model import Count, Kind, Majority, Outcome, Result, Rules, Tie
from tchap_bot_polls.signs import alphabetical, clean, shown
from tchap_bridges.i18n import Language, Translator

NARROW: Final = "\u202f"
_BEFORE: Final = re.compile(r" (?=[;!?%])")
_WHOLE: Final = re.compile(r" (?=[:»])|(?<=«) ")
_NAMED: Final = 6
"""So many answers are named in a sentence; the others are counted."""
_IN_SENTENCE: Final = 60


class Words:
    """Sentences in one language. In French our own words have their spaces, and people's are left as they are."""

    def __init__(self, language: Language) -> None:
        self.language: Language = language
        self._translator = Translator(language)

    def gettext(self, msgid: str, /, **values: str) -> str:
        return self._form(msgid, None, 1).format(**values)

    def ngettext(self, one: str, many: str, n: int, /, **values: str) -> str:
        return self._form(one, many, n).format(n=self.number(n), **values)

    def _form(self, msgid: str, many: str | None, n: int) -> str:
        form = self._translator.form(msgid, many, n)
        return _WHOLE.sub("\u00a0", _BEFORE.sub(NARROW, form)) if self.language == "fr" else form

    def number(self, n: int) -> str:
        return f"{n:,}".replace(",", NARROW) if self.language == "fr" else f"{n:,}"

    def percent(self, part: int, whole: int) -> str:
        """To a whole, of a thousand and more to a tenth. What is not nothing, or not all, is never called so."""
        digits = 1 if whole >= 1000 else 0
        share = Fraction(part, whole) if whole else Fraction(0)
        tenth = 10**digits
        rounded = int(share * 100 * tenth + Fraction(1, 2))
        least, sign = 1, ""
        if part and rounded < least:
            rounded, sign = least, "<"
        elif share < 1 and rounded >= 100 * tenth:
            rounded, sign = 100 * tenth - least, ">"
        shown = f"{rounded / tenth:.{digits}f}"
        if self.language == "fr":
            return f"{sign}{NARROW}{shown.replace('.', ',')}{NARROW}%".lstrip(NARROW)
        return f"{sign}{shown}%"

    def listed(self, items: Sequence[str], most: int = _NAMED) -> str:
        """``A, B et C``, or ``A, B et 18 autres``."""
        if len(items) > most:
            rest = len(items) - most
            return self.ngettext("{some} et {n} autre", "{some} et {n} autres", rest, some=", ".join(items[:most]))
        if len(items) < 2:
            return "".join(items)
        return self.gettext("{some} et {last}", some=", ".join(items[:-1]), last=items[-1])


def whole(result: Result) -> int:
    """What a share is a share of: the valid votes; of a ranked poll those that its last round still counts."""
    if result.rules.kind is Kind.RANKED:
        return sum(count.votes for count in result.counts)
    return result.voted


def voters(result: Result, count: Count) -> tuple[str, ...]:
    """Who chose it, in the order of their names; nobody in a secret poll, whatever the result holds."""
    named = () if result.rules.secret else count.voters
    return tuple(sorted((clean(name) or "…" for name in named), key=alphabetical))


def left(result: Result) -> dict[str, int]:
    """In which round of a ranked poll each answer went out; those that stayed are not there."""
    return {id_: n for n, one in enumerate(result.rounds, 1) for id_ in one.out}


def given(words: Words, result: Result, count: Count) -> str:
    """What one answer was given: ``6 voix (60 %)``."""
    share = words.percent(count.votes, whole(result))
    if result.rules.kind is Kind.DATE:
        maybe = words.ngettext("{n} si besoin", "{n} si besoin", count.maybe)
        yes = words.ngettext("{n} oui", "{n} oui", count.votes)
        return f"{yes}, {maybe} ({share})"
    if count.option.id in (out := left(result)) and not count.votes:
        return words.gettext("éliminée au tour {n}", n=words.number(out[count.option.id]))
    return words.ngettext("{n} voix ({share})", "{n} voix ({share})", count.votes, share=share)


def leaders(result: Result) -> tuple[Count, ...]:
    """The winners, or of a tie those that are level; nobody where nothing was decided."""
    if result.outcome not in {Outcome.WON, Outcome.TIED}:
        return ()
    if result.winners:
        return tuple(count for count in result.counts if count.option.id in result.winners)
    top = max(map(_rank, result.counts), default=(0, 0))
    return tuple(count for count in result.counts if _rank(count) == top)


def _rank(count: Count) -> tuple[int, int]:
    return count.votes, count.maybe


def names_of(result: Result) -> dict[str, str]:
    """What each answer is called within a sentence, by its id."""
    return {count.option.id: shown(count.option.text, _IN_SENTENCE) for count in result.counts}


def outcome(words: Words, result: Result, called: Mapping[str, str] | None = None) -> str:
    """What was decided, or why nothing; no full stop. ``called``: names for answers whose own will not do, by id."""
    called = names_of(result) if called is None else called
    first = leaders(result)
    names = words.listed([called[count.option.id] for count in first])
    match result.outcome:
        case Outcome.WON:
            beaten = _beaten(result, first)
            if beaten:
                others = words.listed([called[count.option.id] for count in beaten])
                return words.gettext(
                    "Réponse retenue : {answer} (à égalité avec {others}, mais la première dans la question)",
                    answer=names,
                    others=others,
                )
            if len(first) > 1:
                return words.gettext("Réponses retenues : {answers}", answers=names)
            return words.gettext("Réponse retenue : {answer}", answer=names)
        case Outcome.TIED:
            return words.gettext("Égalité entre {answers}", answers=names)
        case Outcome.NO_MAJORITY:
            if result.rules.majority is Majority.TWO_THIRDS:
                return words.gettext("Pas de majorité des deux tiers")
            return words.gettext("Pas de majorité absolue")
        case Outcome.NO_QUORUM:
            return words.ngettext(
                "Le quorum de {quorum} n'est pas atteint : {n} votant",
                "Le quorum de {quorum} n'est pas atteint : {n} votants",
                result.voted,
                quorum=words.number(result.rules.quorum),
            )
        case Outcome.NO_VOTE:
            if result.spoiled or result.unreadable:
                return words.gettext("Aucun vote valable")
            return words.gettext("Personne n'a voté")


def _beaten(result: Result, first: Sequence[Count]) -> list[Count]:
    """Those level with the one winner, whom only the order of the question put behind."""
    if result.rules.tie is not Tie.FIRST or len(first) != 1:
        return []
    return [one for one in result.counts if one not in first and _rank(one) == _rank(first[0]) and one.votes]


def turnout(words: Words, result: Result) -> list[str]:
    """How many voted, of how many, and which votes did not count: a sentence each."""
    if result.entitled and result.voted <= result.entitled:
        said = words.ngettext(
            "{n} votant sur {entitled} ({share})",
            "{n} votants sur {entitled} ({share})",
            result.voted,
            entitled=words.number(result.entitled),
            share=words.percent(result.voted, result.entitled),
        )
    else:
        said = words.ngettext("{n} votant", "{n} votants", result.voted)
    found = [said]
    if result.spoiled:
        found.append(words.ngettext("{n} vote nul", "{n} votes nuls", result.spoiled))
    if result.unreadable:
        found.append(words.ngettext("{n} vote illisible", "{n} votes illisibles", result.unreadable))
    return found


def rounds(words: Words, result: Result) -> list[str]:
    """The rounds of an instant run-off, a sentence each."""
    names = names_of(result)
    found = []
    for n, one in enumerate(result.rounds, 1):
        votes = ", ".join(f"{names.get(id_, id_)} {words.number(votes)}" for id_, votes in one.votes)
        said = words.gettext("Tour {n} : {votes}", n=words.number(n), votes=votes)
        if one.out:
            out = words.listed([names.get(id_, id_) for id_ in one.out])
            gone = words.ngettext("éliminée : {answers}", "éliminées : {answers}", len(one.out), answers=out)
            said = words.gettext("{said} ; {more}", said=said, more=gone)
        if one.exhausted:
            used = words.ngettext("{n} bulletin épuisé", "{n} bulletins épuisés", one.exhausted)
            said = words.gettext("{said} ; {more}", said=said, more=used)
        found.append(said)
    return found


def warnings(words: Words, result: Result) -> list[str]:
    """What a secret poll's result tells all the same."""
    if not result.rules.secret or not result.counts or not result.voted:
        return []
    if result.voted == 1:
        return [words.gettext("⚠ Une seule personne a voté : ce résultat est son vote.")]
    if result.voted == 2:
        return [words.gettext("⚠ Deux personnes ont voté : chacune sait ce que l'autre a choisi.")]
    if result.rules.kind is not Kind.RANKED and any(one.votes == result.voted for one in result.counts):
        return [words.gettext("⚠ Tous ont choisi la même réponse : ce résultat dit ce que chacun a voté.")]
    return []


def rules(words: Words, given_rules: Rules) -> list[str]:
    """How the poll is counted, a sentence each."""
    return [
        _kind(words, given_rules),
        _majority(words, given_rules),
        words.gettext("En cas d'égalité : la première dans la question l'emporte")
        if given_rules.tie is Tie.FIRST
        else words.gettext("En cas d'égalité : toutes celles qui sont à égalité sont annoncées"),
        words.ngettext("Quorum : {n} votant", "Quorum : {n} votants", given_rules.quorum)
        if given_rules.quorum
        else words.gettext("Quorum : aucun"),
        words.gettext("Vote secret : personne n'apprend qui a choisi quoi")
        if given_rules.secret
        else words.gettext("Vote nominatif : on peut voir qui a choisi quoi"),
    ]


def _kind(words: Words, given_rules: Rules) -> str:
    match given_rules.kind:
        case Kind.SINGLE:
            return words.gettext("Chacun choisit une réponse")
        case Kind.SEVERAL:
            return words.ngettext(
                "Chacun choisit au plus {n} réponse", "Chacun choisit au plus {n} réponses", given_rules.most
            )
        case Kind.RANKED:
            return words.gettext(
                "Chacun classe les réponses ; à chaque tour, la dernière est éliminée et ses voix vont aux suivantes"
            )
        case Kind.DATE:
            return words.gettext("Chacun dit de chaque date : oui, si besoin, ou non")


def _majority(words: Words, given_rules: Rules) -> str:
    match given_rules.majority:
        case Majority.PLURALITY:
            return words.gettext("La réponse qui a le plus de voix est retenue")
        case Majority.ABSOLUTE:
            return words.gettext("Il faut plus de la moitié des votes valables")
        case Majority.TWO_THIRDS:
            return words.gettext("Il faut les deux tiers des votes valables")
