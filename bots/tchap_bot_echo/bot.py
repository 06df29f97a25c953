"""Says again what it is told: shows that bots work in a room, and how one is written."""

from tchap_bridges.bot import Bot, Room, command
from tchap_bridges.i18n import _


class EchoBot(Bot):
    """Répète ce qu'on lui dit."""

    name = "echo"

    @command("echo", "écho")
    async def echo(self, room: Room, words: str) -> str:
        """Répète les mots qui suivent."""
        del room  # the room, who called, and `room.say` for more than one answer
        return words or _("Dites-moi quoi répéter : !echo bonjour")
