"""A bot that says what is posted to it."""

from tchap_bridges.bot import Bot, Room, webhook


class MarksBot(Bot):
    """Dit ce qu'on lui envoie."""

    name = "marques"

    @webhook(verify="hmac-sha256", dedup="id")
    async def came(self, room: Room, body: dict[str, str]) -> str:
        del room
        return body["text"]
