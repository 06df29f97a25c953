"""Votes of several places, whose ids know nothing of one another."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import cast

from tchap_bot_polls import voting
from tchap_bot_polls.bot import PollsBot
from tchap_bot_polls.keeping import Kept, Polls
from tchap_bot_polls.model import Kind, Rules
from tchap_bridges.bot import Room
from tchap_bridges.events import Author, Deletion, Option
from tchap_bridges.ids import ChatId, MessageId, PersonId


class Store:
    def __init__(self) -> None:
        self.kept: dict[str, str] = {}

    async def get(self, key: str) -> str | None:
        return self.kept.get(key)

    async def set(self, key: str, value: str) -> None:
        self.kept[key] = value

    async def delete(self, key: str) -> None:
        self.kept.pop(key, None)

    async def all(self, prefix: str = "") -> dict[str, str]:
        return {key: value for key, value in self.kept.items() if key.startswith(prefix)}


async def test_nobody_elsewhere_takes_the_place_of_a_vote_by_its_id() -> None:
    store = Store()
    poll = Kept(
        id="p", question="Q ?", options=(Option(id="1", text="A"),), rules=Rules(kind=Kind.SINGLE), by="@a:x", at=0
    )

    def room(person: str, network: str = "") -> Room:
        caller = Author(person=PersonId(person), name=person)
        return cast("Room", SimpleNamespace(kv=store, caller=caller, network=network))

    at = datetime.fromtimestamp(1, UTC)
    await voting.keep(room("@a:x"), poll, "$vote", at, ["1"])
    for n in range(100):  # one of them lies in the same drawer
        await voting.keep(room(f"m+{n}@evil.example", "mail"), poll, "$vote", at, ["1"])
    deletion = Deletion(
        id=MessageId("d"),
        chat=ChatId("c"),
        author=Author(person=PersonId("m"), name="m"),
        at=at,
        target=MessageId("$vote"),
    )
    await PollsBot().withdrawn(room("m", "chat"), deletion)
    assert "@a:x" in [one.response.sender for one in await Polls(store).votes("p")]
