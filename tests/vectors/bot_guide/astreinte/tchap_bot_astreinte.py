from datetime import date

from tchap_bridges.bot import Bot, Room, command


class DutyBot(Bot):
    """Dit qui est d'astreinte."""

    name = "astreinte"

    @command("astreinte", english=["duty"])
    async def who(self, room: Room, day: date | None = None) -> str:
        """Dit qui c'est : !astreinte vendredi"""
        day = day or room.now.date()
        return f"{day:%d/%m} : {await room.kv.get(str(day)) or '?'}"

    @command("astreinte noter", english=["duty note"])
    async def note(self, room: Room, day: date, who: str) -> str:
        """Note qui ce sera : !astreinte noter vendredi Ana"""
        await room.kv.set(str(day), who)
        return f"✓ {day:%d/%m} : {who}"
