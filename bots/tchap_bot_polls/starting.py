"""From what somebody asks to a poll that the room can answer.

A question is a poll of the room's own where the answers survive it. An order does not: MSC3381 has a list of answers,
but gives its order no meaning, and clients may send it in that of the question, of the clicks, or of a set. So what is
ranked is a numbered text, and its votes are typed.
"""

from dataclasses import replace
from datetime import datetime

from tchap_bot_polls import dates, reminding, secret
from tchap_bot_polls.asking import Asked
from tchap_bot_polls.keeping import Kept, Polls
from tchap_bot_polls.model import Kind
from tchap_bridges.bot import Room
from tchap_bridges.dates import Moment, said
from tchap_bridges.dates.meaning import meant
from tchap_bridges.errors import Misconfigured
from tchap_bridges.events import Option
from tchap_bridges.i18n import Phrase, Translator, _


async def start(room: Room, asked: Asked) -> str:
    """Ask the room; returns what is to be said back: how to vote, and the dates understood. "" for nothing."""
    translate = Translator(room.language)
    closes = meant(asked.closes, room.now, room.zone, room.language) if asked.closes else None
    poll = Kept(
        id="",
        question=asked.question,
        options=_options(room, asked, translate),
        rules=asked.rules,
        by=room.caller.person,
        name=room.caller.name,
        at=milliseconds(room.when),
        disclosed=asked.disclosed,
        native=_is_native(asked),
        minutes=asked.minutes,
        table=asked.table,
        reminder=int(asked.reminder.total_seconds() * 1000) if asked.reminder else 0,
        language=room.language,
    )
    if poll.reminder and reminding.recall_at(room.now, closes, poll) is None:
        raise Misconfigured(_("la relance tomberait avant maintenant"), remedy=_("Exemple : rappel=30min"))
    poll = replace(poll, id=await _shown(room, poll, translate), number=await Polls(room.kv).next_number())
    await Polls(room.kv).keep(poll)
    lines = [*_how(poll), *(await until(room, poll, closes) if closes else await reminding.order(room, poll, None))]
    return "\n".join(map(translate, lines))


async def until(room: Room, poll: Kept, closes: Moment) -> list[Phrase]:
    """The poll ends then, and its reminder comes before; returns the dates understood."""
    await room.at(closes.at, "due", poll.id, key=f"closes {poll.id}")
    ends = _("⏱ Ce sondage sera clos {when}.", when=said(closes, room.now, room.zone))
    return [ends, *await reminding.order(room, poll, closes)]


def _options(room: Room, asked: Asked, translate: Translator) -> tuple[Option, ...]:
    texts = asked.options or tuple(map(translate, (_("Oui"), _("Non"))))
    if asked.rules.kind is Kind.DATE:
        texts = dates.proposed(texts, room.now, room.zone, room.language)
        if len(set(texts)) < len(texts):
            raise Misconfigured(_("une date est proposée deux fois"))
    return tuple(Option(id=str(n), text=text) for n, text in enumerate(texts, 1))


def _is_native(asked: Asked) -> bool:
    match asked.rules.kind:
        case _ if asked.rules.secret:
            return False  # it would show who votes what
        case Kind.RANKED:
            return False
        case Kind.DATE:
            return len(asked.options) <= dates.MOST_NATIVE
        case Kind.SINGLE | Kind.SEVERAL:
            return True


async def _shown(room: Room, poll: Kept, translate: Translator) -> str:
    if poll.native:
        offered = dates.offered(poll.options, translate) if poll.rules.kind is Kind.DATE else poll.options
        return await room.poll(poll.question, offered, most=poll.rules.most, disclosed=poll.disclosed)
    words = secret.offer() if poll.rules.secret else _vote(poll)
    return await room.say(numbered(poll, words), everywhere=not poll.rules.secret)


def numbered(poll: Kept, *below: str) -> str:
    """The question as a text, its answers by number."""
    translate = Translator(poll.language)
    secretly = _("🗳 Vote secret — {question}", question=poll.question)
    lines = [translate(secretly) if poll.rules.secret else f"📊 {poll.question}"]
    lines += (f"{option.id}. {option.text}" for option in poll.options)
    return "\n".join((*lines, *map(translate, below)))


def _how(poll: Kept) -> list[Phrase]:
    return [_vote(poll)] if poll.native and poll.rules.kind is not Kind.SINGLE else []


def _vote(poll: Kept) -> Phrase:
    """How to vote where a client's own poll does not say it, or cannot."""
    match poll.rules.kind:
        case Kind.RANKED:
            return _("Pour voter, dites l'ordre que vous préférez, le meilleur d'abord, par exemple : !vote 2 1 3")
        case Kind.DATE if not poll.native:
            return _("Pour voter, dites les numéros, « ? » pour si besoin, « ! » pour non : !vote 1 2? 3!")
        case Kind.DATE:
            return _("On peut aussi voter par les numéros, « ? » pour si besoin, « ! » pour non : !vote 1 2? 3!")
        case Kind.SEVERAL | Kind.SINGLE:
            return _("On peut aussi voter par les numéros, {n} au plus : !vote 1 3", n=poll.rules.most)


def milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)
