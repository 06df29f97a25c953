"""``!sondage`` without words: the question, the kind, the answers and the end are asked for one after another."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from pydantic import TypeAdapter

from tchap_bot_polls import asking, dates, starting
from tchap_bot_polls.model import Kind
from tchap_bot_polls.signs import plain
from tchap_bridges.bot import Room
from tchap_bridges.errors import Misconfigured
from tchap_bridges.i18n import Phrase, Translator, _

_NONE: Final = frozenset(("non", "sans", "aucune", "no", "none"))
_YES_OR_NO: Final = frozenset(("oui/non", "oui / non", "yes/no", "yes / no"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What has been answered so far; "" is what has not."""

    question: str = ""
    kind: str = ""
    options: tuple[str, ...] = ()
    yes_or_no: bool = False


_DRAFT = TypeAdapter(Draft)
_KINDS: Final = ("single", "several", "ranked", "date", "secret")


async def begin(room: Room) -> None:
    await _ask(room, Draft())


async def go_on(room: Room, answer: str, words: str) -> str | None:
    """One more answer. Raises `Misconfigured` for one that is none: the question stands."""
    draft = _DRAFT.validate_json(words)
    if not draft.question:
        asking.checked(answer, ())
        await _ask(room, replace(draft, question=" ".join(answer.split())))
    elif not draft.kind:
        await _ask(room, replace(draft, kind=_kind(answer)))
    elif not draft.options and not draft.yes_or_no:
        await _ask(room, _answers(room, draft, answer))
    else:
        return await starting.start(room, _asked(draft, answer))
    return None


async def _ask(room: Room, draft: Draft) -> None:
    words = _DRAFT.dump_json(draft).decode()
    await room.ask("\n".join(map(Translator(room.language), _next(draft))), "answered", words, key="dialogue")


def _next(draft: Draft) -> Sequence[Phrase]:
    if not draft.question:
        return [_("Quelle est la question ? (« annuler » à tout moment pour arrêter)")]
    if not draft.kind:
        return [
            _("Comment vote-t-on ? Répondez par un numéro."),
            _("1. une seule réponse"),
            _("2. plusieurs réponses"),
            _("3. un classement des réponses"),
            _("4. des dates : oui, si besoin, ou non"),
            _("5. une seule réponse, en secret"),
        ]
    if not draft.options and not draft.yes_or_no:
        return [
            _("Quelles dates ? Une par ligne, ou : lundi 9h / mardi 14h")
            if _of(draft.kind) is Kind.DATE
            else _("Quelles réponses ? Une par ligne, ou séparées par « / » ; ou bien : oui/non")
        ]
    return [_("Jusqu'à quand ? Par exemple : vendredi 17h ; ou « sans » : vous le clorez vous-même.")]


def _kind(answer: str) -> str:
    if not answer.strip().isdecimal() or not 1 <= int(answer) <= len(_KINDS):
        raise Misconfigured(_("répondez par un numéro de 1 à {n}", n=len(_KINDS)))
    return _KINDS[int(answer) - 1]


def _of(kind: str) -> Kind:
    return Kind.SINGLE if kind == "secret" else Kind(kind)


def _answers(room: Room, draft: Draft, answer: str) -> Draft:
    kind = _of(draft.kind)
    if plain(answer.strip()) in _YES_OR_NO and kind is Kind.SINGLE:
        return replace(draft, yes_or_no=True)
    options = asking.options_of(answer, kind)
    if not options:
        raise Misconfigured(_("une seule réponse ne laisse pas de choix"))
    asking.checked(draft.question, options, kind)
    if kind is Kind.DATE:
        dates.proposed(options, room.now, room.zone, room.language)
    return replace(draft, options=options)


def _asked(draft: Draft, answer: str) -> asking.Asked:
    ends = {} if plain(answer.strip()) in _NONE else {"fin": answer.strip()}
    secretly = {"secret": "oui"} if draft.kind == "secret" else {}
    return asking.asked(draft.question, draft.options, ends | secretly, _of(draft.kind))
