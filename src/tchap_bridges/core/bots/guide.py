"""``!bot regler NOM``, in a direct conversation: a link to the form, and the same questions one after the other."""

from collections.abc import Sequence
from typing import ClassVar

from pydantic import BaseModel

from tchap_bridges.bot import Bot, Room, RoomConfig, command
from tchap_bridges.core import clock
from tchap_bridges.core.bots import GUIDE
from tchap_bridges.core.bots.forms import Forms, Over
from tchap_bridges.core.bots.registry import Bots
from tchap_bridges.core.bots.settings import Settings, shown
from tchap_bridges.core.bots.turn import Turn
from tchap_bridges.core.ports import Database, Homeserver, Tx
from tchap_bridges.errors import Misconfigured
from tchap_bridges.i18n import Phrase, Translator, _
from tchap_bridges.ids import UserId
from tchap_bridges.roomconfig.checking import Errors
from tchap_bridges.roomconfig.dialogue import Question, Wrong, questions, with_answers


class Going(BaseModel):
    """How far it is. ``answers``: as they were typed, by field."""

    bot: str
    answers: dict[str, str] = {}


class Guide(Bot):
    """Règle les robots d'un salon, en privé."""

    name: ClassVar[str] = GUIDE

    def __init__(self, *, db: Database, homeserver: Homeserver, settings: Settings, forms: Forms, bots: Bots) -> None:
        self._db = db
        self._homeserver = homeserver
        self._settings = settings
        self._forms = forms
        self._bots = bots

    @command("bot", english=["bots"])
    async def begin(self, room: Room, words: str) -> None:
        """The switch has looked whether they may."""
        _verb, *rest = words.split()
        if not rest:
            await room.tell(room.caller.person, _hello())
            return
        name = self._bots.spelt(rest[0])
        config = await self._config(room, name)
        asked = questions(config, room.language)
        say = Translator(room.language)
        facts = await self._homeserver.facts(room.id)
        title = say(_("Réglages du robot {bot}, salon « {room} »", bot=name, room=facts.name or room.id))
        if not asked:
            await room.tell(room.caller.person, "\n".join((title, shown(say, self._bots[name], config))))
            return
        lines = [title]
        link = self._forms.link(room.id, name, UserId(room.caller.person))
        if link is not None:
            lines += ["", say(_("Par un formulaire (lien personnel, valable une heure, une seule fois) :")), link]
        lines += ["", say(_("Ou ici, question par question. « ok » garde ce qui est là, « annuler » arrête."))]
        await self._ask(room, Going(bot=name), asked, "\n".join(lines))

    async def answered(self, room: Room, answer: str, words: str) -> str | Phrase | None:
        going = Going.model_validate_json(words)
        try:  # the next question shows what is set
            await self._forms.allowed(room.id, UserId(room.caller.person))
        except Over:
            return _("✗ Vous ne pouvez plus régler les robots de ce salon.")
        config = await self._config(room, going.bot)
        asked = questions(config, room.language)
        question = asked[len(going.answers)]
        value = question.parse(answer)
        if isinstance(value, Wrong):
            raise Misconfigured(value.reason)
        going.answers[question.name] = answer
        self._check(going.bot, question.name, with_answers(config, {question.name: value}))
        if len(going.answers) < len(asked):
            await self._ask(room, going, asked)
            return None
        found = with_answers(config, {one.name: one.parse(going.answers[one.name]) for one in asked})
        if not isinstance(found, RoomConfig):
            say = Translator(room.language)
            wrong = " ; ".join(f"{name} : {say(why)}" if name else say(why) for name, why in found.items())
            return _("✗ {wrong}. Rien n'est changé : !bot regler {bot}", wrong=wrong, bot=going.bot)
        self._settings.check(going.bot, found)
        await self._save(room, going.bot, found)
        return _("✓ C'est réglé.")

    def _check(self, bot: str, name: str, found: RoomConfig | Errors) -> None:
        """Raises `Misconfigured` when it is this setting that says no time and should."""
        if isinstance(found, RoomConfig):
            try:
                self._settings.check(bot, found)
            except Misconfigured as error:
                if error.where == name:
                    raise

    async def _ask(self, room: Room, going: Going, asked: Sequence[Question], before: str = "") -> None:
        n = len(going.answers)
        text = f"{n + 1}/{len(asked)} {asked[n].text}"
        words = going.model_dump_json()
        await room.ask(f"{before}\n\n{text}" if before else text, "answered", words, private=True, key=going.bot)

    async def _config(self, room: Room, bot: str) -> RoomConfig:
        async with self._db.snapshot() as tx:
            return await self._settings.of(tx, room.id, bot)

    async def _save(self, room: Room, bot: str, config: RoomConfig) -> None:
        assert isinstance(room, Turn)
        user = UserId(room.caller.person)
        try:
            rule, name = await self._forms.allowed(room.id, user)
        except Over as error:
            raise Misconfigured(_("vous ne pouvez plus régler les robots de ce salon")) from error

        async def effect(tx: Tx) -> None:
            cause = f"{room.id} {user} {bot} {clock.now()}"
            await self._forms.change(tx, room.id, bot, user, config, name=name, rule=rule, cause=cause)

        room.also(effect)


def _hello() -> Phrase:
    return _(
        "Bonjour ! C'est ici que je vous écris en privé. Pour ne plus rien recevoir, quittez cette conversation. "
        "Toutes les commandes : !aide"
    )
