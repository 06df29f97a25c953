"""The bot of the scenarios about times: a bridge is started with it as `sabotage` says."""

from datetime import timedelta
from typing import Final

from tchap_bridges.bot import Bot, CatchUp, Room, Schedule, command

SPAN: Final = 4000
"""Milliseconds between two ticks in a room: shorter than `every` allows to anybody else, and never too much said."""


class Clockwork(Bot):
    """Bat la mesure, et sonne quand on le lui a ordonné."""

    name = "horloge"
    schedules = (Schedule(handler="tick", seconds=SPAN / 1000, catch_up=CatchUp.ALL),)

    async def tick(self, room: Room) -> str:
        return f"tic {round(room.when.timestamp() * 1000)}"

    @command("sonne")
    async def order(self, room: Room, words: str) -> None:
        """!sonne 1500 mots : les dit après 1500 ms"""
        wait, _space, what = words.partition(" ")
        await room.at(room.when + timedelta(milliseconds=int(wait)), "ring", what, key=what)

    async def ring(self, room: Room, words: str) -> str:
        return words
