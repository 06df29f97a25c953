"""Calls those who have not voted: once, by their names, and never by what anybody chose."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from html import escape
from typing import Final

from tchap_bot_polls import counting
from tchap_bot_polls.keeping import Kept, Polls
from tchap_bridges.bot import Member, Room
from tchap_bridges.dates import Moment, said
from tchap_bridges.errors import Misconfigured
from tchap_bridges.events import Text, mention
from tchap_bridges.i18n import Phrase, Translator, _, ngettext

TOGETHER: Final = 20
"""So many people one message calls; with more of them it would call nobody."""
MOST: Final = 60
"""Of more nobody is called: it would fill the room."""
_QUOTED: Final = 80


def recall_at(now: datetime, closes: Moment | None, poll: Kept) -> datetime | None:
    """So long before the end, or from now where there is none; None when that is over."""
    span = timedelta(milliseconds=poll.reminder)
    at = now + span if closes is None else closes.at - span
    return at if at > now else None


async def order(room: Room, poll: Kept, closes: Moment | None) -> list[Phrase]:
    """The reminder comes when it should by this end; returns the date understood."""
    at = recall_at(room.now, closes, poll) if poll.reminder and not poll.reminded else None
    if at is None:
        await room.forget(f"recall {poll.id}")
        return []
    await room.at(at, "recall", poll.id, key=f"recall {poll.id}")
    when = said(Moment(at=at, words=""), room.now, room.zone)
    return [_("🔔 Qui n'aura pas voté sera relancé {when}.", when=when)]


async def remind(room: Room, poll: Kept) -> Phrase | None:
    """Returns what is said where nobody is called. Raises `Misconfigured` for a poll of which that was done."""
    if poll.reminded:
        raise Misconfigured(_("ceux qui n'ont pas voté ont déjà été relancés, et ne le sont qu'une fois"))
    heard = await counting.hear(room, poll)
    voted = counting.voters(poll, heard, counting.ballots(poll, heard, None))
    missing = [one for one in heard.members if not one.ghost and one.person not in voted]
    if not missing:
        return _("✓ Tout le monde a voté.")
    await Polls(room.kv).keep(replace(poll, reminded=True))
    if len(missing) > MOST:
        return ngettext(
            "🔔 {n} personne n'a pas encore voté : « {question} »",
            "🔔 {n} personnes n'ont pas encore voté : « {question} »",
            len(missing),
            question=poll.question[:_QUOTED],
        )
    missing.sort(key=lambda one: (one.name.casefold(), one.person))
    for first in range(0, len(missing), TOGETHER):
        await room.say(_called(missing[first : first + TOGETHER], poll))
    return None


def _called(some: Sequence[Member], poll: Kept) -> Text:
    translate = Translator(poll.language)
    question = poll.question[:_QUOTED]
    plain = _(
        "🔔 {names} : votre vote est attendu : « {question} »", names=", ".join(o.name for o in some), question=question
    )
    links = ", ".join(mention(one.person, one.name) for one in some)
    html = _(
        "🔔 {names} : votre vote est attendu : « {question} »", names=links, question=escape(question, quote=False)
    )
    return Text(plain=translate(plain), html=translate(html))
