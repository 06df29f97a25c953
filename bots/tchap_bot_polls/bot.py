"""``!sondage``, ``!vote``, ``!clore``: a poll from its question to its result."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from tchap_bot_polls import asking
from tchap_bot_polls.bars import text_of
from tchap_bot_polls.chart import png
from tchap_bot_polls.keeping import Kept, Polls, Voice
from tchap_bot_polls.model import Result
from tchap_bot_polls.tally import End, Response, tally
from tchap_bridges.bot import Bot, Power, Room, RoomConfig, command, field, on
from tchap_bridges.dates import Moment, said
from tchap_bridges.dates.meaning import meant
from tchap_bridges.errors import Misconfigured
from tchap_bridges.events import Deletion, Message, Option, PollEnded, PollVote, Reaction
from tchap_bridges.i18n import Phrase, Translator, _
from tchap_bridges.ids import MessageId


class PollsConfig(RoomConfig):
    """What a room admin sets of polls."""

    everybody: bool = field(True, label=_("Tous les membres peuvent lancer un sondage"))
    named: bool = field(True, label=_("Le résultat dit qui a choisi quoi"))


class PollsBot(Bot):
    """Sondages : pose une question, compte les votes de tous, et dit le résultat."""

    name = "sondages"
    Config = PollsConfig

    @command("sondage", english=["poll"])
    async def ask(self, room: Room[PollsConfig], words: str) -> str | None:
        """Lance un sondage : !sondage On mange où ? Cantine / Crêperie / Pique-nique"""
        if not room.config.everybody and await _level(room) < Power.MODERATOR:
            raise Misconfigured(_("dans ce salon, seule une personne qui modère lance des sondages"))
        asked = asking.read(words)
        closes = meant(asked.closes, room.now, room.zone, room.language) if asked.closes else None
        options = asked.options or tuple(map(Translator(room.language), (_("Oui"), _("Non"))))
        poll = await room.poll(asked.question, options, most=asked.rules.most, disclosed=asked.disclosed)
        kept = Kept(
            id=poll,
            question=asked.question,
            options=tuple(Option(id=str(n), text=text) for n, text in enumerate(options, 1)),
            rules=asked.rules,
            by=room.caller.person,
            at=_milliseconds(room.when),
            disclosed=asked.disclosed,
        )
        await Polls(room.kv).keep(kept)
        return await self._until(room, kept, closes) if closes is not None else None

    @command("vote")
    async def vote(self, room: Room[PollsConfig], words: str) -> Phrase:
        """Vote par le numéro d'une réponse : !vote 2"""
        poll = await self._meant(room)
        numbers = words.replace(",", " ").split()
        known = {option.id for option in poll.options}
        if not numbers or not known.issuperset(numbers):
            raise Misconfigured(
                _("dites le numéro d'une réponse, de 1 à {n}", n=len(poll.options)), remedy=_("Exemple : !vote 2")
            )
        if len(numbers) > poll.rules.most:
            raise Misconfigured(_("ce sondage admet {n} choix au plus", n=poll.rules.most))
        await _keep(room, poll.id, str(room.message), room.when, numbers)
        chosen = ", ".join(option.text for option in poll.options if option.id in numbers)
        return _("✓ {name} : {answers}", name=room.caller.name, answers=chosen)

    @command("clore", "clôturer", english=["close"])
    async def close(self, room: Room[PollsConfig], words: str) -> Phrase | None:
        """Clôt le dernier sondage (ou celui auquel on répond), ou dit quand il le sera : !clore vendredi 17h"""
        poll = await self._meant(room)
        if room.caller.person != poll.by and await _level(room) < Power.MODERATOR:
            raise Misconfigured(_("seul qui a lancé le sondage, ou qui modère le salon, peut le clore"))
        if words:
            return await self._until(room, poll, meant(words, room.now, room.zone, room.language))
        await self._end(room, poll)
        return None

    async def due(self, room: Room[PollsConfig], words: str) -> None:
        """The time of a poll has come; ``words`` is its id."""
        poll = await Polls(room.kv).get(words)
        if poll is not None and not poll.closed:
            await self._end(room, poll)

    async def _until(self, room: Room[PollsConfig], poll: Kept, closes: Moment) -> Phrase:
        await room.at(closes.at, "due", poll.id, key=f"closes {poll.id}")
        return _("⏱ Ce sondage sera clos {when}.", when=said(closes, room.now, room.zone))

    @on(PollVote)
    async def voted(self, room: Room[PollsConfig], event: PollVote) -> None:
        if await Polls(room.kv).get(event.poll) is not None:
            await _keep(room, event.poll, event.id, event.at, event.answers)

    @on(Reaction)
    async def reacted(self, room: Room[PollsConfig], event: Reaction) -> None:
        """A keycap on the question is a vote; of a poll with several choices, one more."""
        polls = Polls(room.kv)
        poll, number = await polls.get(event.target), event.key.removesuffix("\u20e3").removesuffix("\ufe0f")
        if poll is None or poll.closed or number not in {option.id for option in poll.options}:
            return
        before = await polls.last_of(poll.id, _who(room)) if poll.rules.most > 1 or event.removed else ()
        answers = [one for one in before if one != number]
        await _keep(room, poll.id, event.id, event.at, answers if event.removed else [*answers, number])

    @on(Message)
    async def said(self, room: Room[PollsConfig], event: Message) -> Phrase | None:
        """On a network without polls the question is a numbered text, and its number an answer."""
        words = event.text.plain.strip().removeprefix("!vote ").strip()
        if not room.network or not words.isdecimal() or len(words) > 2:
            return None
        open_ = [poll for poll in await Polls(room.kv).all() if not poll.closed]
        if not open_ or words not in {option.id for option in open_[-1].options}:
            return None
        await _keep(room, open_[-1].id, event.id, event.at, [words])
        return None

    @on(Deletion)
    async def withdrawn(self, room: Room[PollsConfig], event: Deletion) -> None:
        await Polls(room.kv).withdrawn(event.target)

    @on(PollEnded)
    async def ended(self, room: Room[PollsConfig], event: PollEnded) -> None:
        """Somebody ended it with their own client: whoever may is heard."""
        poll = await Polls(room.kv).get(event.poll)
        if poll is not None and not poll.closed and await _level(room) >= Power.MODERATOR:
            await self._end(room, poll)

    async def _meant(self, room: Room[PollsConfig]) -> Kept:
        """The poll that is answered, else the last one that is open."""
        polls = Polls(room.kv)
        if room.answered is not None and (poll := await polls.get(room.answered)) is not None and not poll.closed:
            return poll
        open_ = [poll for poll in await polls.all() if not poll.closed]
        if not open_:
            raise Misconfigured(
                _("aucun sondage n'est ouvert dans ce salon"),
                remedy=_("Pour en lancer un : !sondage On mange où ? Cantine / Crêperie"),
            )
        return open_[-1]

    async def _end(self, room: Room[PollsConfig], poll: Kept) -> None:
        polls = Polls(room.kv)
        await room.forget(f"closes {poll.id}")
        closed, voices = _milliseconds(room.when), await polls.votes(poll.id)
        result = _result(poll, voices, closed, named=room.config.named)
        await polls.keep(replace(poll, closed=closed))
        text, about = text_of(result, room.language), MessageId(poll.id)
        await room.end(about, text.plain)
        await room.say(text, about=about)
        await room.file("resultat.png", "image/png", png(result, room.language))


def _who(room: Room[PollsConfig]) -> str:
    """One person of one place: a nick of IRC is nobody's user id."""
    return f"{room.network} {room.caller.person}" if room.network else room.caller.person


async def _keep(room: Room[PollsConfig], poll: str, id_: str, at: datetime, answers: Sequence[str]) -> None:
    response = Response(id=id_, sender=_who(room), at=_milliseconds(at), answers=tuple(answers))
    await Polls(room.kv).vote(poll, Voice(response=response, name=room.caller.name))


def _result(poll: Kept, voices: list[Voice], closed: int, *, named: bool) -> Result:
    names = {voice.response.sender: voice.name for voice in voices} if named and not poll.rules.secret else None
    end = End(id="", sender=poll.by, at=closed)
    return tally(poll.asked(), poll.rules, [voice.response for voice in voices], ends=[end], names=names)


async def _level(room: Room[PollsConfig]) -> int:
    return next((one.level for one in await room.members() if one.person == room.caller.person), 0)


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)
