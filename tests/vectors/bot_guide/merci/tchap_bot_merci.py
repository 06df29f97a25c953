from tchap_bridges.bot import Bot, Member, Power, Room, RoomConfig, at, command, field, on
from tchap_bridges.errors import Misconfigured
from tchap_bridges.events import Reaction
from tchap_bridges.i18n import Phrase, both
from tchap_bridges.ids import MessageId


class Settings(RoomConfig):
    emoji: str = field("👏", label=both("Réaction qui s'y joint", "Reaction that joins in"), max_length=8)
    when: str = field("tous les vendredis à 16h", label=both("Quand le bilan est dit", "When the total is told"))


class ThanksBot(Bot):
    """Remercie, et dit chaque semaine combien.

    EN: Thanks people, and says every week how often.
    """

    name = "merci"
    Config = Settings

    @command("merci", english=["thanks"])
    async def thank(self, room: Room[Settings], who: Member, why: str) -> None:
        """Remercie quelqu'un : !merci Ana pour la relecture

        EN: Thanks somebody: !thanks Ana for the review
        """
        if who.person == room.caller.person:
            raise Misconfigured(both("on ne se remercie pas soi-même", "nobody thanks themselves"))
        if why:
            await self.because(room, why, who.name)
        else:
            question = both("Merci à {name}, mais de quoi ?", "Thanks to {name}, but what for?", name=who.name)
            await room.ask(question, "because", who.name)

    async def because(self, room: Room[Settings], answer: str, words: str) -> None:
        """``words`` is what `ask` was given."""
        said = await room.say(both("👏 Merci à {name} {why}", "👏 Thanks to {name} {why}", name=words, why=answer))
        await room.kv.set(f"thanks {said}", "1")

    @on(Reaction)
    async def joined(self, room: Room[Settings], event: Reaction) -> None:
        count = await room.kv.get(f"thanks {event.target}")
        if count is not None and event.key == room.config.emoji:
            await room.kv.set(f"thanks {event.target}", str(int(count) + (-1 if event.removed else 1)))

    @at("when")
    async def weekly(self, room: Room[Settings]) -> Phrase | None:
        kept = await room.kv.all("thanks ")
        for key in kept:
            await room.kv.delete(key)
        n = sum(map(int, kept.values()))
        return both("Cette semaine : {n} mercis.", "This week: {n} thanks.", n=n) if kept else None

    @command("merci oublier", english=["thanks forget"], who=Power.MODERATOR)
    async def forget(self, room: Room[Settings]) -> Phrase:
        """Oublie le dernier merci auquel on répond.

        EN: Forgets the thanks that is answered.
        """
        await room.kv.delete(f"thanks {room.answered or MessageId('')}")
        return both("✓ Oublié.", "✓ Forgotten.")
