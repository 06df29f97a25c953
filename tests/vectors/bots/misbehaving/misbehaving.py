"""Bots that do what no bot should, and one that does not: installed for `bench bots` and tests that contain them."""

import asyncio
import time

from tchap_bridges.bot import Bot, Room, command, on
from tchap_bridges.events import Message


class Good(Bot):
    """Répond à « ping » par « pong »."""

    name = "sage"

    @on(Message)
    async def hear(self, room: Room, event: Message) -> str | None:
        word, _, rest = event.text.plain.partition(" ")
        return f"pong {rest}" if word == "ping" else None

    @command("sage")
    async def tell(self, room: Room, words: str) -> str:
        """Répète."""
        return f"sage {words}"


class Waits(Bot):
    """Attend sans fin, à chaque événement."""

    name = "dort"

    @on(Message)
    async def hear(self, room: Room, event: Message) -> None:
        await asyncio.Event().wait()


class Fails(Bot):
    """Échoue à chaque événement."""

    name = "rate"

    @on(Message)
    async def hear(self, room: Room, event: Message) -> None:
        raise RuntimeError("at everything")


class Talks(Bot):
    """Écrit mille messages, quarante par événement."""

    name = "bavard"

    @on(Message)
    async def hear(self, room: Room, event: Message) -> None:
        said = int(await room.kv.get("said") or 0)
        if said < 1000:
            await room.kv.set("said", str(said + 40))
            for n in range(40):
                await room.say(f"bla {said + n}")


class Blocks(Bot):
    """Bloque toute la boucle."""

    name = "bloque"

    @command("bloque")
    async def block(self, room: Room, words: str) -> str:
        """Bloque autant de secondes."""
        time.sleep(float(words))
        return "fini"
