"""What people of linked networks type with a ``!`` before it: a bot's command where it is one for them too.

It is said in the room like all they say. Of any other command they are told once that it does nothing.
"""

from collections.abc import Callable

from tchap_bridges.bot import Command
from tchap_bridges.bridge import Direction
from tchap_bridges.core.bots.hearing import Hearing
from tchap_bridges.core.bots.registry import Bots, called
from tchap_bridges.core.commands import refusal, word_of
from tchap_bridges.core.denials import Denials
from tchap_bridges.core.links import Link
from tchap_bridges.core.outbox import Outbox
from tchap_bridges.core.ports import Tx
from tchap_bridges.core.words import unaccented
from tchap_bridges.errors import Misconfigured
from tchap_bridges.events import Form, Message, Text
from tchap_bridges.i18n import Phrase, Translator, _
from tchap_bridges.ids import ConnectionName, PersonId, RoomId, UserId

GhostOf = Callable[[ConnectionName, PersonId], UserId]


class Afar:
    """``home``: how the room's side is called; ``ghost_of``: as whom the audit knows somebody of a connection."""

    def __init__(
        self,
        *,
        bots: Bots,
        hearing: Hearing,
        outbox: Outbox,
        denials: Denials,
        ghost_of: GhostOf,
        home: str,
        words: Translator,
    ) -> None:
        self._bots = bots
        self._hearing = hearing
        self._outbox = outbox
        self._denials = denials
        self._ghost_of = ghost_of
        self._words = words
        self._reason: Phrase = _("ce n'est une commande que pour les membres du salon, depuis {home}", home=home)

    def calls(self, room: RoomId, event: Message) -> str | None:
        """The bot whose command it is."""
        word, rest = self._typed(event)
        on = self._on(room, word)
        command = self._command(on, word, rest)
        return on if command is not None and command.linked else None

    async def refuse(self, tx: Tx, link: Link, event: Message, author: str, message: int, cause: str) -> None:
        """Where it is a command that they may not give. ``message`` is its row, ``author`` who said it to the store."""
        word, _rest = self._typed(event)
        if word not in self._bots.builtin and not self._on(link.room, word):
            return
        ghost = self._ghost_of(link.connection, event.author.person)
        await self._denials.keep(tx, ghost, link.room, word, f"network={link.connection}")
        told = f"{link.target} {author} command"
        if await tx.value("kv_get", space="hint", key=told):
            return
        await tx.run("kv_set", space="hint", key=told, value=b"told")
        text = Text(plain=refusal(Misconfigured(self._reason), self._words))
        both_ways = link.direction is Direction.BOTH and link.carries_out and link.state == "active"
        there = [link.target] if both_ways else []
        await self._outbox.notice(tx, link.room, text, cause=cause, about=message, also=there)

    def _typed(self, event: Message) -> tuple[str, str]:
        """The word, as we write it, and what follows. What robots say calls nobody."""
        word, rest = (event.form is not Form.NOTICE and word_of(event.text.plain)) or ("", "")
        alike = (one for one in (*self._bots.words, *sorted(self._bots.builtin)) if unaccented(one) == unaccented(word))
        return (word if word in self._bots.words else next(alike, "")), rest

    def _on(self, room: RoomId, word: str) -> str:
        """The only bot that is on there and has the word; "" for none."""
        names = [name for name in self._bots.words.get(word, ()) if self._hearing.is_on(room, name)]
        return names[0] if len(names) == 1 else ""

    def _command(self, name: str, word: str, rest: str) -> Command | None:
        found = called(name, self._bots[name], word, rest) if name else None
        return found[0] if found is not None else None
