"""What the bot says around a survey: to its owner, to the room, and to whoever answers. Pure."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from tchap_bot_polls.signs import clean, cut
from tchap_bot_surveys import answering
from tchap_bot_surveys.keeping import Tally
from tchap_bot_surveys.model import FEWEST, Answer, Kind, Question, State, Survey
from tchap_bot_surveys.walk import Walk
from tchap_bridges.dates import Moment, said
from tchap_bridges.i18n import Phrase, Translator, _, ngettext

_SHORT: Final = 100
_LONG: Final = 300
"""Signs of a question, and of an answer, in a list of twenty."""


def draft(survey: Survey, now: datetime, zone: ZoneInfo, words: Translator) -> str:
    """A survey read back, before it is opened."""
    kind = _("anonyme") if survey.anonymous else _("nominative")
    lines = [
        _("Enquête « {title} », {kind} :", title=survey.title, kind=kind),
        *questions(survey.questions, words),
        _ends(survey, now, zone) or _("Sans fin prévue : !enquete clore"),
        _("Est-ce bien cela ? « oui » l'ouvre, « non » l'abandonne. Pour la corriger, renvoyez-la en entier."),
    ]
    return "\n".join(map(words, lines))


def questions(asked: Sequence[Question], words: Translator, first: int = 1) -> Iterator[str]:
    """Each as it was understood, with its number."""
    for n, question in enumerate(asked, first):
        need = _(", réponse obligatoire") if question.required else ""
        yield words(_("{n}. {text} — {kind}{need}", n=n, text=question.text, kind=kind_of(question), need=need))


def kind_of(question: Question) -> Phrase:
    """What may be answered."""
    match question.kind:
        case Kind.ONE:
            return _("un choix : {options}", options=" / ".join(question.options))
        case Kind.SEVERAL:
            return _("plusieurs choix : {options}", options=" / ".join(question.options))
        case Kind.SCALE:
            return _("une note de {low} à {high}", low=question.low, high=question.high)
        case Kind.NUMBER:
            return _("un nombre")
        case Kind.DATE:
            return _("une date")
        case Kind.TEXT:
            return _("réponse libre")


def announcement(survey: Survey, now: datetime, zone: ZoneInfo, words: Translator) -> str:
    """What the room is told: what it is about, who learns what, until when, and how to take part."""
    many = ngettext("{n} question", "{n} questions", len(survey.questions))
    lines = [
        _("📝 Enquête n° {n} : {title}", n=survey.number, title=survey.title),
        _("{many}, posées à chacun en conversation directe.", many=many),
        who_learns(survey),
        *filter(None, [_ends(survey, now, zone)]),
        _("Pour répondre : réagissez à ce message par 📝, ou écrivez !repondre {n}", n=survey.number),
    ]
    return "\n".join(map(words, lines))


def who_learns(survey: Survey) -> Phrase:
    """What taking part gives away."""
    if survey.anonymous:
        return _(
            "Anonyme : je retiens qui a répondu, et à part ce qui a été répondu, sans lien entre les deux ; rien n'est"
            " dit avant la clôture, ni de moins de {n} réponses. Ce que vous m'écrivez reste pourtant dans notre"
            " conversation, sur le serveur, et une réponse libre peut trahir qui l'a écrite.",
            n=FEWEST,
        )
    return _(
        "Nominative : {name} verra vos réponses avec votre nom, le salon les totaux seulement. Elles se changent"
        " jusqu'à la clôture.",
        name=survey.name,
    )


def _ends(survey: Survey, now: datetime, zone: ZoneInfo) -> Phrase | None:
    if survey.closes is None:
        return None
    return _("Elle sera close {when}.", when=said(Moment(at=survey.closes, words=""), now, zone))


def question(survey: Survey, walk: Walk, words: Translator, *, heard: Phrase | str = "", first: bool = False) -> str:
    """The question that somebody has come to. ``heard``: what was understood of their last answer."""
    asked = survey.questions[walk.at]
    need = _(" (réponse obligatoire)") if asked.required else ""
    lines: list[str] = [
        *([heard] if heard else []),
        *([_("Enquête « {title} ». {who}", title=survey.title, who=who_learns(survey))] if first else []),
        _("{n}/{all} · {text}{need}", n=walk.at + 1, all=len(walk.answers), text=asked.text, need=need),
        *_how(asked, exact=survey.anonymous),
    ]
    before = walk.answers[walk.at]
    if before is not None and not survey.anonymous:
        lines.append(_("Votre réponse : {answer} (« passer » la garde)", answer=told(asked, before, words)))
    elif before is not None:
        lines.append(_("Vous y avez répondu (« passer » garde votre réponse)"))
    if first:
        lines.append(_("À tout moment : « retour », « passer », « recommencer », « plus tard »."))
    return "\n".join(map(words, lines))


def _how(asked: Question, *, exact: bool) -> Iterator[Phrase | str]:
    match asked.kind:
        case Kind.ONE:
            yield from answering.numbered(asked)
        case Kind.SEVERAL:
            yield from answering.numbered(asked)
            yield _("Plusieurs choix : séparez-les par des virgules.")
        case Kind.SCALE:
            yield _("Un nombre entier de {low} à {high}.", low=asked.low, high=asked.high)
        case Kind.NUMBER:
            yield _("Un nombre, comme 12 ou 3,5.")
        case Kind.DATE:
            yield _("Une date, comme 28/02/2027.") if exact else _("Une date, comme 28/02/2027 ou « lundi ».")
        case Kind.TEXT:
            pass


def review(survey: Survey, walk: Walk, words: Translator, *, heard: Phrase | str = "") -> str:
    """All answers once more, before they are sent; an anonymous survey's are not repeated: what we say is kept."""
    if survey.anonymous:
        lines = [
            _("C'est tout. Vos réponses sont ci-dessus ; je ne les répète pas, pour n'en rien garder à votre nom.")
        ]
    else:
        lines = [_("Vos réponses :")]
        for n, (asked, answer) in enumerate(zip(survey.questions, walk.complete, strict=True), 1):
            text = cut(asked.text, _SHORT)
            lines.append(_("{n}. {text} — {answer}", n=n, text=text, answer=told(asked, answer, words)))
    send = _("« envoyer » les envoie ; un numéro change une réponse ; « recommencer », « plus tard ».")
    return "\n".join(map(words, [*([heard] if heard else []), *lines, send]))


def told(asked: Question, answer: Answer, words: Translator) -> str:
    """The answer in a line of ours: all answers must find room in one message."""
    return cut(clean(words(answering.shown(asked, answer, words.language))), _LONG)


def sent(survey: Survey) -> Phrase:
    if survey.anonymous:
        return _("✓ C'est envoyé, merci. Vos réponses ne portent plus votre nom : elles ne peuvent plus être changées.")
    return _("✓ C'est envoyé, merci. Pour changer vos réponses avant la clôture : !repondre {n}", n=survey.number)


def nudge(survey: Survey, tally: Tally) -> Phrase:
    """What is said to a room whose answers are awaited."""
    return _(
        "📝 L'enquête n° {n} « {title} » attend vos réponses ({sent}) : !repondre {n}",
        n=survey.number,
        title=survey.title,
        sent=ngettext("{n} réponse jusqu'ici", "{n} réponses jusqu'ici", tally.sent),
    )


def line(survey: Survey, tally: Tally, now: datetime, zone: ZoneInfo) -> Phrase:
    """One survey in the list of the room's."""
    answers = ngettext("{n} réponse", "{n} réponses", tally.sent)
    if survey.state is State.CLOSED:
        return _(
            "n° {n} — {title} ({answers}). Close.", n=survey.number, title=cut(survey.title, _SHORT), answers=answers
        )
    ends = _ends(survey, now, zone) or ""
    return _(
        "n° {n} — {title} ({answers}). {ends}",
        n=survey.number,
        title=cut(survey.title, _SHORT),
        answers=answers,
        ends=ends,
    )
