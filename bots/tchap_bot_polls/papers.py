"""What is handed out of a poll that is over: minutes for the room, a table for whoever asks for it."""

from datetime import UTC, datetime
from typing import Final

from tchap_bot_polls.keeping import Closed
from tchap_bot_polls.minutes import Facts, minutes
from tchap_bot_polls.table import table
from tchap_bridges.bot import Room
from tchap_bridges.i18n import Language, Phrase, _
from tchap_bridges.ids import PersonId

MINUTES: Final = "pv.md"
TABLE: Final = "votes.csv"


async def show_minutes(room: Room, closed: Closed, language: Language) -> None:
    poll = closed.poll
    facts = Facts(
        room=await room.name(),
        opener=poll.name or poll.by,
        opened_at=_moment(poll.at),
        closed_at=_moment(poll.closed),
        closed_by=closed.closed_by,
        language=language,
        zone=room.zone,
    )
    await room.file(MINUTES, "text/markdown", minutes(closed.result, facts).encode())


async def send_table(room: Room, closed: Closed, to: PersonId, language: Language) -> Phrase | None:
    """In their direct conversation; returns what is to be said where there is none."""
    data = table(closed.result, language)
    if await room.tell_file(to, TABLE, "text/csv", data):
        return None
    return _("Je ne peux pas envoyer le tableau en message direct : ouvrez une conversation avec moi, puis : !csv")


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
