"""The end of a poll: votes are counted, the result is told as text and picture, and the papers asked for are made."""

from dataclasses import replace

from tchap_bot_polls import counting, papers, secret
from tchap_bot_polls.bars import text_of
from tchap_bot_polls.chart import png
from tchap_bot_polls.keeping import Closed, Kept, Polls
from tchap_bot_polls.starting import milliseconds
from tchap_bridges.bot import Room
from tchap_bridges.i18n import Translator
from tchap_bridges.ids import MessageId, PersonId


async def end(room: Room, poll: Kept, *, named: bool, by: str | None) -> None:
    """It ends now, or ended when somebody ended it with their client. ``by``: a name, None for its own time."""
    heard = await counting.hear(room, poll)
    at = milliseconds(room.when) if heard.closed is None else min(heard.closed, milliseconds(room.when))
    result = counting.result(poll, heard, at, named=named)
    closed = Closed(poll=replace(poll, closed=at), result=result, closed_by=by)
    await drop(room, poll)
    await Polls(room.kv).close(closed)
    text, about = text_of(result, poll.language), MessageId(poll.id)
    if poll.native and (not poll.foreign or (heard.closed is None and await room.may_redact())):
        await room.end(about, text.plain)
    await room.say(text, about=about)
    if result.counts:
        await room.file("resultat.png", "image/png", png(result, poll.language))
    if poll.minutes:
        await papers.show_minutes(room, closed, poll.language)
    if poll.table and (refused := await papers.send_table(room, closed, PersonId(poll.by), poll.language)) is not None:
        await room.say(Translator(poll.language)(refused))


async def drop(room: Room, poll: Kept) -> None:
    """Nothing comes of it any more, and no vote is left."""
    await room.forget(f"closes {poll.id}")
    await room.forget(f"recall {poll.id}")
    await Polls(room.kv).drop(poll.id)
    if poll.rules.secret:
        await secret.close(room, poll)
