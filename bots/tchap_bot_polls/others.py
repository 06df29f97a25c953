"""Polls that somebody asked with their own client: a deadline is all that they get from us, and the count at the end.

Nothing of them is kept before somebody asks for that, and no native vote ever: the homeserver has them all, and gives
them when the poll ends, those also that were cast before the bot was on.
"""

from dataclasses import replace

from tchap_bot_polls.keeping import Kept, Polls
from tchap_bot_polls.model import Kind, Rules
from tchap_bot_polls.starting import milliseconds, until
from tchap_bridges.bot import Room
from tchap_bridges.dates import Moment
from tchap_bridges.events import PollStarted
from tchap_bridges.i18n import Phrase, Translator, _
from tchap_bridges.ids import MessageId


async def found(room: Room, id_: MessageId) -> Kept | None:
    """The poll that this message of the room is; None when it is none."""
    asked = (await room.related(id_)).message
    if not isinstance(asked, PollStarted):
        return None
    members = {one.person: one.name for one in await room.members()}
    return Kept(
        id=id_,
        question=asked.question,
        options=asked.options,
        rules=Rules(kind=Kind.SINGLE if asked.most == 1 else Kind.SEVERAL, most=asked.most),
        by=asked.author.person,
        name=members.get(asked.author.person, asked.author.person),
        at=milliseconds(asked.at),
        disclosed=asked.disclosed,
        foreign=True,
        language=room.language,
    )


async def take(room: Room, poll: Kept, closes: Moment) -> None:
    """It ends then, and is one of ours. To say so in answer to it makes it known to us: keycaps on it are heard."""
    polls = Polls(room.kv)
    if await polls.get(poll.id) is None:
        await polls.keep(replace(poll, number=await polls.next_number()))
    lines = await until(room, poll, closes)
    if not await room.may_redact():
        lines.append(_powerless())
    await room.say("\n".join(map(Translator(room.language), lines)), about=MessageId(poll.id))


def _powerless() -> Phrase:
    """Where we may not end it for everybody's client."""
    return _(
        "Je n'ai pas le droit de clore ce sondage dans vos clients (il faudrait que je puisse supprimer les messages "
        "d'autrui) : il y restera ouvert, et je dirai ici le résultat compté à ce moment."
    )
