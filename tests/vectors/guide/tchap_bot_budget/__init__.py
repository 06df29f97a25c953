"""A bot that keeps accounts, and says on Mondays where they stand."""

from tchap_bridges.bot import Bot, Room, RoomConfig, at, command, field


class Settings(RoomConfig):
    when: str = field("tous les lundis à 9h", label="Quand il en parle")


class BudgetBot(Bot):
    """Tient les comptes du salon."""

    name = "budget"
    Config = Settings

    @command("dépense", english=["spend"])
    async def spend(self, room: Room, words: str) -> str:
        """Note une dépense : !dépense 12 café"""
        amount, _space, what = words.partition(" ")
        await room.db.run("spend", amount=int(amount) if amount.isdecimal() else 0, what=what)
        return f"✓ {what}"

    @at("when", catch_up="once")
    async def monday(self, room: Room[Settings]) -> str:
        return f"Dépensé jusqu'au {room.when:%d/%m} : {await room.db.value('total')} €"
