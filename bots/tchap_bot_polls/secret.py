"""Secret polls: who has voted, and what was voted, kept apart, in two values that say nothing of one another.

A vote is asked for in the direct conversation. Then two things are written: the roll, everybody who has voted, and the
ballots, all that was voted. Each is one sealed value, a sorted list, so that neither has an order, a time or a row of
its own for a vote. Why, and what somebody with the database or the homeserver's can see all the same: docs/adr/0020.
"""

import json
from collections.abc import Sequence

from tchap_bot_polls import voting
from tchap_bot_polls.keeping import Kept, Voice
from tchap_bot_polls.tally import Response
from tchap_bridges.bot import Room, Store
from tchap_bridges.errors import Misconfigured
from tchap_bridges.i18n import Phrase, Translator, _
from tchap_bridges.ids import PersonId

SIGN = "🗳"
"""The reaction that asks to vote."""


def offer() -> Phrase:
    """What the room reads of it."""
    return _(
        "Pour voter : !voter, ou réagissez par 🗳 ; je vous le demande en message direct. On saura qui a voté, pas "
        "quoi. Vous faites confiance à qui exploite ce robot, et votre serveur Matrix garde votre message direct. Un "
        "vote ne se change pas. Les personnes des réseaux reliés ne peuvent pas voter ici."
    )


async def open_booth(room: Room, poll: Kept, question: str) -> Phrase | None:
    """Ask whoever calls for their vote, alone. ``question`` has the answers by number."""
    if room.network:
        raise Misconfigured(_("un vote secret se donne en message direct, que les réseaux reliés n'ont pas"))
    if room.caller.person in await roll(room.kv, poll.id):
        await room.tell(room.caller.person, _("Vous avez déjà voté : « {question} »", question=poll.question))
        return None
    translate = Translator(poll.language)
    asked = "\n".join((question, translate(_warning()), translate(voting.how(poll))))
    if await room.ask(asked, "cast", poll.id, private=True, secret=True, key=_key(poll.id)):
        return None
    return _(
        "{name}, je ne peux pas vous écrire en message direct : ouvrez une conversation avec moi, puis : !voter",
        name=room.caller.name,
    )


async def cast(room: Room, poll: Kept | None, answer: str) -> str:
    """What somebody answered there; it says nothing of what."""
    if poll is None:
        return _("Ce vote est clos : votre réponse n'a pas été comptée.")
    translate = Translator(poll.language)
    voted = await roll(room.kv, poll.id)
    if room.caller.person in voted:
        return translate(_("Vous avez déjà voté : « {question} »", question=poll.question))
    ballots = [*await _ballots(room.kv, poll.id), list(voting.typed(answer, poll))]
    await room.kv.set(f"roll {poll.id}", json.dumps(sorted([*voted, room.caller.person])))
    await room.kv.set(f"ballots {poll.id}", json.dumps(sorted(ballots)))
    return translate(_("✓ Votre vote est compté, sans votre nom. Vous pouvez supprimer votre message."))


async def roll(kv: Store, poll: str) -> Sequence[PersonId]:
    """Who has voted, by the alphabet."""
    return [PersonId(one) for one in json.loads(await kv.get(f"roll {poll}") or "[]")]


async def voices(kv: Store, poll: Kept) -> list[Voice]:
    """What was voted, by nobody."""
    return [
        Voice(response=Response(id=str(n), sender=f"#{n}", at=poll.at, answers=tuple(answers)), name="")
        for n, answers in enumerate(await _ballots(kv, poll.id))
    ]


async def close(room: Room, poll: Kept) -> None:
    """Nobody is asked any more; roll and ballots are gone, once counted."""
    await room.withdraw(_key(poll.id))
    await room.kv.delete(f"roll {poll.id}")
    await room.kv.delete(f"ballots {poll.id}")


async def _ballots(kv: Store, poll: str) -> list[list[str]]:
    found: list[list[str]] = json.loads(await kv.get(f"ballots {poll}") or "[]")
    return found


def _key(poll: str) -> str:
    return f"vote {poll}"


def _warning() -> Phrase:
    return _(
        "Je n'écris nulle part qui a choisi quoi, et j'oublie votre réponse une fois comptée : je ne pourrai ni la "
        "retrouver ni la changer. Mais elle reste dans cette conversation, sur le serveur Matrix et dans vos "
        "appareils : qui exploite le serveur, ou ce robot, pourrait la lire. Si peu de gens votent, ou tous de même, "
        "le résultat dira qui a choisi quoi."
    )
