"""A room to try a bot in, without core or homeserver::

    room = FakeRoom()
    assert await room.hears(EchoBot(), "!echo bonjour") == ["bonjour"]

It finds the command, asks for its power and hands over the words as the core does.
"""

from dataclasses import dataclass, field

from tchap_bridges.bot import Bot, Command, Power
from tchap_bridges.errors import Misconfigured
from tchap_bridges.events import Author
from tchap_bridges.i18n import _
from tchap_bridges.ids import PersonId, RoomId


@dataclass(slots=True)
class FakeRoom:
    """`bot.Room`. ``power`` is the caller's level; ``said`` is all that was ever said here by bots."""

    id: RoomId = field(default=RoomId("!essai:exemple.fr"))
    caller: Author = field(default=Author(person=PersonId("@jeanne:exemple.fr"), name="Jeanne Martin"))
    power: int = Power.ADMIN
    said: list[str] = field(default_factory=list)

    async def say(self, text: str) -> None:
        self.said.append(text)

    async def hears(self, bot: Bot, text: str) -> list[str]:
        """What is said when the caller types this. Raises what the handler raises, and `Misconfigured` below power."""
        command = command_of(bot, text)
        if command is None:
            return []
        if self.power < command.who:
            raise Misconfigured(_("il faut être au moins modérateur du salon"))
        before = len(self.said)
        answer = await getattr(bot, command.handler)(self, text.partition(" ")[2].strip())
        if answer:
            self.said.append(answer)
        return self.said[before:]


def command_of(bot: Bot, text: str) -> Command | None:
    """The command that this text calls; None where it is no command of this bot."""
    if not text.startswith("!"):
        return None
    word = text[1:].partition(" ")[0].split("\n")[0].lower()
    return next((command for command in bot.commands if word in command.words), None)
