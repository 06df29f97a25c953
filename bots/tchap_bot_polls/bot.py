"""``!sondage``, ``!vote``, ``!clore`` and the others: what people say to the bot, and who sees to it."""

from tchap_bot_polls import asking, dialogue, ending, others, papers, reminding, secret, starting, voting
from tchap_bot_polls.keeping import Closed, Kept, Polls
from tchap_bot_polls.model import Kind
from tchap_bridges.bot import Bot, Member, Power, Room, RoomConfig, command, field, on
from tchap_bridges.dates.meaning import meant
from tchap_bridges.errors import Misconfigured, NotAllowed
from tchap_bridges.events import Deletion, Message, PollEnded, PollVote, Reaction
from tchap_bridges.i18n import Phrase, Translator, _


class PollsConfig(RoomConfig):
    """What a room admin sets of polls."""

    everybody: bool = field(True, word="tous", label=_("Tous les membres peuvent lancer un sondage"))
    named: bool = field(True, word="noms", label=_("Le résultat dit qui a choisi quoi"))


class PollsBot(Bot):
    """Sondages : pose une question, compte les votes de tous, et dit le résultat."""

    name = "sondages"
    Config = PollsConfig

    # Asking

    @command("sondage", english=["poll"])
    async def ask(self, room: Room[PollsConfig], words: str) -> str | None:
        """Lance un sondage : !sondage On mange où ? Cantine / Crêperie ; sans rien d'autre, je vous demande tout"""
        await _may_ask(room)
        if not words.strip():
            await dialogue.begin(room)
            return None
        return await starting.start(room, asking.read(words))

    @command("date", english=["meet"])
    async def ask_date(self, room: Room[PollsConfig], words: str) -> str | None:
        """Cherche une date : !date Réunion ? lundi 9h / mardi 14h"""
        await _may_ask(room)
        return await starting.start(room, asking.read(words, Kind.DATE))

    async def answered(self, room: Room[PollsConfig], answer: str, words: str) -> str | None:
        """The next answer of a dialogue."""
        return await dialogue.go_on(room, answer, words)

    # Voting

    @command("vote", linked=True)
    async def vote(self, room: Room[PollsConfig], words: str) -> Phrase:
        """Vote par le numéro d'une réponse : !vote 2 ; un classement : !vote 2 1 3 ; des dates : !vote 1 2? 3!"""
        poll = await _meant(room, secret_=False)
        if poll.rules.secret:
            raise Misconfigured(_("ce vote est secret : on n'y vote pas dans le salon"), remedy=_("Écrivez : !voter"))
        return await voting.by_words(room, poll, words)

    @command("voter", english=["ballot"])
    async def vote_secretly(self, room: Room[PollsConfig]) -> Phrase | None:
        """Vote dans un sondage secret : je vous demande votre choix en message direct"""
        poll = await _meant(room, secret_=True)
        if not poll.rules.secret:
            raise Misconfigured(_("ce vote n'est pas secret : on y vote dans le salon"), remedy=voting.how(poll))
        return await secret.open_booth(room, poll, starting.numbered(poll))

    async def cast(self, room: Room[PollsConfig], answer: str, words: str) -> str:
        """A secret vote; ``words`` is the poll's id."""
        return await secret.cast(room, await Polls(room.kv).get(words), answer)

    @on(PollVote)
    async def chosen(self, room: Room[PollsConfig], event: PollVote) -> None:
        await voting.by_choice(room, event)

    @on(Reaction)
    async def reacted(self, room: Room[PollsConfig], event: Reaction) -> Phrase | None:
        poll = await Polls(room.kv).get(event.target)
        if poll is None or not poll.rules.secret:
            await voting.by_keycap(room, event)
            return None
        if event.removed or event.key.removesuffix("\ufe0f") != secret.SIGN or room.network:
            return None
        return await secret.open_booth(room, poll, starting.numbered(poll))

    @on(Message)
    async def said(self, room: Room[PollsConfig], event: Message) -> None:
        await voting.by_message(room, event)

    @on(Deletion)
    async def withdrawn(self, room: Room[PollsConfig], event: Deletion) -> None:
        """A vote is taken back; or the question, by whoever may remove it from the room."""
        poll = await Polls(room.kv).get(event.target)
        if poll is None:
            await Polls(room.kv).withdrawn(voting.response_id(room, event.target))
        elif not room.network:
            await ending.drop(room, poll)

    # Reminding

    @command("relancer", english=["nudge"])
    async def nudge(self, room: Room[PollsConfig]) -> Phrase | None:
        """Appelle par leur nom ceux qui n'ont pas encore voté, une fois par sondage"""
        poll = await _meant(room)
        await _may_run(room, poll.by, _("seul qui a lancé le sondage, ou qui modère le salon, peut relancer"))
        return await reminding.remind(room, poll)

    async def recall(self, room: Room[PollsConfig], words: str) -> None:
        """The time to remind has come; ``words`` is the poll's id."""
        poll = await Polls(room.kv).get(words)
        if poll is not None and not poll.reminded:
            await reminding.remind(room, poll)

    # Ending

    @command("clore", "clôturer", english=["close"])
    async def close(self, room: Room[PollsConfig], words: str) -> str | None:
        """Clôt le dernier sondage (ou celui auquel on répond), ou dit quand il le sera : !clore vendredi 17h"""
        poll = await _meant(room, others_too=True)
        await _may_run(room, poll.by, _("seul qui a lancé le sondage, ou qui modère le salon, peut le clore"))
        if not words:
            await ending.end(room, poll, named=room.config.named, by=room.caller.name)
            return None
        closes = meant(words, room.now, room.zone, room.language)
        if poll.foreign:
            await others.take(room, poll, closes)
            return None
        return "\n".join(map(Translator(room.language), await starting.until(room, poll, closes)))

    async def due(self, room: Room[PollsConfig], words: str) -> None:
        """The time of a poll has come; ``words`` is its id."""
        poll = await Polls(room.kv).get(words)
        if poll is not None:
            await ending.end(room, poll, named=room.config.named, by=None)

    @on(PollEnded)
    async def ended(self, room: Room[PollsConfig], event: PollEnded) -> None:
        """Somebody ended it with their own client: whoever may is heard."""
        poll = await Polls(room.kv).get(event.poll)
        if poll is None or room.network:
            return
        caller = await _caller(room)
        if room.caller.person == poll.by or (caller is not None and caller.may_redact):
            await ending.end(room, poll, named=room.config.named, by=room.caller.name)

    # Afterwards

    @command("pv", english=["minutes"])
    async def minutes(self, room: Room[PollsConfig]) -> None:
        """Donne le procès-verbal du dernier sondage clos, ou de celui auquel on répond"""
        await papers.show_minutes(room, await _over(room), room.language)

    @command("csv")
    async def table(self, room: Room[PollsConfig]) -> Phrase | None:
        """Envoie le tableau des votes, en message direct, à qui a lancé le sondage ou modère"""
        closed = await _over(room)
        await _may_run(room, closed.poll.by, _("seul qui a lancé le sondage, ou qui modère le salon, peut l'avoir"))
        return await papers.send_table(room, closed, room.caller.person, room.language)


async def _meant(room: Room, *, secret_: bool | None = None, others_too: bool = False) -> Kept:
    """The poll that is answered, else the last one that is open, rather one that is ``secret_``, or is not.

    ``others_too``: one of somebody's own client may be answered.
    """
    polls = Polls(room.kv)
    if room.answered is not None:
        if (poll := await polls.get(room.answered)) is not None:
            return poll
        if await polls.is_over(room.answered):
            raise Misconfigured(_("ce sondage est déjà clos"))
        if others_too and (poll := await others.found(room, room.answered)) is not None:
            return poll
    open_ = await polls.all()
    if not open_:
        raise Misconfigured(
            _("aucun sondage n'est ouvert dans ce salon"),
            remedy=_("Pour en lancer un : !sondage On mange où ? Cantine / Crêperie"),
        )
    wanted = [poll for poll in open_ if secret_ in {None, poll.rules.secret}]
    return (wanted or open_)[-1]


async def _over(room: Room) -> Closed:
    """The poll that is answered, else the last one that was closed."""
    over = await Polls(room.kv).over()
    answered = [one for one in over if one.poll.id == room.answered]
    if not over:
        raise Misconfigured(_("aucun sondage n'a été clos dans ce salon"))
    return (answered or over)[0]


async def _may_ask(room: Room[PollsConfig]) -> None:
    if room.config.everybody:
        return
    caller = await _caller(room)
    if caller is None or caller.level < Power.MODERATOR:
        raise NotAllowed(_("dans ce salon, seule une personne qui modère lance des sondages"))


async def _may_run(room: Room, owner: str, refusal: Phrase) -> None:
    caller = await _caller(room)
    if voting.who(room) != owner and (caller is None or caller.level < Power.MODERATOR):
        raise NotAllowed(refusal)


async def _caller(room: Room) -> Member | None:
    """None for somebody of a linked network, whatever they are called there."""
    if room.network:
        return None
    return next((one for one in await room.members() if one.person == room.caller.person), None)
