"""A bot that rolls dice."""

import secrets

from tchap_bridges.bot import Bot, Room, command


class DiceBot(Bot):
    """Lance un dé."""

    name = "dice"

    @command("dé", "dice")
    async def roll(self, room: Room, words: str) -> str:
        """Lance un dé à six faces, ou à autant que vous dites."""
        sides = int(words) if words.isdecimal() and 0 < len(words) < 6 else 6
        return f"🎲 {1 + secrets.randbelow(max(1, sides))}"
