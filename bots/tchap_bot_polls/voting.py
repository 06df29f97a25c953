"""Votes, however they come: chosen in the poll, typed, as a keycap, as a number on a network. All are one tally's."""

import re
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final

from tchap_bot_polls import dates
from tchap_bot_polls.keeping import Kept, Polls, Voice
from tchap_bot_polls.model import Kind
from tchap_bot_polls.signs import plain
from tchap_bot_polls.tally import Response
from tchap_bridges.bot import Room
from tchap_bridges.errors import Misconfigured
from tchap_bridges.events import Message, PollVote, Reaction
from tchap_bridges.i18n import Phrase, Translator, _

_SAID: Final = re.compile(r"(\d{1,2})(?!\d)\s*([?!]?)[\s,;>]*")
_LONGEST: Final = 200  # characters of a vote
_SIGNS: Final = {dates.Answer.YES: _("oui"), dates.Answer.MAYBE: _("si besoin"), dates.Answer.NO: _("non")}


def typed(words: str, poll: Kept, *, twice: bool = False) -> tuple[str, ...]:
    """The answers that typed numbers choose. Raises `Misconfigured` that says how to vote, for anything else.

    ``twice``: where the options were read as `dates.offered` has them, a number behind the dates says "if need be".
    """
    found = _read(words)
    numbers = [number for number, _sign in found]
    last = len(poll.options) * (2 if twice and poll.rules.kind is Kind.DATE else 1)
    if not found or not all(1 <= number <= last for number in numbers):
        raise Misconfigured(_("dites le numéro d'une réponse, de 1 à {n}", n=len(poll.options)), remedy=how(poll))
    places = [(number - 1) % len(poll.options) for number in numbers]
    if len(set(places)) < len(places):
        raise Misconfigured(_("une réponse est dite deux fois"), remedy=how(poll))
    if poll.rules.kind is not Kind.DATE and any(sign for _number, sign in found):
        raise Misconfigured(_("« ? » et « ! » ne se disent que des dates"), remedy=how(poll))
    if len(places) > poll.rules.most:
        raise Misconfigured(_("ce sondage admet {n} choix au plus", n=poll.rules.most), remedy=how(poll))
    signs = [dates.Answer.MAYBE if number > len(poll.options) else sign for number, sign in found]
    return tuple(f"{poll.options[place].id}{sign}" for place, sign in zip(places, signs, strict=True))


def named(words: str, poll: Kept) -> tuple[str, ...]:
    """The one answer that reads so, accents and case aside; () for none, and where a number says more than one."""
    if poll.rules.kind in {Kind.DATE, Kind.RANKED} or is_typed(words):
        return ()
    found = tuple(option.id for option in poll.options if plain(option.text) == plain(words.strip()))
    return found if len(found) == 1 else ()


def is_typed(words: str) -> bool:
    """Whether they are numbers and nothing else: of a conversation most words are none."""
    return len(words) <= _LONGEST and bool(_read(words))


def _read(words: str) -> list[tuple[int, str]]:
    words = words.strip()
    if len(words) > _LONGEST or not re.fullmatch(rf"(?:{_SAID.pattern})+", words):
        return []
    return [(int(number), sign) for number, sign in _SAID.findall(words)]


def how(poll: Kept) -> Phrase:
    """An example of a vote; where the question is answered by the numbers alone, without the command."""
    command = "" if poll.rules.secret else "!vote "
    match poll.rules.kind:
        case Kind.SINGLE:
            return _("Exemple : {vote}", vote=f"{command}2")
        case Kind.SEVERAL:
            return _("Exemple, {n} choix au plus : {vote}", n=poll.rules.most, vote=f"{command}1 2")
        case Kind.RANKED:
            return _("Exemple, de la préférée à la moins bonne : {vote}", vote=f"{command}2 1")
        case Kind.DATE:
            return _("Exemple, oui à la 1 et si besoin la 2 : {vote}", vote=f"{command}1 2?")


def told(poll: Kept, answers: Sequence[str], translate: Translator) -> str:
    """A vote said back."""
    texts = {option.id: option.text for option in poll.options}
    if poll.rules.kind is Kind.DATE:
        meant = dates.said(answers, poll.options)
        parts = [f"{texts[date]} ({translate(_SIGNS[answer])})" for date, answer in meant.items()]
    elif poll.rules.kind is Kind.RANKED:
        return " > ".join(texts[answer] for answer in answers)
    else:
        parts = [texts[answer] for answer in answers]
    return ", ".join(parts)


async def by_words(room: Room, poll: Kept, words: str) -> Phrase:
    """``!vote 2``."""
    answers = named(words, poll) or typed(words, poll, twice=bool(room.network))
    await keep(room, poll, str(room.message), room.when, answers)
    if not poll.disclosed:
        return _("✓ {name} : vote compté", name=room.caller.name)
    return _("✓ {name} : {answers}", name=room.caller.name, answers=told(poll, answers, Translator(room.language)))


async def by_message(room: Room, event: Message) -> None:
    """A number said on a network, where the question is a numbered text, or in answer to the question."""
    words = event.text.plain.strip()
    if not is_typed(words):
        return
    open_ = [one for one in await Polls(room.kv).all() if not one.rules.secret]
    answered = [one for one in open_ if one.id == room.answered]
    shown = [one for one in open_ if room.network and not one.foreign]
    if not (answered or shown):
        return
    poll = (answered or shown)[-1]
    try:
        answers = typed(words, poll, twice=bool(room.network))
    except Misconfigured:
        return  # no number of an answer: they speak of something else
    await keep(room, poll, event.id, event.at, answers)


async def by_choice(room: Room, event: PollVote) -> None:
    """With a client's own poll. Of a date what is ticked twice is yes: they promise no order."""
    poll = await Polls(room.kv).get(event.poll)
    if poll is not None and poll.native and not poll.foreign:
        maybe_first = poll.rules.kind is Kind.DATE
        answers = sorted(event.answers, key=lambda one: not one.endswith("?")) if maybe_first else event.answers
        await keep(room, poll, event.id, event.at, answers)


async def by_keycap(room: Room, event: Reaction) -> None:
    """A keycap on the question is a vote; where one may choose several, one more. No order is said by reactions."""
    polls = Polls(room.kv)
    poll, number = await polls.get(event.target), event.key.removesuffix("\u20e3").removesuffix("\ufe0f")
    if poll is None or poll.rules.secret or poll.rules.kind is Kind.RANKED:
        return
    if not number.isdecimal() or not 1 <= int(number) <= len(poll.options):
        return
    option = poll.options[int(number) - 1].id
    theirs = await polls.of(poll.id, who(room))
    if poll.rules.kind is Kind.SINGLE and event.removed:
        given = [one.response.id for one in theirs if one.response.answers == (option,)]
        if given:
            await polls.withdrawn(given[-1])
        return
    before = theirs[-1].response.answers if theirs and poll.rules.kind is not Kind.SINGLE else ()
    answers = [one for one in before if one.removesuffix("?").removesuffix("!") != option]
    await keep(room, poll, event.id, event.at, answers if event.removed else [*answers, option])


def who(room: Room) -> str:
    """One person of one place: a nick of IRC is nobody's user id."""
    return f"{room.network} {room.caller.person}" if room.network else room.caller.person


def response_id(room: Room, id_: str) -> str:
    """A message of one place: who sends mail chooses its id, and may choose that of somebody else's vote."""
    return f"{room.network} {id_}" if room.network else id_


async def keep(room: Room, poll: Kept, id_: str, at: datetime, answers: Collection[str]) -> None:
    response = Response(
        id=response_id(room, id_), sender=who(room), at=int(at.timestamp() * 1000), answers=tuple(answers)
    )
    await Polls(room.kv).vote(poll.id, Voice(response=response, name=room.caller.name, network=room.network))
